"""What every vector store does alike."""

import asyncio
import math
import random
from collections.abc import Callable

import pytest

from ossgard.errors import PermanentError
from tests.hosts.vectors.space import CODE, INTENT, Space, eventually, run
from tests.hosts.vectors.targets import Target

NewSpace = Callable[[], Space]


def test_finds_the_nearest_points_best_first(space: Space) -> None:
    async def story() -> None:
        await space.put({1: {0: 1, 1: 1}, 2: {0: 1}, 3: {1: 1}, 4: {0: -1}})
        found = await space.search({0: 2})
        assert [(match.id, match.pr_number, match.pr_id) for match in found] == [
            (space.id(number), number, number + 100_000) for number in (2, 1, 3, 4)
        ]
        assert found is not None
        assert [match.score for match in found] == pytest.approx([1, math.sqrt(0.5), 0, -1], abs=1e-5)

    run(story())


def test_finds_as_many_as_were_asked_for(space: Space) -> None:
    async def story() -> None:
        await space.put({number: {0: 1, 1: number / 100} for number in range(1, 31)})
        assert [match.pr_number for match in await space.search({0: 1}, limit=3)] == [1, 2, 3]
        assert await space.near(1, limit=4) == [2, 3, 4, 5]
        assert len(await space.search({0: 1}, limit=20)) == 20

    run(story())


def test_finds_points_of_the_repository_only(new_space: NewSpace) -> None:
    async def story() -> None:
        ours, theirs = new_space(), new_space()
        await theirs.put({number: {0: 1} for number in range(1, 31)})
        await ours.put({1: {0: 1}, 2: {0: 1, 1: 1}})
        assert [match.id for match in await ours.search({0: 1})] == [ours.id(1), ours.id(2)]
        assert await ours.near(1) == [2]
        assert await new_space().search({0: 1}) == []

    run(story())


def test_finds_points_of_the_collection_only(target: Target, space: Space) -> None:
    async def story() -> None:
        intent = Space(target, space.repo_id, INTENT)
        await space.put({1: {0: 1}, 2: {0: 1}})
        await intent.put({1: {0: 1}, 3: {0: 1}})
        assert await space.near(1) == [2]
        assert await intent.near(1) == [3]
        assert sorted(match.id for match in await intent.search({0: 1})) == [intent.id(1), intent.id(3)]

    run(story())


def test_leaves_a_point_out_of_its_own_neighbours(space: Space) -> None:
    async def story() -> None:
        await space.put({1: {0: 1}, 2: {0: 1}, 3: {0: 1, 1: 0.5}})
        assert await space.near(1) == [2, 3]
        assert await space.near(3, limit=1) in ([1], [2])
        found = await space.store.search_by_id(CODE, space.id(1), repo_id=space.repo_id, limit=10)
        assert found is not None
        assert [match.score for match in found] == pytest.approx([1, 1 / math.sqrt(1.25)], abs=1e-5)

    run(story())


def test_an_unknown_point_has_no_neighbours_and_no_vector(space: Space) -> None:
    async def story() -> None:
        await space.put({1: {0: 1}})
        assert await space.store.search_by_id(CODE, space.id(7), repo_id=space.repo_id, limit=10) is None
        assert dict(await space.vectors(7)) == {}
        assert set(await space.vectors(1, 7)) == {space.id(1)}
        assert dict(await space.vectors()) == {}

    run(story())


def test_a_point_without_neighbours_is_told_from_an_unknown_one(space: Space) -> None:
    async def story() -> None:
        await space.put({1: {0: 1}})
        assert await space.near(1) == []
        await space.put({2: {0: 1}})
        await space.store.delete(CODE, [space.id(1)])
        await eventually(lambda: space.vectors(1), lambda found: not found)
        assert await space.store.search_by_id(CODE, space.id(1), repo_id=space.repo_id, limit=10) is None

    run(story())


def test_a_point_among_many_that_are_as_near_is_known(space: Space) -> None:
    async def story() -> None:
        await space.put({number: {0: 1} for number in range(1, 31)})
        for number in (1, 15, 30):
            assert len(await space.near(number)) == 10

    run(story())


def test_gives_stored_vectors_back(space: Space) -> None:
    async def story() -> None:
        await space.put({number: {number: 0.6, 40: 0.8} for number in range(1, 31)})
        found = await space.vectors(*range(1, 31))
        assert len(found) == 30
        assert list(found[space.id(3)]) == pytest.approx(space.vector({3: 0.6, 40: 0.8}), abs=1e-6)

    run(story())


def test_replaces_points_of_the_same_id(space: Space) -> None:
    async def story() -> None:
        await space.put({1: {0: 1}, 2: {1: 1}})
        await space.put({1: {1: 1}, 3: {0: 1}})
        assert await space.near(2) == [1, 3]
        assert len(await space.search({0: 1})) == 3
        moved = [space.point(1, space.vector({1: 1}))]
        await space.put_points(moved)
        await space.put_points(moved)
        assert await space.near(2) == [1, 3]

    run(story())


def test_the_last_of_equal_ids_in_one_call_counts(space: Space) -> None:
    async def story() -> None:
        await space.put_points([space.point(1, space.vector({0: 1})), space.point(1, space.vector({1: 1}))])
        found = await space.vectors(1)
        assert list(found[space.id(1)])[:2] == pytest.approx([0, 1])

    run(story())


