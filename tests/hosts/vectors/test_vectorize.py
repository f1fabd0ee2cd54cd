"""What is special about Vectorize: the sizes of its calls, when its writes show, and what its errors come to."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from ossgard.errors import PermanentError, RetryableError
from ossgard.ports import VectorPoint
from ossgard.spec.settings import VECTOR_DIMENSIONS as DIMENSIONS
from tests.hosts.vectors.space import CODE, eventually, run
from tests.hosts.vectors.worker_vectors import WorkerVectors, worker_vectors


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerVectors]:
    """The store in a Worker of its own."""
    with worker_vectors(tmp_path_factory.mktemp("vectorize"), delay_milliseconds=0) as store:
        yield store


@pytest.fixture
def store(running: WorkerVectors) -> Iterator[WorkerVectors]:
    """The same, with no invocation on record; writes show at once afterwards."""
    running.host.reset_invocations()
    yield running
    running.host.control_vectorize(delayMilliseconds=0, failure={"times": 0})


def points(count: int, repo_id: int = 1) -> list[VectorPoint]:
    values = [1.0] + [0.0] * (DIMENSIONS - 1)
    return [VectorPoint(f"{repo_id}-{number}-code", values, repo_id, number, number) for number in range(count)]


async def calls(store: WorkerVectors) -> list[int]:
    """The calls of Vectorize in the invocations so far."""

    async def read() -> list[dict[str, Any]]:
        return store.host.invocations()

    return [invocation["vectorizeCalls"] for invocation in await eventually(read, bool)]


def test_stores_a_thousand_points_a_call(store: WorkerVectors) -> None:
    async def story() -> None:
        await store.upsert(CODE, points(1001))
        assert await calls(store) == [2]
        found = await store.search_by_id(CODE, "1-1000-code", repo_id=1, limit=30)
        assert found is not None
        # With the ids of pull requests, Vectorize tells twenty at most, among which may be the point itself.
        assert len(found) in (19, 20)

    run(story())


def test_reads_twenty_ids_a_call_and_deletes_a_hundred(store: WorkerVectors) -> None:
    async def story() -> None:
        ids = [f"2-{number}-code" for number in range(101)]
        await store.get_vectors(CODE, ids[:41])
        assert await calls(store) == [3]
        store.host.reset_invocations()
        await store.delete(CODE, ids)
        assert await calls(store) == [2]

    run(story())


def test_is_settled_when_the_write_shows(store: WorkerVectors) -> None:
    async def story() -> None:
        store.host.control_vectorize(delayMilliseconds=60_000)
        token = await store.upsert(CODE, points(1, repo_id=3))
        assert await store.settled(CODE, token) is False
        store.host.control_vectorize(delayMilliseconds=0)
        assert await store.settled(CODE, token) is True

    run(story())


def test_is_settled_when_a_later_write_of_another_shows(store: WorkerVectors) -> None:
    async def story() -> None:
        token = await store.upsert(CODE, points(1, repo_id=3))
        assert await store.settled(CODE, token) is True
        await asyncio.sleep(0.01)
        await store.upsert(CODE, points(1, repo_id=4))
        assert await store.settled(CODE, token) is True

    run(story())


def test_a_write_at_the_same_time_counts_after_a_while(store: WorkerVectors) -> None:
    async def story() -> None:
        token = await store.upsert(CODE, points(1, repo_id=3))
        mutation, _, interval = token.partition("@")
        other = "0" * len(mutation)
        started, answered = interval.split("/")
        # As if the last write had been made by another account while this one was under way.
        future = answered.replace("2026", "2099")
        assert await store.settled(CODE, f"{other}@{started}/{future}") is False
        long_ago = "2020-01-01T00:00:00+00:00"
        assert await store.settled(CODE, f"{other}@{long_ago}/{long_ago}") is True

    run(story())


def test_storing_nothing_is_settled(store: WorkerVectors) -> None:
    async def story() -> None:
        assert await store.settled(CODE, await store.upsert(CODE, [])) is True

    run(story())


def test_an_index_of_another_size_is_not_made_anew(store: WorkerVectors) -> None:
    with pytest.raises(PermanentError) as error:
        run(store.ensure_collection(CODE, 384))
    create = f"wrangler vectorize create {CODE} --dimensions=384 --metric=cosine"
    for part in (f"'{CODE}' has {DIMENSIONS} dimensions", "have 384", create, "--property-name=repoId --type=number"):
        assert part in str(error.value)
    assert run(store.ensure_collection(CODE, DIMENSIONS)) is False
    assert run(store.dimensions(CODE)) == DIMENSIONS


@pytest.mark.parametrize(
    ("status", "code", "message", "limited"),
    [
        (429, 40041, "limits the rate of calls .*40041.*Too Many", True),
        (500, 50000, "does not answer for the index '.*-code'.*50000", False),
    ],
)
def test_errors_that_may_pass(store: WorkerVectors, status: int, code: int, message: str, limited: bool) -> None:
    failure = {"times": 1, "status": status, "code": code, "message": "Too Many Requests"}
    store.host.control_vectorize(failure=failure)
    with pytest.raises(RetryableError, match=message) as error:
        run(store.upsert(CODE, points(1)))
    assert error.value.rate_limited is limited
    assert run(store.upsert(CODE, points(1)))


def test_an_index_that_is_not_there_is_named_with_what_to_do(store: WorkerVectors) -> None:
    failure = {"times": 1, "status": 404, "code": 3000, "message": "vectorize.index.not_found"}
    store.host.control_vectorize(failure=failure)
    with pytest.raises(PermanentError, match=r"There is no Vectorize index '.*-code'.*wrangler vectorize create"):
        run(store.ensure_collection(CODE, DIMENSIONS))


def test_a_call_that_is_refused_fails_for_good(store: WorkerVectors) -> None:
    long = VectorPoint("i" * 65, points(1)[0].values, 1, 1, 1)
    with pytest.raises(PermanentError, match=r"refuses a call of the index '.*-code'.*40008.*id too long"):
        run(store.upsert(CODE, [long]))
