"""Embedding models as the pipeline sees them, and what all of them do alike: cut, divide, check."""

import math
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ossgard.embedding_sizes import own_size, plain_name
from ossgard.errors import PermanentError
from ossgard.providers.http_api import ModelApi, NotFound, RequestRefused, malformed
from ossgard.providers.tokens import byte_size, cut, estimate_tokens

# Providers count a little differently than they say, and add marks of their own.
_SHARE_OF_LIMIT = 0.95
# An empty text is refused by OpenAI, and has no direction anywhere.
_EMPTY = "(empty)"
# A text that nobody can have anything against.
_CONTROL = "ossgard"


@dataclass(frozen=True)
class EmbeddingLimits:
    """What a model takes: tokens of one text, texts of one request, tokens of one request."""

    text_tokens: int
    texts: int = 2048
    request_tokens: int = 300_000


@dataclass(frozen=True)
class EmbeddingAnswer:
    """Vectors in the order of the texts (arrays of 32-bit floats), and the tokens they used."""

    vectors: Sequence[Sequence[float]]
    input_tokens: int


@dataclass(frozen=True)
class RawVectors:
    """What one request gave, not yet checked against what was asked."""

    vectors: Sequence[Sequence[float]]
    input_tokens: int


@dataclass(frozen=True)
class Embeddings:
    """Vectors in the order of the texts, None for a text that the provider refuses, and the tokens they used.

    `refusal` is what the provider said about the last such text.
    """

    vectors: Sequence[Sequence[float] | None]
    input_tokens: int
    refusal: str | None = None


class EmbeddingModel(Protocol):
    """Turns texts into vectors, near to each other when the texts mean the same."""

    @property
    def name(self) -> str:
        """Provider and model, for messages."""
        ...

    @property
    def dimensions(self) -> int | None:
        """The size of the vectors; None when only the first answer tells."""
        ...

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts of any length and number. A text that the provider refuses costs no other its vector.

        Raises:
            RetryableError: the provider cannot answer now.
            PermanentError: the provider does not accept the account's configuration, or the vectors are not what was
                asked for.
        """
        ...


# Tokens of one text by the beginning of the model's name, the longest that fits; the first entry is a safe guess.
_TEXT_TOKENS: Mapping[str, int] = {
    "": 512,
    "text-embedding-": 8191,
    "nomic-embed-text": 2048,
    "all-minilm": 256,
    "bge-m3": 8192,
    "snowflake-arctic-embed2": 8192,
    "embeddinggemma": 2048,
    "qwen3-embedding": 8192,
}
# Ollama has no limits of a request, but a computer without a graphics card should answer before the time is over.
_OLLAMA_TEXTS = 16


def embedding_limits(provider: str, model: str) -> EmbeddingLimits:
    """What a model takes; of models that are not known, what is safe to assume."""
    name = plain_name(model)
    text_tokens = _TEXT_TOKENS[max((prefix for prefix in _TEXT_TOKENS if name.startswith(prefix)), key=len)]
    return EmbeddingLimits(text_tokens, texts=_OLLAMA_TEXTS) if provider == "ollama" else EmbeddingLimits(text_tokens)


class Embedder(ABC):
    """The part of an embedding model that is the same for every provider.

    Args:
        api: answers requests.
        limits: how much text the model takes.
        dimensions: the size that vectors have to have; None for the model's own.
    """

    def __init__(self, api: ModelApi, limits: EmbeddingLimits, dimensions: int | None) -> None:
        self._api = api
        self._limits = limits
        self._dimensions = dimensions or own_size(api.model)

    @property
    def name(self) -> str:
        """Provider and model, for messages."""
        return self._api.name

    @property
    def limits(self) -> EmbeddingLimits:
        """How much text the model takes."""
        return self._limits

    @property
    def dimensions(self) -> int | None:
        """The size of the vectors; None when only the first answer tells."""
        return self._dimensions

    @abstractmethod
    async def _embed_request(self, texts: Sequence[str]) -> RawVectors:
        """Embed what fits into one request; the vectors in the order of the texts."""

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts of any length and number; see `EmbeddingModel`."""
        parts = divided([prepare(text, self.limits) for text in texts], self.limits)
        found = _joined([await self._embed_part(part) for part in parts])
        vectors = [vector for vector in found.vectors if vector is not None]
        self._check(vectors, len(vectors))
        return found

    async def _embed_part(self, texts: Sequence[str], is_usable: bool = False) -> Embeddings:
        """Embed the texts of one request; when it is refused each half of it, down to the single text that is.

        `is_usable` says that the provider is known to embed other texts.
        """
        try:
            answer = await self._embed_or_shorten(texts)
        except RequestRefused as refusal:
            if not is_usable:
                await self._check_usable(refusal)
            if len(texts) == 1:
                return Embeddings([None], 0, str(refusal))
            middle = len(texts) // 2
            return _joined([await self._embed_part(half, True) for half in (texts[:middle], texts[middle:])])
        self._check(answer.vectors, len(texts))
        return Embeddings(answer.vectors, answer.input_tokens)

    async def _check_usable(self, refusal: RequestRefused) -> None:
        """Raise a refusal unless the provider embeds another text: then it is not that of a text."""
        try:
            await self._embed_request([_CONTROL])
        except RequestRefused:
            raise refusal from None

    async def _embed_or_shorten(self, texts: Sequence[str]) -> RawVectors:
        """Embed the texts of one request; should one be too long after all, all are cut to what can never be."""
        try:
            return await self._embed_request(texts)
        except NotFound:
            raise
        except RequestRefused:
            limit = _usable(self.limits)
            shorter = [cut(text, limit, byte_size) for text in texts]
            if shorter == texts:
                raise
            return await self._embed_request(shorter)

    def _check(self, vectors: Sequence[Sequence[float]], expected: int) -> None:
        """Refuse vectors that must not be stored."""
        if len(vectors) != expected:
            raise PermanentError(
                f"{self.name} answered {expected} texts with {len(vectors)} vectors. "
                "Use another embedding.model or embedding.url in the account's configuration, then start the scan again"
            )
        sizes = {len(vector) for vector in vectors}
        wanted = {self._dimensions} if self._dimensions else set(list(sizes)[:1])
        if not sizes <= wanted:
            raise PermanentError(
                f"{self.name} sent vectors of {_listed(sizes)} dimensions where {_listed(wanted)} are needed. "
                "Use another embedding.model in the account's configuration, then start the scan again"
            )


