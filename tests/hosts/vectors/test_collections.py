"""Stores that make their own collections, and make them anew for other dimensions."""

import asyncio
import itertools
from collections.abc import Callable

import pytest

from ossgard.errors import OssgardError, PermanentError, RetryableError
from tests.hosts.vectors.space import Space, run
from tests.hosts.vectors.targets import RESIZING, Target

pytestmark = pytest.mark.parametrize("target", RESIZING, indirect=True, scope="session")

_names = itertools.count(1)


@pytest.fixture
def sized(target: Target) -> Callable[[int], Space]:
    """Gives a collection of the test's own by the dimensions that its vectors are to have."""
    collection = f"ossgard-own{next(_names)}"
    return lambda dimensions: Space(target, 1, collection, dimensions)


def test_tells_the_size_of_its_vectors(sized: Callable[[int], Space]) -> None:
    async def story() -> None:
        space = sized(4)
        assert await space.store.dimensions(space.collection) is None
        assert await space.store.ensure_collection(space.collection, 4) is False
        assert await space.store.dimensions(space.collection) == 4

    run(story())


def test_makes_a_collection_anew_for_other_dimensions(target: Target, sized: Callable[[int], Space]) -> None:
    async def story() -> None:
        small, large = sized(4), sized(8)
        await small.store.ensure_collection(small.collection, 4)
        await small.put({1: {0: 1}, 2: {0: 1}})
        before = len(target.warnings)
        assert await large.store.ensure_collection(large.collection, 8) is True
        assert await large.store.dimensions(large.collection) == 8
        assert await large.store.ensure_collection(large.collection, 8) is False
        [warning] = target.warnings[before:]
        assert large.collection in warning
        assert "8 dimensions now, not 4" in warning
        assert dict(await large.vectors(1, 2)) == {}
        await large.put({3: {7: 1}, 4: {7: 1}})
        assert await large.near(3) == [4]
        with pytest.raises(PermanentError, match=r"8 dimensions.*1-1-own.* 4\b"):
            await small.put({1: {0: 1}})

    run(story())


def test_a_collection_can_be_made_anew_while_others_write(sized: Callable[[int], Space]) -> None:
    async def story() -> None:
        small, large = sized(4), sized(8)
        await small.store.ensure_collection(small.collection, 4)

        results = await asyncio.gather(
            *(small.put({number: {0: 1}}) for number in range(10)),
            large.store.ensure_collection(large.collection, 8),
            *(small.put({number: {0: 1}}) for number in range(10, 20)),
            return_exceptions=True,
        )
        errors = [result for result in results if isinstance(result, BaseException)]
        assert all(isinstance(error, OssgardError) for error in errors)
        assert all("dimension" in str(error) or "does not exist" in str(error) for error in errors)
        await large.store.ensure_collection(large.collection, 8)
        await large.put({1: {0: 1}, 2: {0: 1}})
        assert await large.near(1) == [2]

    run(story())


def test_can_be_made_ready_by_many_at_once(sized: Callable[[int], Space]) -> None:
    async def story() -> None:
        space = sized(4)
        made = await asyncio.gather(*(space.store.ensure_collection(space.collection, 4) for _ in range(4)))
        assert made == [False] * 4
        await space.put({1: {0: 1}, 2: {0: 1}})
        assert await space.near(1) == [2]

    run(story())


def test_a_collection_that_does_not_exist_holds_nothing(sized: Callable[[int], Space]) -> None:
    async def story() -> None:
        space = sized(4)
        assert await space.search({0: 1}) == []
        found = await space.store.search_by_id(space.collection, space.id(1), repo_id=space.repo_id, limit=3)
        assert found is None
        assert dict(await space.vectors(1)) == {}
        await space.store.delete(space.collection, [space.id(1)])
        with pytest.raises(RetryableError, match=f"{space.collection} does not exist"):
            await space.put({1: {0: 1}})

    run(story())
