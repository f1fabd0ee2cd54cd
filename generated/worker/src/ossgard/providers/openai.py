"""OpenAI's chat completions and embeddings, which many other servers speak, too."""

import base64
import binascii
import re
import sys
from array import array
from collections.abc import Sequence

from ossgard.model import JsonObject
from ossgard.ports import Clock, HttpClient
from ossgard.providers.batch.openai import OpenAIBatches
from ossgard.providers.chat import ChatAnswer, ChatLimits, chat_limits, count, post_question
from ossgard.providers.embeddings import (
    Embedder,
    EmbeddingAnswer,
    EmbeddingLimits,
    RawVectors,
    embedding_limits,
    vector,
)
from ossgard.providers.http_api import ModelApi, malformed

TIMEOUT_SECONDS = 180.0

_PROBLEMS = {
    "length": "the answer was cut off, since it was too long",
    "content_filter": "the provider's content filter withheld the answer",
}
# Models that think before they answer count that, too, and know only the newer name of the limit.
_THINKS = re.compile(r"o\d|gpt-(?:[5-9]|\d\d)")
# Older models have one size of vectors only.
_SHORTENS = "text-embedding-3-"


def _api(
    http: HttpClient, clock: Clock, role: str, url: str, model: str, api_key: str, headers: dict[str, str] | None
) -> ModelApi:
    return ModelApi(
        http,
        clock,
        provider="OpenAI",
        role=role,
        model=model,
        base_url=url,
        # Servers on one's own computer want no key.
        headers={**({"Authorization": f"Bearer {api_key}"} if api_key else {}), **(headers or {})},
        secret=api_key,
        timeout_seconds=TIMEOUT_SECONDS,
    )


class OpenAIChat:
    """A chat model at OpenAI, or at a server that speaks its protocol.

    Args:
        http: speaks HTTP.
        clock: tells the time.
        url: `https://api.openai.com/v1`, or what stands for it.
        model: the model's name.
        api_key: the account's key; may be empty.
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
        self._api = _api(http, clock, "llm", url, model, api_key, headers)
        direct = _api(http, clock, "llm", batch_url or url, model, api_key, None)
        self._batches = OpenAIBatches(direct, clock, "/v1/chat/completions")

    @property
    def name(self) -> str:
        """Provider and model, for messages."""
        return self._api.name

    @property
    def limits(self) -> ChatLimits:
        """How much text the model takes."""
        return chat_limits("openai", self._model)

    @property
    def batches(self) -> OpenAIBatches:
        """The batch interface of the model."""
        return self._batches

    async def complete(self, system: str, user: str, max_tokens: int) -> ChatAnswer:
        """Ask a question; the answer is a JSON object."""
        return self.read(await post_question(self._api, "/chat/completions", self._question(system, user, max_tokens)))

    def body(self, system: str, user: str, max_tokens: int, temperature: bool = True) -> JsonObject:
        """A question in a batch; see `BatchChatModel`."""
        question = self._question(system, user, max_tokens)
        refused = self._thinks or not self._api.takes_temperature
        return {**question, "temperature": 0} if temperature and not refused else question

    def read(self, answer: JsonObject) -> ChatAnswer:
        """What an answer says; see `BatchChatModel`."""
        choices = answer.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(choice, dict) or not isinstance(message, dict):
            raise malformed(self.name, "a choice with a message")
        text, refusal, usage = message.get("content"), message.get("refusal"), answer.get("usage")
        problem = _PROBLEMS.get(str(choice.get("finish_reason")))
        return ChatAnswer(
            text=text if isinstance(text, str) else "",
            input_tokens=count(usage, "prompt_tokens"),
            output_tokens=count(usage, "completion_tokens"),
            problem=f"the model refused to answer: {refusal}" if refusal else problem,
        )

    @property
    def _thinks(self) -> bool:
        return _THINKS.match(self._model.rpartition("/")[2]) is not None

    def _question(self, system: str, user: str, max_tokens: int) -> JsonObject:
        return {
            "model": self._model,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
            "response_format": {"type": "json_object"},
            "max_completion_tokens" if self._thinks else "max_tokens": max_tokens,
        }


class OpenAIEmbeddings(Embedder):
    """An embedding model at OpenAI, or at a server that speaks its protocol.

    Args:
        http: speaks HTTP.
        clock: tells the time.
        url: `https://api.openai.com/v1`, or what stands for it.
        model: the model's name.
        api_key: the account's key; may be empty.
        dimensions: the size that vectors have to have; None for the model's own.
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
        dimensions: int | None = None,
        headers: dict[str, str] | None = None,
        batch_url: str | None = None,
    ) -> None:
        self._model = model
        self._api = _api(http, clock, "embedding", url, model, api_key, headers)
        direct = _api(http, clock, "embedding", batch_url or url, model, api_key, None)
        self._batches = OpenAIBatches(direct, clock, "/v1/embeddings")
        super().__init__(model, dimensions)

    @property
    def name(self) -> str:
        """Provider and model, for messages."""
        return self._api.name

    @property
    def limits(self) -> EmbeddingLimits:
        """How much text the model takes."""
        return embedding_limits("openai", self._model)

    @property
    def batches(self) -> OpenAIBatches:
        """The batch interface of the model."""
        return self._batches

    def body(self, texts: Sequence[str]) -> JsonObject:
        """Texts as a request; see `BatchEmbeddingModel`."""
        # Base64 is a third of the size of decimal numbers, and much faster to read.
        content: JsonObject = {"model": self._model, "input": list(texts), "encoding_format": "base64"}
        if self.dimensions is not None and self._model.startswith(_SHORTENS):
            content["dimensions"] = self.dimensions
        return content

    def read(self, answer: JsonObject, texts: int) -> EmbeddingAnswer:
        """The vectors in an answer; see `BatchEmbeddingModel`."""
        found = self._read(answer)
        self._check(found.vectors, texts)
        return EmbeddingAnswer(found.vectors, found.input_tokens)

    async def _embed_request(self, texts: Sequence[str]) -> RawVectors:
        return self._read(await self._api.post("/embeddings", self.body(texts)))

    def _read(self, answer: JsonObject) -> RawVectors:
        items = answer.get("data")
        if not isinstance(items, list):
            raise malformed(self.name, "a list of embeddings")
        vectors = {}
        for place, item in enumerate(items):
            if not isinstance(item, dict):
                raise malformed(self.name, "an object for each embedding")
            index = item.get("index", place)
            if isinstance(index, int):
                vectors[index] = self._vector(item.get("embedding"))
        if vectors.keys() != set(range(len(items))):
            raise malformed(self.name, "an embedding for each index")
        in_order = [vectors[index] for index in range(len(items))]
        return RawVectors(in_order, count(answer.get("usage"), "prompt_tokens"))

    def _vector(self, value: object) -> Sequence[float]:
        """A vector that was sent as base64, or as a list by servers that do not know better."""
        if isinstance(value, str):
            numbers = array("f")
            try:
                numbers.frombytes(base64.b64decode(value, validate=True))
            except (binascii.Error, ValueError):
                raise malformed(self.name, "a vector in base64") from None
            if sys.byteorder == "big":
                numbers.byteswap()
            return vector(numbers, self.name)
        return vector(value, self.name)
