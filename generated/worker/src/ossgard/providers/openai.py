"""OpenAI's chat completions and embeddings, which many other servers speak, too."""

import base64
import binascii
import re
import sys
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence

from ossgard.embedding_sizes import can_shorten
from ossgard.model import JsonObject
from ossgard.outgoing import CHAT, CallKind
from ossgard.providers.batch.openai import OpenAIBatches
from ossgard.providers.chat import ChatAnswer, ChatLimits, ask_model, chat_limits, count
from ossgard.providers.embeddings import (
    Embedder,
    EmbeddingAnswer,
    RawVectors,
    embedding_limits,
    vector,
)
from ossgard.providers.http_api import ModelAccess, ModelApi, malformed
from ossgard.refusals import Option, Options, named_options, with_options

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


def openai_api(access: ModelAccess, kind: CallKind, headers: Mapping[str, str] | None = None) -> ModelApi:
    """OpenAI's interface at `https://api.openai.com/v1`, or at what stands for it.

    Args:
        access: the model.
        kind: what it is asked for, `CHAT` or `EMBEDDING`.
        headers: further headers of every request.
    """
    return ModelApi(
        access,
        provider="OpenAI",
        role="llm" if kind is CHAT else "embedding",
        base_url=access.url,
        # Servers on one's own computer want no key.
        headers={**({"Authorization": f"Bearer {access.api_key}"} if access.api_key else {}), **(headers or {})},
        kind=kind,
    )


class OpenAIChat:
    """A chat model at OpenAI, or at a server that speaks its protocol.

    Args:
        api: answers single questions.
        direct: the provider itself, where `api` leads through a gateway: that takes no batches.
        context_tokens: how much the model holds, when the account's configuration tells.
    """

    def __init__(self, api: ModelApi, direct: ModelApi | None = None, context_tokens: int | None = None) -> None:
        self._api = api
        self._limits = chat_limits("openai", api.model, context_tokens)
        self._batches = OpenAIBatches(direct or api, "/v1/chat/completions")

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
        return _THINKS.match(self._api.model.rpartition("/")[2]) is not None

    def _question(self, system: str, user: str) -> JsonObject:
        return {
            "model": self._api.model,
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
        api: answers single requests.
        direct: the provider itself, where `api` leads through a gateway: that takes no batches.
        dimensions: the size that vectors have to have; None for the model's own.
    """

    def __init__(self, api: ModelApi, direct: ModelApi | None = None, dimensions: int | None = None) -> None:
        super().__init__(api, embedding_limits("openai", api.model), dimensions)
        self._batches = OpenAIBatches(direct or api, "/v1/embeddings")

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
        return {"model": self._api.model, "input": list(texts)}

    @property
    def _options(self) -> Options:
        if self.dimensions is None or not can_shorten(self._api.model):
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
