"""Tries the services that an account's configuration names: GitHub must accept the token, the others only be there."""

import asyncio
from collections.abc import Sequence

from ossgard.errors import ConnectionFailure, HttpError, PermanentError, RetryableError
from ossgard.outgoing import PROBE, Outgoing
from ossgard.providers.github import GitHub, TokenRefused
from ossgard.services import Services
from ossgard.spec.models import Config
from ossgard.validation import INVALID

# A Worker has six connections at most, and they are waited for together.
MAX_PROBES = 6


async def check_services(services: Services, config: Config) -> list[str]:
    """What may not work of a configuration.

    Raises:
        HttpError: 400, when GitHub refuses the token.
    """
    warnings = await _check_token(services, config.github.token)
    if config.llm.provider == "ollama" and config.llm.batch:
        warnings.append("llm.batch is ignored: Ollama has no batch interface")
    if config.embedding.provider == "ollama" and config.embedding.batch:
        warnings.append("embedding.batch is ignored: Ollama has no batch interface")
    probes = [("chat model (llm.url)", config.llm.url), ("embedding model (embedding.url)", config.embedding.url)]
    if config.vector_store is not None:
        if services.host.vector_store:
            probes.append(("vector store (vector_store.url)", config.vector_store.url))
        else:
            warnings.append("vector_store is ignored: this host keeps vectors in its own index")
    return warnings + await _probe_all(services, probes)


async def _check_token(services: Services, token: str) -> list[str]:
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise HttpError(400, INVALID, {"config": ["github.token has characters that no token has"]})
    github = GitHub(services.http, services.clock, services.settings.github_api_url, token)
    try:
        await github.check_token()
    except TokenRefused as error:
        raise HttpError(400, f"{error}. Create one at https://github.com/settings/tokens") from None
    except RetryableError as error:
        return [f"The GitHub token could not be checked: {error}"]
    return []


async def _probe_all(services: Services, probes: Sequence[tuple[str, str]]) -> list[str]:
    assert len(probes) <= MAX_PROBES
    # Every probe is waited for, even when one breaks: a Worker must not leave tasks behind.
    found = await asyncio.gather(*(_probe(services, name, url) for name, url in probes), return_exceptions=True)
    for error in found:
        if isinstance(error, BaseException):
            raise error
    return [warning for warning in found if isinstance(warning, str)]


async def _probe(services: Services, name: str, url: str) -> str | None:
    """A warning when nothing answers at a URL; any HTTP answer will do."""
    try:
        await Outgoing(services.http, f"The {name}", "its URL").request(PROBE, "HEAD", url)
    except ConnectionFailure as failure:
        return f"The {name} at {url} could not be reached: {failure.reason}"
    except PermanentError as error:
        return str(error)
    return None
