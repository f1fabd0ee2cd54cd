"""A vector store in memory, for hosts that end with the test: exact, visible at once unless a test says otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ossgard.errors import PermanentError
from ossgard.ports import VectorMatch, VectorPoint

Vector = npt.NDArray[np.float32]


@dataclass
class _Collection:
    dimensions: int
    points: dict[str, VectorPoint] = field(default_factory=dict)
    vectors: dict[str, Vector] = field(default_factory=dict)
    # Made anew for the first search after a write: the ids and the vectors, as rows.
    index: dict[int, tuple[list[str], npt.NDArray[np.float32]]] = field(default_factory=dict)


class MemoryVectors:
    """Keeps vectors in dictionaries and compares every one.

    Args:
        unsettled: how many times `settled` says no before it says yes to a token.
    """

    def __init__(self, unsettled: int = 0) -> None:
        self.calls: dict[str, int] = {}
        self._unsettled = unsettled
        self._asked: dict[str, int] = {}
        self._collections: dict[str, _Collection] = {}
        self._tokens = 0

    def ids(self, collection: str) -> set[str]:
        """The ids of everything that a collection holds."""
        found = self._collections.get(collection)
        return set(found.points) if found else set()

    def forget(self) -> None:
        """Lose everything."""
        self._collections.clear()

    async def dimensions(self, collection: str) -> int | None:
        """The size of a collection's vectors."""
        self._count("dimensions")
        found = self._collections.get(collection)
        return found.dimensions if found else None

    async def ensure_collection(self, collection: str, dimensions: int) -> bool:
        """Make a collection, or make it anew for other dimensions."""
        self._count("ensure_collection")
        found = self._collections.get(collection)
        if found is not None and found.dimensions == dimensions:
            return False
        self._collections[collection] = _Collection(dimensions)
        return found is not None

    async def upsert(self, collection: str, points: Sequence[VectorPoint]) -> str:
        """Store points."""
        self._count("upsert")
        found = self._collections[collection]
        for point in points:
            _check(found, point.values)
            found.points[point.id] = point
            found.vectors[point.id] = _unit(point.values)
        found.index.clear()
        return self._token()

    async def search(
        self, collection: str, values: Sequence[float], *, repo_id: int, limit: int
    ) -> Sequence[VectorMatch]:
        """The nearest points of a repository."""
        self._count("search")
        found = self._collections.get(collection)
        if found is None:
            return []
        _check(found, values)
        return _nearest(found, _unit(values), repo_id, limit, None)

    async def search_by_id(self, collection: str, id: str, *, repo_id: int, limit: int) -> Sequence[VectorMatch] | None:
        """The nearest points of a repository to one of them."""
        self._count("search_by_id")
        found = self._collections.get(collection)
        if found is None or id not in found.vectors:
            return None
        return _nearest(found, found.vectors[id], repo_id, limit, id)

    async def get_vectors(self, collection: str, ids: Sequence[str]) -> Mapping[str, Sequence[float]]:
        """Stored vectors by id."""
        self._count("get_vectors")
        found = self._collections.get(collection)
        return {id: list(found.points[id].values) for id in ids if id in found.points} if found else {}

    async def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Forget points."""
        self._count("delete")
        found = self._collections.get(collection)
        if found is not None:
            for id in ids:
                found.points.pop(id, None)
                found.vectors.pop(id, None)
            found.index.clear()

    async def settled(self, collection: str, token: str) -> bool:
        """Whether a token has been asked for often enough."""
        self._count("settled")
        self._asked[token] = self._asked.get(token, 0) + 1
        return self._asked[token] > self._unsettled

    def _count(self, method: str) -> None:
        self.calls[method] = self.calls.get(method, 0) + 1

    def _token(self) -> str:
        self._tokens += 1
        return f"write-{self._tokens}"


def _check(collection: _Collection, values: Sequence[float]) -> None:
    if len(values) != collection.dimensions:
        raise PermanentError(f"The collection holds vectors of {collection.dimensions} dimensions, not {len(values)}")


def _unit(values: Sequence[float]) -> Vector:
    vector = np.asarray(values, dtype=np.float32)
    length = float(np.linalg.norm(vector))
    return vector / np.float32(length) if length else vector


def _nearest(
    collection: _Collection, vector: Vector, repo_id: int, limit: int, without: str | None
) -> list[VectorMatch]:
    if repo_id not in collection.index:
        ids = sorted(id for id, point in collection.points.items() if point.repo_id == repo_id)
        collection.index[repo_id] = ids, np.array([collection.vectors[id] for id in ids], dtype=np.float32)
    ids, rows = collection.index[repo_id]
    if not ids:
        return []
    scores = rows @ vector
    matches = []
    for place in np.argsort(-scores, kind="stable")[: limit + 1]:
        point = collection.points[ids[place]]
        if point.id != without:
            matches.append(VectorMatch(point.id, float(scores[place]), point.pr_number, point.pr_id))
    return matches[:limit]