def test_forgets_deleted_points(space: Space) -> None:
    async def story() -> None:
        await space.put({number: {0: 1, 1: number} for number in range(1, 31)})
        await space.store.delete(CODE, [space.id(number) for number in range(1, 30)])
        await eventually(lambda: space.search({0: 1}), lambda found: [match.pr_number for match in found] == [30])
        assert set(await space.vectors(1, 30)) == {space.id(30)}
        await space.put({1: {1: 1}})
        assert await space.near(30) == [1]

    run(story())


def test_deleting_what_is_unknown_does_no_harm(space: Space) -> None:
    async def story() -> None:
        await space.put({1: {0: 1}, 2: {0: 1}})
        await space.store.delete(CODE, [space.id(7), space.id(8)])
        await space.store.delete(CODE, [])
        assert await space.near(1) == [2]

    run(story())


def test_storing_nothing_is_no_error(space: Space) -> None:
    async def story() -> None:
        await space.put_points([])
        assert await space.search({0: 1}) == []

    run(story())


def test_keeps_large_numbers(space: Space) -> None:
    async def story() -> None:
        number = 2**31 + 7
        await space.put({number: {0: 1}, 1: {0: 1}})
        [match] = await space.store.search_by_id(CODE, space.id(1), repo_id=space.repo_id, limit=10) or []
        assert (match.pr_number, match.pr_id, match.id) == (number, number + 100_000, space.id(number))

    run(story())


def test_a_vector_of_zeros_is_near_to_nothing(space: Space) -> None:
    async def story() -> None:
        await space.put({1: {0: 1}, 2: {0: 1, 1: 0.1}, 3: {}, 4: {}, 5: {}})
        assert (await space.near(1, limit=1)) == [2]
        found = await space.store.search_by_id(CODE, space.id(3), repo_id=space.repo_id, limit=10)
        assert found is not None
        assert all(match.score < 0.01 for match in found)
        found = await space.store.search_by_id(CODE, space.id(1), repo_id=space.repo_id, limit=10)
        assert found is not None
        assert all(match.score < 0.01 for match in found if match.pr_number != 2)

    run(story())


def test_holds_many_points(space: Space) -> None:
    count = 300

    async def story() -> None:
        made = random.Random(5)
        vectors = {number: [made.gauss(0, 1) for _ in range(space.dimensions)] for number in range(count)}
        # Every pull request has a near copy of it next to it.
        for number in range(1, count, 2):
            vectors[number] = [value + made.gauss(0, 0.2) for value in vectors[number - 1]]
        for start in range(0, count, 50):
            await space.put_points([space.point(number, vectors[number]) for number in range(start, start + 50)])
        for number in range(0, count, 10):
            assert await space.near(number, limit=1) == [number + 1]
        assert len(await space.vectors(*range(count))) == count
        # Scores are the true cosines.
        _, match = await space.store.search(CODE, vectors[8], repo_id=space.repo_id, limit=2)
        assert match.score == pytest.approx(cosine(vectors[8], vectors[9]), abs=1e-4)

    run(story())


def cosine(one: list[float], other: list[float]) -> float:
    return dot(one, other) / math.sqrt(dot(one, one) * dot(other, other))


def dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_takes_writes_of_many_at_once(new_space: NewSpace) -> None:
    spaces = [new_space() for _ in range(4)]

    async def story() -> None:
        await asyncio.gather(
            *(
                space.put({number: {0: 1, 1: number / 10} for number in range(start, start + 5)})
                for space in spaces
                for start in range(1, 26, 5)
            )
        )
        for space in spaces:
            assert [match.pr_number for match in await space.search({0: 1}, limit=20)] == list(range(1, 21))

    run(story())


def test_refuses_a_vector_of_another_size_before_anything_is_stored(space: Space) -> None:
    async def story() -> None:
        points = [space.point(1, space.vector({0: 1})), space.point(2, [1.0, 2.0])]
        with pytest.raises(PermanentError, match=rf"{space.dimensions} dimensions.* 2\b"):
            await space.store.upsert(CODE, points)
        with pytest.raises(PermanentError, match=rf"{space.dimensions} dimensions.* 2\b"):
            await space.store.search(CODE, [1.0, 2.0], repo_id=space.repo_id, limit=1)
        assert dict(await space.vectors(1, 2)) == {}

    run(story())


def test_refuses_what_is_no_number_before_anything_is_stored(space: Space) -> None:
    async def story() -> None:
        points = [space.point(1, space.vector({0: 1})), space.point(2, space.vector({0: math.nan}))]
        with pytest.raises(PermanentError, match="not numbers"):
            await space.store.upsert(CODE, points)
        assert dict(await space.vectors(1, 2)) == {}

    run(story())


def test_a_collection_that_is_ready_stays_as_it_is(target: Target, space: Space) -> None:
    async def story() -> None:
        await space.put({1: {0: 1}})
        assert await space.store.dimensions(CODE) == target.dimensions
        assert await space.store.ensure_collection(CODE, target.dimensions) is False
        assert set(await space.vectors(1)) == {space.id(1)}

    run(story())
