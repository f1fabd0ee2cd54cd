"""Anthropic's Messages interface."""

import re
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import urlsplit

from ossgard.model import JsonObject
from ossgard.outgoing import CHAT
from ossgard.providers.batch.anthropic import AnthropicBatches
from ossgard.providers.chat import ChatAnswer, ChatLimits, ask_model, chat_limits, count
from ossgard.providers.http_api import ModelAccess, ModelApi, malformed
from ossgard.refusals import Option, Options, named_options, with_options

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


def anthropic_api(access: ModelAccess, headers: Mapping[str, str] | None = None) -> ModelApi:
    """Anthropic's interface at `https://api.anthropic.com`, or at what stands for it.

    Args:
        access: the model.
        headers: further headers of every request.
    """
    parts = urlsplit(access.url)
    return ModelApi(
        access,
        provider="Anthropic",
        role="llm",
        # The version belongs to the paths, but some put it here.
        base_url=parts._replace(path=parts.path.rstrip("/").removesuffix("/v1")).geturl(),
        headers={"anthropic-version": API_VERSION, "x-api-key": access.api_key, **(headers or {})},
        kind=CHAT,
    )


class AnthropicChat:
    """A chat model at Anthropic.

    Args:
        api: answers single questions.
        direct: the provider itself, where `api` leads through a gateway: that takes no batches.
        context_tokens: how much the model holds, when the account's configuration tells.
    """

    def __init__(self, api: ModelApi, direct: ModelApi | None = None, context_tokens: int | None = None) -> None:
        self._api = api
        self._limits = chat_limits("anthropic", api.model, context_tokens)
        self._batches = AnthropicBatches(direct or api)

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
            "model": self._api.model,
            "max_tokens": max_tokens,
            "system": system,
            "messages": [{"role": "user", "content": user}],
        }

    def _options(self, system: str, cache: JsonObject) -> Options:
        cached = Option(("cache_control",), {"system": [{"type": "text", "text": system, "cache_control": cache}]})
        if _WITHOUT_TEMPERATURE.match(self._api.model.rpartition("/")[2]):
            return [[cached]]
        return [[cached], [Option(("temperature",), {"temperature": 0})]]


def _text(block: object) -> str:
    """The text of a content block; other kinds, such as the model's thinking, have none that counts."""
    if isinstance(block, dict) and block.get("type") == "text" and isinstance(text := block.get("text"), str):
        return text
    return ""
