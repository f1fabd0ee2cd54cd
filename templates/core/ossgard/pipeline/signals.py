"""The two signals of a pull request, the code it touches and its intent: embedded, stored and found again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from ossgard.concurrency import gather_bounded
from ossgard.pipeline.text_cleaning import clean_body
from ossgard.pipeline.texts import code_point_id, code_text, intent_point_id, intent_text
from ossgard.pipeline.warnings import warning
from ossgard.ports import VectorPoint, VectorStore
from ossgard.providers.embeddings import Embeddings
from ossgard.providers.factory import Providers
from ossgard.spec.cursors import ClusterCursor, EmbedCursor
from ossgard.spec.entities import PR, ScanWarning, WarningCode
from ossgard.spec.settings import CODE_COLLECTION, INTENT_COLLECTION

Vector = Sequence[float]
C = TypeVar("C", EmbedCursor, ClusterCursor)


@dataclass(frozen=True)
class Signals:
    """The vectors of a pull request. Who changes no file has no code signal: all of them would be equal."""

    pr_id: int
    pr_number: int
    intent: Vector
    code: Vector | None


def signal_texts(pull: PR, shared_lines: Collection[str]) -> list[str]:
    """What is embedded of a pull request: its intent, then its code if it changes any; see `clean_body`."""
    intent = intent_text(pull.title, clean_body(pull.body, shared_lines), pull.file_paths)
    return [intent, code_text(pull.file_paths)] if pull.file_paths else [intent]


@dataclass(frozen=True)
class Embedded:
    """The vectors of pull requests, the tokens they used, and whom the provider refuses one of its texts, with why."""

    signals: Sequence[Signals]
    tokens: int
    refused: Sequence[PR]
    refusal: str | None

    @property
    def warnings(self) -> list[ScanWarning]:
        """What the scan's user is told of those that are refused."""
        if not self.refused:
            return []
        return [warning(WarningCode.NOT_EMBEDDED, [pull.number for pull in self.refused], self.refusal)]


async def embed_pulls(providers: Providers, pulls: Sequence[PR], shared_lines: Collection[str]) -> Embedded:
    """The vectors of pull requests, both signals asked for at the same time."""
    model = providers.embedding_model()
    texts = [signal_texts(pull, shared_lines) for pull in pulls]

    async def embed(chosen: Sequence[str]) -> Embeddings:
        return await model.embed(chosen) if chosen else Embeddings([], 0)

    code, intent = await gather_bounded(
        [lambda: embed([both[1] for both in texts if len(both) > 1]), lambda: embed([both[0] for both in texts])]
    )
    codes = iter(code.vectors)
    signals, refused = [], []
    for pull, intent_vector in zip(pulls, intent.vectors, strict=True):
        code_vector = next(codes) if pull.file_paths else None
        if intent_vector is None or (pull.file_paths and code_vector is None):
            refused.append(pull)
        else:
            signals.append(Signals(pull.id, pull.number, intent_vector, code_vector))
    return Embedded(signals, code.input_tokens + intent.input_tokens, refused, intent.refusal or code.refusal)


def size_of(signals: Sequence[Signals]) -> int:
    """The size of the vectors."""
    return len(signals[0].intent)


async def has_other_size(store: VectorStore, dimensions: int) -> bool:
    """Whether a collection holds vectors of another size."""
    present = [await store.dimensions(collection) for collection in (CODE_COLLECTION, INTENT_COLLECTION)]
    return any(size not in (None, dimensions) for size in present)


async def is_missing(store: VectorStore) -> bool:
    """Whether one of the collections is not there."""
    return None in [await store.dimensions(collection) for collection in (CODE_COLLECTION, INTENT_COLLECTION)]


async def ensure_collections(store: VectorStore, dimensions: int) -> None:
    """Make both collections ready; one that holds vectors of another size is emptied."""
    for collection in (CODE_COLLECTION, INTENT_COLLECTION):
        await store.ensure_collection(collection, dimensions)


@dataclass(frozen=True)
class WriteTokens:
    """What the store gave for the last writes of both signals, to be asked about; None for one that was not written."""

    code: str | None
    intent: str | None

    def kept_in(self, cursor: C) -> C:
        """The cursor with these tokens, in place of its older ones."""
        code = cursor.code_token if self.code is None else self.code
        intent = cursor.intent_token if self.intent is None else self.intent
        return replace(cursor, code_token=code, intent_token=intent)


async def store_signals(store: VectorStore, repo_id: int, signals: Sequence[Signals]) -> WriteTokens:
    """Store the vectors of both signals."""
    intent = [_point(intent_point_id(repo_id, one.pr_number), one.intent, repo_id, one) for one in signals]
    code = [
        _point(code_point_id(repo_id, one.pr_number), one.code, repo_id, one) for one in signals if one.code is not None
    ]
    without_code = [code_point_id(repo_id, one.pr_number) for one in signals if one.code is None]
    if without_code:
        await store.delete(CODE_COLLECTION, without_code)

    async def upsert(collection: str, points: Sequence[VectorPoint]) -> str | None:
        return await store.upsert(collection, points) if points else None

    code_token, intent_token = await gather_bounded(
        [lambda: upsert(CODE_COLLECTION, code), lambda: upsert(INTENT_COLLECTION, intent)]
    )
    return WriteTokens(code_token, intent_token)


def _point(id: str, values: Vector, repo_id: int, one: Signals) -> VectorPoint:
    return VectorPoint(id=id, values=values, repo_id=repo_id, pr_number=one.pr_number, pr_id=one.pr_id)
