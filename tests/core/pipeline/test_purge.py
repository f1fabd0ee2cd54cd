"""Deleting the vectors of what is closed or gone."""

import asyncio
import json
from collections.abc import Callable, Sequence

import pytest

from ossgard.errors import ConnectionFailure, OssgardError, PermanentError
from ossgard.pipeline.disposition import Done
from ossgard.services import Services
from ossgard.spec.settings import CODE_COLLECTION, INTENT_COLLECTION
from tests.core.http.test_app import prepared, request
from tests.core.scanning import Scanning
from tests.core.world import World
from tests.outside.repository import Repository
from tests.support.memory_vectors import MemoryVectors

OpenPulls = Callable[[int], list[int]]
PURGE = {"type": "purge", "scanId": 0, "step": 0}


def both(numbers: Sequence[int]) -> set[str]:
    return {f"1-{number}-{signal}" for number in numbers for signal in ("code", "intent")}


def stored(scanning: World) -> set[str]:
    return scanning.vectors.ids(CODE_COLLECTION) | scanning.vectors.ids(INTENT_COLLECTION)


def notes(world: World) -> list[int]:
    """The numbers whose vectors are to be deleted."""
    return [number for (number,) in world.rows("SELECT number FROM vector_purges ORDER BY id")]


def test_vectors_of_what_was_closed_are_deleted(
    scanning: Scanning, open_pulls: OpenPulls, repository: Repository
) -> None:
    first, second, third = open_pulls(3)
    scanning.scan_all()
    assert stored(scanning) == both([first, second, third])
    repository.close(second)
    scanning.scan_all()
    assert notes(scanning) == [second]
    asyncio.run(scanning.runner.sweep())
    assert scanning.queue.messages == [PURGE]
    scanning.drain()
    assert (stored(scanning), notes(scanning)) == (both([first, third]), [])


def test_the_sweep_asks_for_nothing_when_there_is_nothing_to_delete() -> None:
    world = World()
    assert asyncio.run(world.runner.sweep()) == 0
    assert world.queue.jobs == []


def embedded(numbers: Sequence[int], vectors: MemoryVectors | None = None) -> World:
    """An account with a repository whose pull requests are embedded, and that `request` calls for."""
    world = prepared(vectors=vectors)
    world.executor.connection.execute("INSERT INTO repos (account_id, owner, name) VALUES (1, 'acme', 'rocket')")
    world.executor.connection.executemany(
        """
        INSERT INTO prs (repo_id, number, title, author, embed_hash, created_at, updated_at)
        VALUES (1, ?, '', '', 'e', '', '')
        """,
        [(number,) for number in numbers],
    )
    return world


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/repos/acme/rocket"), ("POST", "/clear-repos"), ("POST", "/reset")]
)
def test_deleting_asks_for_the_vectors_to_be_deleted(method: str, path: str) -> None:
    world = embedded([1, 2])
    assert request(world, method, path).is_success
    assert world.queue.messages == [PURGE]
    assert notes(world) == [1, 2]
    world.drain()
    assert notes(world) == []


def test_clearing_scans_deletes_no_vectors() -> None:
    world = embedded([1, 2])
    assert request(world, "POST", "/clear-scans").is_success
    assert (world.queue.messages, notes(world)) == ([], [])


def test_many_are_deleted_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ossgard.pipeline.purge.SLICE_SIZE", 2)
    world = embedded([1, 2, 3, 4, 5])
    request(world, "POST", "/clear-repos")
    steps = []
    while world.queue.jobs:
        _, message, _ = world.queue.jobs.pop(0)
        steps.append(message.step)
        assert world.handle(message.model_dump(mode="json", by_alias=True)) == Done()
    assert (steps, notes(world)) == ([0, 2, 4], [])


class Failing(MemoryVectors):
    """A store that cannot delete."""

    def __init__(self, error: OssgardError) -> None:
        super().__init__()
        self.error: OssgardError | None = error

    async def dimensions(self, collection: str) -> int | None:
        return 3

    async def delete(self, collection: str, ids: Sequence[str]) -> None:
        if self.error is not None:
            raise self.error


def test_a_store_out_of_reach_keeps_its_notes() -> None:
    store = Failing(ConnectionFailure("http://qdrant:6333", "connection refused"))
    world = embedded([1, 2], store)
    request(world, "POST", "/clear-repos")
    assert world.handle(PURGE) == Done()
    assert notes(world) == [1, 2]
    store.error = None
    world.queue.jobs.clear()
    asyncio.run(world.runner.sweep())
    world.drain()
    assert notes(world) == []


def test_a_store_that_refuses_for_good_is_given_up() -> None:
    world = embedded([1, 2], Failing(PermanentError("the key is wrong")))
    request(world, "POST", "/clear-repos")
    assert world.handle(PURGE) == Done()
    assert notes(world) == []


def test_notes_of_several_stores_go_to_each_its_own() -> None:
    asked: list[object] = []
    world = embedded([1])

    def stores(config: object) -> MemoryVectors:
        asked.append(config)
        return Failing(ConnectionFailure("http://first", "refused")) if "first" in str(config) else world.vectors

    world.services = Services(**{**world.services.__dict__, "vectors": stores})
    world.executor.connection.executemany(
        "INSERT INTO vector_purges (repo_id, number, vector_store) VALUES (1, ?, ?)",
        [
            (7, None),
            (8, json.dumps({"url": "http://first"})),
            (9, json.dumps({"url": "http://second", "api_key": "k"})),
            (10, json.dumps({"api_key": "k", "url": "http://second"})),
        ],
    )
    assert world.handle(PURGE) == Done()
    assert len(asked) == 3
    assert notes(world) == [8]


def test_one_that_is_embedded_again_is_not_purged(
    scanning: Scanning, open_pulls: OpenPulls, repository: Repository
) -> None:
    number, other = open_pulls(2)
    scanning.scan_all()
    repository.close(number)
    scanning.scan_all()
    repository.reopen(number)
    scanning.scan_all()
    scanning.handle(PURGE)
    assert stored(scanning) == both([number, other])


@pytest.mark.parametrize("attempt", [1, 9])
def test_a_database_out_of_order_is_tried_again_and_then_left_to_the_sweep(attempt: int) -> None:
    class Broken:
        def __getattr__(self, name: str) -> object:
            raise RuntimeError("out of order")

    world = embedded([1])
    request(world, "POST", "/clear-repos")
    healthy = world.services
    world.services = Services(**{**healthy.__dict__, "db": Broken()})
    assert world.handle(PURGE, attempt) != Done()
    world.services = healthy
    assert notes(world) == [1]


def test_a_dead_letter_of_a_purge_fails_no_scan() -> None:
    world = embedded([1])
    world.start_scan()
    asyncio.run(world.runner.dead_letter(PURGE))
    assert world.scan()["status"] == "queued"