def _joined(parts: Sequence[Embeddings]) -> Embeddings:
    """What several requests gave, as one."""
    refusals = [part.refusal for part in parts if part.refusal is not None]
    return Embeddings(
        [vector for part in parts for vector in part.vectors],
        sum(part.input_tokens for part in parts),
        refusals[-1] if refusals else None,
    )


def prepare(text: str, limits: EmbeddingLimits) -> str:
    """A text as it is sent: not empty, and cut to 95 % of what the model takes."""
    return cut(text, _usable(limits)) if text.strip() else _EMPTY


def divided(texts: Sequence[str], limits: EmbeddingLimits) -> Iterator[list[str]]:
    """The texts in order, as many together as one request may hold."""
    part: list[str] = []
    tokens = 0
    for text in texts:
        size = estimate_tokens(text)
        if part and (len(part) == limits.texts or tokens + size > int(limits.request_tokens * _SHARE_OF_LIMIT)):
            yield part
            part, tokens = [], 0
        part.append(text)
        tokens += size
    if part:
        yield part


def vector(value: object, sender: str) -> Sequence[float]:
    """The numbers of a vector, checked and packed.

    Raises:
        RetryableError: they are no numbers.
    """
    if not isinstance(value, list | array):
        raise malformed(sender, "a vector")
    try:
        numbers = array("f", value)
    except (TypeError, OverflowError):
        raise malformed(sender, "a vector of numbers") from None
    if not math.isfinite(sum(numbers)):
        raise malformed(sender, "a vector of finite numbers")
    return numbers


def _usable(limits: EmbeddingLimits) -> int:
    return int(limits.text_tokens * _SHARE_OF_LIMIT)


def _listed(sizes: set[int] | set[int | None]) -> str:
    return " and ".join(str(size) for size in sorted(size or 0 for size in sizes))
