"""OpenAI's chat completions and embeddings, which many other servers speak, too."""

import base64
import binascii
import re
import sys
from array import array
from collections.abc import Collection, Iterable, Sequence

from ossgard.embedding_sizes import can_shorten
from ossgard.model import JsonObject
from ossgard.outgoing import CHAT, EMBEDDING, CallKind
from ossgard.ports import Clock, HttpClient
from ossgard.providers.batch.openai import OpenAIBatches
from ossgard.providers.chat import ChatAnswer, ChatLimits, ask_model, chat_limits, count
from ossgard.providers.embeddings import (
    Embedder,
    EmbeddingAnswer,
    EmbeddingLimits,
    RawVectors,
    embedding_limits,
    vector,
)
from ossgard.providers.http_api import ModelApi, malformed
from ossgard.refusals import KnownRefusals, Option, Options, named_options, with_options

_PROBLEMS = {
    "length": "the answer was cut off, since it was too long",
    "content_filter": "the provider's content filter withheld the answer",
}
# Models that think before they answer count that, too, and know only the newer name of the limit.
_THINKS = re.compile(r"o\d|gpt-(?:[5-9]|\d\d)")

_JSON_ANSWER = Option(
    ("response_format", "json_object", "json mode", "json_mode", "structured output", "structured outputs"),
    {"response_format": {"type": "json_object"}},
)
_TEMPERATURE = Option(("temperature",), {"temperature": 0})
# Base64 is a third of the size of decimal numbers, and much faster to read.
_BASE64 = Option(("encoding_format", "base64"), {"encoding_format": "base64"})


def _api(
    http: HttpClient,
    clock: Clock,
    kind: CallKind,
    url: str,
    model: str,
    api_key: str,
    headers: dict[str, str] | None,
    refusals: KnownRefusals | None,
) -> ModelApi:
    return ModelApi(
        http,
        clock,
        provider="OpenAI",
        role="llm" if kind is CHAT else "embedding",
        model=model,
        base_url=url,
        # Servers on one's own computer want no key.
        headers={**({"Authorization": f"Bearer {api_key}"} if api_key else {}), **(headers or {})},
        secret=api_key,
        kind=kind,
        refusals=refusals,
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
        self._limits = chat_limits("openai", model, context_tokens)
        self._api = _api(http, clock, CHAT, url, model, api_key, headers, refusals)
        direct = _api(http, clock, CHAT, batch_url or url, model, api_key, None, refusals)
        self._batches = OpenAIBatches(direct, clock, "/v1/chat/completions")

    @property
    def name(self) -> str:
        """Provider and model, for messages."""
        return self._api.name

    @property
    def limits(self) -> ChatLimits:
        """How much text the model takes."""
        return self._limits

    @property
    def batches(self) -> OpenAIBatches:
        """The batch interface of the model."""
        return self._batches

    async def complete(self, system: str, user: str, max_tokens: int) -> ChatAnswer:
        """Ask a question; the answer is a JSON object."""
        question = self._question(system, user)
        return self.read(await ask_model(self._api, "/chat/completions", question, self._options(max_tokens)))

    def body(self, system: str, user: str, max_tokens: int, left_out: Collection[str] = ()) -> JsonObject:
        """A question in a batch; see `BatchChatModel`."""
        refused = self._api.refused.union(left_out)
        return with_options(self._question(system, user), self._options(max_tokens), refused)[0]

    def refused(self, errors: Iterable[str], left_out: Collection[str]) -> Collection[str]:
        """The options that made questions of a batch fail; see `BatchChatModel`."""
        return named_options(errors, self._options(0), self._api.refused.union(left_out))

    def read(self, answer: JsonObject) -> ChatAnswer:
        """What an answer says; see `BatchChatModel`."""
        choices = answer.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if isinstance(choice, dict):
            self._api.check(choice)
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(choice, dict) or not isinstance(message, dict):
            raise malformed(self.name, "a choice with a message")
        text, refusal, usage = _text(message.get("content")), message.get("refusal"), answer.get("usage")
        problem = _PROBLEMS.get(str(choice.get("finish_reason")))
        return ChatAnswer(
            text=text,
            input_tokens=count(usage, "prompt_tokens"),
            output_tokens=count(usage, "completion_tokens"),
            problem=f"the model refused to answer: {refusal}" if refusal else problem,
        )

    @property
    def _thinks(self) -> bool:
        return _THINKS.match(self._model.rpartition("/")[2]) is not None

    def _question(self, system: str, user: str) -> JsonObject:
        return {
            "model": self._model,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
        }

    def _options(self, max_tokens: int) -> Options:
        older, newer = (Option((name,), {name: max_tokens}) for name in ("max_tokens", "max_completion_tokens"))
        if self._thinks:
            return [[_JSON_ANSWER], [newer, older]]
        return [[_JSON_ANSWER], [_TEMPERATURE], [older, newer]]


def _text(content: object) -> str:
    """The text of a message; some servers send a list of parts, of which others are thoughts."""
    if isinstance(content, list):
        return "".join(
            _text(part.get("text")) for part in content if isinstance(part, dict) and part.get("type") == "text"
        )
    return content if isinstance(content, str) else ""


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
        refusals: what models have refused so far.
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
        refusals: KnownRefusals | None = None,
    ) -> None:
        self._model = model
        self._api = _api(http, clock, EMBEDDING, url, model, api_key, headers, refusals)
        direct = _api(http, clock, EMBEDDING, batch_url or url, model, api_key, None, refusals)
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
        return with_options(self._content(texts), self._options, self._api.refused)[0]

    def read(self, answer: JsonObject, texts: int) -> EmbeddingAnswer:
        """The vectors in an answer; see `BatchEmbeddingModel`."""
        found = self._read(answer)
        self._check(found.vectors, texts)
        return EmbeddingAnswer(found.vectors, found.input_tokens)

    async def _embed_request(self, texts: Sequence[str]) -> RawVectors:
        return self._read(await self._api.ask("/embeddings", self._content(texts), self._options))

    def _content(self, texts: Sequence[str]) -> JsonObject:
        return {"model": self._model, "input": list(texts)}

    @property
    def _options(self) -> Options:
        if self.dimensions is None or not can_shorten(self._model):
            return [[_BASE64]]
        return [[_BASE64], [Option(("dimensions",), {"dimensions": self.dimensions})]]

    def _read(self, answer: JsonObject) -> RawVectors:
        items = answer.get("data")
        if not isinstance(items, list):
            raise malformed(self.name, "a list of embeddings")
        vectors = {}
        for place, item in enumerate(items):
            if not isinstance(item, dict):
                raise malformed(self.name, "an object for each embedding")
            index = item.get("index", place)
            if type(index) is int:
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
