"""The two signals of a pull request, the code it touches and its intent: embedded, stored and found again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ossgard.concurrency import gather_bounded
from ossgard.entities import PR
from ossgard.models import Config
from ossgard.pipeline.texts import (
    CODE_COLLECTION,
    INTENT_COLLECTION,
    code_point_id,
    code_text,
    intent_point_id,
    intent_text,
)
from ossgard.ports import VectorPoint, VectorStore
from ossgard.providers.embeddings import EmbeddingAnswer
from ossgard.providers.factory import Providers
from ossgard.services import Services


@dataclass(frozen=True)
class Signal:
    """The vectors of one collection, by pull request."""

    collection: str
    point_id: Callable[[int, int], str]
    token_key: str
    pulls: Sequence[PR]
    vectors: Sequence[Sequence[float]]
    input_tokens: int


async def embed_pulls(services: Services, config: Config, pulls: Sequence[PR]) -> list[Signal]:
    """The vectors of both signals, asked for at the same time.

    Who changes no file has no code signal: all of them would be equal.
    """
    model = Providers(services, config).embedding_model()
    with_code = [pull for pull in pulls if pull.file_paths]
    code = [code_text(pull.file_paths) for pull in with_code]
    intent = [intent_text(pull.title, pull.body, pull.file_paths) for pull in pulls]

    async def embed(texts: Sequence[str]) -> EmbeddingAnswer:
        return await model.embed(texts) if texts else EmbeddingAnswer([], 0)

    answers = await gather_bounded([lambda: embed(code), lambda: embed(intent)])
    return [
        Signal(CODE_COLLECTION, code_point_id, "codeToken", with_code, answers[0].vectors, answers[0].input_tokens),
        Signal(INTENT_COLLECTION, intent_point_id, "intentToken", pulls, answers[1].vectors, answers[1].input_tokens),
    ]


def size_of(signals: Sequence[Signal]) -> int:
    """The size of the vectors."""
    return next(len(vector) for signal in signals for vector in signal.vectors)


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


async def store_signals(
    store: VectorStore, repo_id: int, pulls: Sequence[PR], signals: Sequence[Signal]
) -> dict[str, str]:
    """Store the vectors of both signals; the tokens of the writes, by their names in a scan's cursor."""
    without_code = [code_point_id(repo_id, pull.number) for pull in pulls if not pull.file_paths]
    if without_code:
        await store.delete(CODE_COLLECTION, without_code)

    async def upsert(signal: Signal) -> tuple[str, str]:
        points = [
            VectorPoint(
                id=signal.point_id(repo_id, pull.number),
                values=vector,
                repo_id=repo_id,
                pr_number=pull.number,
                pr_id=pull.id,
            )
            for pull, vector in zip(signal.pulls, signal.vectors, strict=True)
        ]
        return signal.token_key, await store.upsert(signal.collection, points)

    return dict(await gather_bounded([partial(upsert, signal) for signal in signals if signal.pulls]))
