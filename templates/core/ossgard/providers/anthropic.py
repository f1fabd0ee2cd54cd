"""Anthropic's Messages interface."""

import re

from ossgard.model import JsonObject
from ossgard.ports import Clock, HttpClient
from ossgard.providers.batch.anthropic import AnthropicBatches
from ossgard.providers.chat import ChatAnswer, ChatLimits, chat_limits, count, post_question
from ossgard.providers.http_api import ModelApi, malformed

API_VERSION = "2023-06-01"
TIMEOUT_SECONDS = 180.0

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


def _api(http: HttpClient, clock: Clock, url: str, model: str, api_key: str, headers: dict[str, str]) -> ModelApi:
    return ModelApi(
        http,
        clock,
        provider="Anthropic",
        role="llm",
        model=model,
        # The version belongs to the paths, but some put it here.
        base_url=url.rstrip("/").removesuffix("/v1"),
        headers={"anthropic-version": API_VERSION, "x-api-key": api_key, **headers},
        secret=api_key,
        timeout_seconds=TIMEOUT_SECONDS,
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
    ) -> None:
        self._model = model
        self._api = _api(http, clock, url, model, api_key, headers or {})
        self._batches = AnthropicBatches(_api(http, clock, batch_url or url, model, api_key, {}), clock)

    @property
    def name(self) -> str:
        """Provider and model, for messages."""
        return self._api.name

    @property
    def limits(self) -> ChatLimits:
        """How much text the model takes."""
        return chat_limits("anthropic", self._model)

    @property
    def batches(self) -> AnthropicBatches:
        """The batch interface of the model."""
        return self._batches

    async def complete(self, system: str, user: str, max_tokens: int) -> ChatAnswer:
        """Ask a question; the system prompt is marked for Anthropic's cache."""
        question = self._question(system, user, max_tokens, {"type": "ephemeral"})
        return self.read(await post_question(self._api, "/v1/messages", question))

    def body(self, system: str, user: str, max_tokens: int, temperature: bool = True) -> JsonObject:
        """A question in a batch; see `BatchChatModel`."""
        question = self._question(system, user, max_tokens, {"type": "ephemeral", "ttl": _BATCH_CACHE})
        refused = _WITHOUT_TEMPERATURE.match(self._model.rpartition("/")[2]) or not self._api.takes_temperature
        return {**question, "temperature": 0} if temperature and not refused else question

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

    def _question(self, system: str, user: str, max_tokens: int, cache: JsonObject) -> JsonObject:
        return {
            "model": self._model,
            "max_tokens": max_tokens,
            "system": [{"type": "text", "text": system, "cache_control": cache}],
            "messages": [{"role": "user", "content": user}],
        }


def _text(block: object) -> str:
    """The text of a content block; other kinds, such as the model's thinking, have none that counts."""
    if isinstance(block, dict) and block.get("type") == "text" and isinstance(text := block.get("text"), str):
        return text
    return ""
