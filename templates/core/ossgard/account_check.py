"""Tries what an account's configuration names: GitHub must accept the token, the others are warned about."""

import asyncio
import math
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, Literal

from ossgard.errors import ConnectionFailure, HttpError, OssgardError, PermanentError, RetryableError
from ossgard.outgoing import PROBE, Outgoing
from ossgard.pipeline.signals import has_other_size
from ossgard.ports import Clock, HttpClient, HttpStream
from ossgard.providers.chat import ChatModel
from ossgard.providers.embeddings import EmbeddingModel
from ossgard.providers.factory import Providers
from ossgard.providers.gateway import is_own_address
from ossgard.providers.github import NotGitHub, TokenRefused
from ossgard.services import Services
from ossgard.spec.error_codes import ErrorCode
from ossgard.spec.models import Config, EmbeddingConfig, LlmConfig
from ossgard.validation import INVALID

# How long one answer may take: somebody waits for the whole. A scan has more patience.
TEST_SECONDS = 6.0
# When to come back, where GitHub did not say.
RETRY_SECONDS = 60
_MOST_RETRY_SECONDS = 3600
_SYSTEM = "This is a test of the connection. Answer with an empty JSON object: {}"
_QUESTION = "Answer with {} and nothing else."
_TEXT = "a test of the connection"
# Models that think first count that, too.
_ANSWER_TOKENS = 512

Part = Literal["llm", "embedding"]
_NAMES = {"llm": "chat model", "embedding": "embedding model"}


async def check_services(services: Services, config: Config, is_new: bool) -> list[str]:
    """What may not work of a configuration, of an account that is new or not.

    GitHub is asked first: who has no token makes this host call nobody else.

    Raises:
        HttpError: 400, when GitHub refuses the token; 503, when a host that anybody can reach could not ask it about a
            new account.
    """
    hasty = replace(services, http=_Hasty(services.http, services.clock))
    providers = Providers(hasty, config)
    warnings = await _check_token(hasty, config, providers, is_new)
    tests = [_test_part(hasty, config, providers, "llm"), _test_part(hasty, config, providers, "embedding")]
    store = config.vector_store
    if services.host.vector_store and store is not None and store.url is not None:
        tests.append(_probe(hasty, store.url))
    return warnings + await _all(tests)


class _Hasty:
    """An HTTP client that waits no longer than a test may take."""

    def __init__(self, http: HttpClient, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    @asynccontextmanager
    async def stream(
        self, method: str, url: str, *, timeout_seconds: float, **options: Any
    ) -> AsyncIterator[HttpStream]:
        """Send a request, and read the answer piece by piece."""
        options["timeout_seconds"] = min(timeout_seconds, TEST_SECONDS)
        begun = self._clock.now()
        async with AsyncExitStack() as opened:
            try:
                answer = await opened.enter_async_context(self._http.stream(method, url, **options))
            except ConnectionFailure:
                # A connection that was kept open may have been closed meanwhile; what is slow is not tried again.
                if (self._clock.now() - begun).total_seconds() > TEST_SECONDS / 2:
                    raise
                answer = await opened.enter_async_context(self._http.stream(method, url, **options))
            yield answer


async def _check_token(services: Services, config: Config, providers: Providers, is_new: bool) -> list[str]:
    token = config.github.token
    if not (token.isascii() and token.isprintable()) or " " in token:
        problems = {"config": ["github.token has characters that no token has"]}
        raise HttpError(ErrorCode.CONFIG_REFUSED, INVALID, problems)
    try:
        await providers.github().check_token()
    except TokenRefused as error:
        raise HttpError(ErrorCode.GITHUB_TOKEN_REFUSED, str(error)) from None
    except (RetryableError, NotGitHub) as error:
        if not (is_new and services.host.checks_new_accounts):
            return [f"The GitHub token could not be checked: {error}"]
        asked = error.retry_after if isinstance(error, RetryableError) else None
        wait = min(max(1, math.ceil(RETRY_SECONDS if asked is None else asked)), _MOST_RETRY_SECONDS)
        raise HttpError(
            ErrorCode.GITHUB_UNREACHABLE,
            f"The GitHub token could not be checked, and nobody is registered here without that: "
            f"{str(error).rstrip('.')}. Try again later",
            headers={"Retry-After": str(wait)},
        ) from None
    return []


async def _all(tests: Sequence[Coroutine[Any, Any, str | None]]) -> list[str]:
    # Every test is waited for, even when one breaks: a Worker must not leave tasks behind.
    found = await asyncio.gather(*tests, return_exceptions=True)
    for error in found:
        if isinstance(error, BaseException):
            raise error
    return [warning for warning in found if isinstance(warning, str)]


async def _test_part(services: Services, config: Config, providers: Providers, part: Part) -> str | None:
    """A warning when a model does not answer the smallest of questions."""
    model: LlmConfig | EmbeddingConfig = config.llm if part == "llm" else config.embedding
    if not model.api_key and model.provider != "ollama" and is_own_address(model.url):
        return f"{part}.api_key is empty: {model.provider} answers nobody without a key"
    try:
        if part == "llm":
            return await _ask_chat(providers.chat_model())
        return await _ask_embedding(services, config, providers.embedding_model())
    except ConnectionFailure as failure:
        return f"The {_NAMES[part]} ({part}.url) at {model.url} could not be reached: {failure.reason}"
    except (PermanentError, RetryableError) as error:
        fields = [f"{part}.{field}" for field in ("url", "model", "api_key")]
        # Most errors name the field that is to blame.
        advice = "" if any(field in str(error) for field in fields) else f". Check {', '.join(fields)}"
        return f"The {_NAMES[part]} failed a test: {str(error).rstrip('.')}{advice}"


async def _ask_chat(model: ChatModel) -> str | None:
    answer = await model.complete(_SYSTEM, _QUESTION, _ANSWER_TOKENS)
    if answer.text.strip() or answer.problem:
        return None
    return f"The chat model answered a test with nothing at all: {model.name} may not be a chat model. Check llm.model"


async def _ask_embedding(services: Services, config: Config, model: EmbeddingModel) -> str | None:
    embedded = await model.embed([_TEXT])
    [vector] = embedded.vectors
    if vector is None:
        return f"The embedding model refuses a test: {embedded.refusal}. Check embedding.model"
    size = len(vector)
    # The index of a cloud host has one size, which the model itself holds to.
    if services.host.vector_dimensions or config.vector_store is not None:
        return None
    try:
        is_other = await has_other_size(services.vectors(None), size)
    except OssgardError:
        return None
    if not is_other:
        return None
    return (
        f"{model.name} gives vectors of {size} dimensions, and those that are stored here have another size: the next "
        "scan with it embeds everything anew, for all accounts. Use another embedding.model if that is not wanted"
    )


async def _probe(services: Services, url: str) -> str | None:
    """A warning when no vector store answers at a URL; any HTTP answer will do."""
    try:
        await Outgoing(services.http, "The vector store", "vector_store.url").request(PROBE, "HEAD", url)
    except ConnectionFailure as failure:
        return f"The vector store (vector_store.url) at {url} could not be reached: {failure.reason}"
    except PermanentError as error:
        return str(error)
    return None
