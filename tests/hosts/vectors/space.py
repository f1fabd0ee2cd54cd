"""A repository's vectors as tests see them: written by short names, read once they show."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from ossgard.ports import VectorMatch, VectorPoint
from ossgard.spec.settings import CODE_COLLECTION, INTENT_COLLECTION
from tests.hosts.vectors.targets import Target

CODE, INTENT = CODE_COLLECTION, INTENT_COLLECTION
SHOW_SECONDS = 20

T = TypeVar("T")

# A vector by the few of its axes that are not zero.
Axes = Mapping[int, float]


class Space:
    """The vectors of one repository in one collection of a store."""

    def __init__(self, target: Target, repo_id: int, collection: str = CODE, dimensions: int | None = None) -> None:
        self.store = target.store
        self.repo_id = repo_id
        self.collection = collection
        self.dimensions = dimensions or target.dimensions

    def id(self, number: int) -> str:
        """The id of a pull request's point."""
        return f"{self.repo_id}-{number}-{self.collection.removeprefix('ossgard-')}"

    def vector(self, axes: Axes) -> list[float]:
        """A vector of the collection's size."""
        values = [0.0] * self.dimensions
        for axis, value in axes.items():
            values[axis] = value
        return values

    def point(self, number: int, values: Sequence[float]) -> VectorPoint:
        """A pull request's point."""
        return VectorPoint(self.id(number), values, self.repo_id, number, number + 100_000)

    async def put(self, vectors: Mapping[int, Axes]) -> None:
        """Store vectors by pull request, and wait until they show."""
        await self.put_points([self.point(number, self.vector(axes)) for number, axes in vectors.items()])

    async def put_points(self, points: Sequence[VectorPoint]) -> None:
        """Store points, and wait until they show."""
        token = await self.store.upsert(self.collection, points)
        await eventually(lambda: self.store.settled(self.collection, token), bool)

    async def search(self, axes: Axes, limit: int = 10) -> list[VectorMatch]:
        """The nearest points of a vector."""
        found = await self.store.search(self.collection, self.vector(axes), repo_id=self.repo_id, limit=limit)
        return list(found)

    async def near(self, number: int, limit: int = 10) -> list[int]:
        """The pull requests that are nearest to a stored one."""
        found = await self.store.search_by_id(self.collection, self.id(number), repo_id=self.repo_id, limit=limit)
        assert found is not None, f"{number} is not stored"
        return [match.pr_number for match in found]

    async def vectors(self, *numbers: int) -> Mapping[str, Sequence[float]]:
        """Stored vectors."""
        return await self.store.get_vectors(self.collection, [self.id(number) for number in numbers])


async def eventually(ask: Callable[[], Coroutine[Any, Any, T]], holds: Callable[[T], bool]) -> T:
    """The first answer of which something holds: some stores take a while to show what was written."""
    end = time.monotonic() + SHOW_SECONDS
    while not holds(answer := await ask()):
        if time.monotonic() > end:
            raise AssertionError(f"after {SHOW_SECONDS} s it is still {answer!r}")
        await asyncio.sleep(0.05)
    return answer


def run(story: Coroutine[Any, Any, T]) -> T:
    """Run a test's story to its end."""
    return asyncio.run(story)
