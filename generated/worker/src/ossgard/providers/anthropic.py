"""Anthropic's Messages interface."""

import re
from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from ossgard.model import JsonObject
from ossgard.outgoing import CHAT
from ossgard.ports import Clock, HttpClient
from ossgard.providers.batch.anthropic import AnthropicBatches
from ossgard.providers.chat import ChatAnswer, ChatLimits, ask_model, chat_limits, count
from ossgard.providers.http_api import ModelApi, malformed
from ossgard.refusals import KnownRefusals, Option, Options, named_options, with_options

API_VERSION = "2023-06-01"

_PROBLEMS = {
    "max_tokens": "the answer was cut off, since it was too long",
    "model_context_window_exceeded": "the answer was cut off, since the model's context was full",
    "refusal": "the model refused to answer",
}
# Models that refuse to be given a temperature: Opus from 4.7, and everything from 5.
_WITHOUT_TEMPERATURE = re.compile(r"claude-(?:opus-4-(?:[7-9]|1\d)|[a-z]+-(?:[5-9]|1\d))(?!\d)")
# An entry of the cache lives for 5 minutes, or for this long at a higher price of writing it. Batches often take longer
# than 5 minutes, and Anthropic advises this for them.
_BATCH_CACHE = "1h"


def _api(
    http: HttpClient,
    clock: Clock,
    url: str,
    model: str,
    api_key: str,
    headers: dict[str, str],
    refusals: KnownRefusals | None,
) -> ModelApi:
    parts = urlsplit(url)
    return ModelApi(
        http,
        clock,
        provider="Anthropic",
        role="llm",
        model=model,
        # The version belongs to the paths, but some put it here.
        base_url=parts._replace(path=parts.path.rstrip("/").removesuffix("/v1")).geturl(),
        headers={"anthropic-version": API_VERSION, "x-api-key": api_key, **headers},
        secret=api_key,
        kind=CHAT,
        refusals=refusals,
    )


class AnthropicChat:
    """A chat model at Anthropic.

    Args:
        http: speaks HTTP.
        clock: tells the time.
        url: `https://api.anthropic.com`, or what stands for it.
        model: the model's name.
        api_key: the account's key.
        headers: further headers of every request but those of batches.
        batch_url: where batches go, if that is elsewhere: a gateway does not take them.
        context_tokens: how much the model holds, when the account's configuration tells.
        refusals: what models have refused so far.
    """

    def __init__(
        self,
        http: HttpClient,
        clock: Clock,
        url: str,
        model: str,
        api_key: str,
        headers: dict[str, str] | None = None,
        batch_url: str | None = None,
        context_tokens: int | None = None,
        refusals: KnownRefusals | None = None,
    ) -> None:
        self._model = model
        self._limits = chat_limits("anthropic", model, context_tokens)
        self._api = _api(http, clock, url, model, api_key, headers or {}, refusals)
        self._batches = AnthropicBatches(_api(http, clock, batch_url or url, model, api_key, {}, refusals), clock)

    @property
    def name(self) -> str:
        """Provider and model, for messages."""
        return self._api.name

    @property
    def limits(self) -> ChatLimits:
        """How much text the model takes."""
        return self._limits

    @property
    def batches(self) -> AnthropicBatches:
        """The batch interface of the model."""
        return self._batches

    async def complete(self, system: str, user: str, max_tokens: int) -> ChatAnswer:
        """Ask a question; the system prompt is marked for Anthropic's cache."""
        question, options = self._question(system, user, max_tokens), self._options(system, {"type": "ephemeral"})
        return self.read(await ask_model(self._api, "/v1/messages", question, options))

    def body(self, system: str, user: str, max_tokens: int, left_out: Collection[str] = ()) -> JsonObject:
        """A question in a batch; see `BatchChatModel`."""
        options = self._options(system, {"type": "ephemeral", "ttl": _BATCH_CACHE})
        return with_options(self._question(system, user, max_tokens), options, self._api.refused.union(left_out))[0]

    def refused(self, errors: Iterable[str], left_out: Collection[str]) -> Collection[str]:
        """The options that made questions of a batch fail; see `BatchChatModel`."""
        return named_options(errors, self._options("", {}), self._api.refused.union(left_out))

    def read(self, answer: JsonObject) -> ChatAnswer:
        """What an answer says; see `BatchChatModel`."""
        blocks, stop_reason = answer.get("content"), answer.get("stop_reason")
        if not isinstance(blocks, list):
            raise malformed(self.name, "a list of content blocks")
        usage = answer.get("usage")
        return ChatAnswer(
            text="".join(_text(block) for block in blocks),
            # What the cache took in or gave out is not part of `input_tokens`.
            input_tokens=count(usage, "input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"),
            output_tokens=count(usage, "output_tokens"),
            problem=_PROBLEMS.get(str(stop_reason)),
        )

    def _question(self, system: str, user: str, max_tokens: int) -> JsonObject:
        return {
            "model": self._model,
            "max_tokens": max_tokens,
            "system": system,
            "messages": [{"role": "user", "content": user}],
        }

    def _options(self, system: str, cache: JsonObject) -> Options:
        cached = Option(("cache_control",), {"system": [{"type": "text", "text": system, "cache_control": cache}]})
        if _WITHOUT_TEMPERATURE.match(self._model.rpartition("/")[2]):
            return [[cached]]
        return [[cached], [Option(("temperature",), {"temperature": 0})]]


def _text(block: object) -> str:
    """The text of a content block; other kinds, such as the model's thinking, have none that counts."""
    if isinstance(block, dict) and block.get("type") == "text" and isinstance(text := block.get("text"), str):
        return text
    return ""
