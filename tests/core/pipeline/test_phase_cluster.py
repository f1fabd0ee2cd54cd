"""Phase `cluster`: which pull requests become candidates."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from ossgard.ports import VectorMatch
from ossgard.spec.settings import CODE_COLLECTION, INTENT_COLLECTION
from tests.core.scanning import Scanning
from tests.outside.diffs import ChangedFile
from tests.outside.repository import Repository
from tests.outside.world import World as Outside
from tests.support.memory_vectors import MemoryVectors

OpenPulls = Callable[[int], list[int]]


class Scripted(MemoryVectors):
    """A store whose searches find what a test says: by collection and number, the numbers found with their scores."""

    def __init__(self, near: Mapping[str, Mapping[int, Mapping[int, float]]], unsettled: int = 0) -> None:
        super().__init__(unsettled)
        self.near = near
        self.limits: set[int] = set()

    async def search_by_id(self, collection: str, id: str, *, repo_id: int, limit: int) -> Sequence[VectorMatch]:
        self._count("search_by_id")
        self.limits.add(limit)
        number = int(id.split("-")[1])
        # Pull requests are stored in the order of their numbers, which count from 1: ids are the same.
        found = self.near.get(collection, {}).get(number, {})
        return [VectorMatch(f"{repo_id}-{other}", score, other, other) for other, score in found.items()]


def candidates(scanning: Scanning) -> list[list[int]]:
    """The candidate groups."""
    rows = scanning.rows("SELECT pr_ids FROM candidate_groups WHERE stage = 'candidate' ORDER BY position")
    return [json.loads(ids) for (ids,) in rows]


@pytest.fixture
def clustered(outside: Outside, repository: Repository) -> Callable[..., Scanning]:
    """Runs a scan through the cluster phase, over searches that a test says."""

    def cluster(near: Mapping[str, Any], thresholds: Mapping[str, float] | None = None) -> Scanning:
        config = outside.config()
        if thresholds is not None:
            config["scan"] = dict(thresholds)
        scanning = Scanning(outside, repository, config, Scripted(near))
        scanning.begin()
        scanning.run_phase("cluster")
        assert scanning.scan()["status"] == "verifying", scanning.scan()
        return scanning

    return cluster


def test_neighbours_above_the_thresholds_are_joined(clustered: Callable[..., Scanning], open_pulls: OpenPulls) -> None:
    open_pulls(7)
    near = {
        CODE_COLLECTION: {1: {2: 0.85, 3: 0.849}, 2: {1: 0.85}},
        INTENT_COLLECTION: {2: {4: 0.80}, 5: {6: 0.799, 7: 0.95}},
    }
    scanning = clustered(near)
    assert candidates(scanning) == [[1, 2, 4], [5, 7]]
    assert scanning.scan()["phase_cursor"] == '{"total":2}'
    assert isinstance(scanning.vectors, Scripted)
    assert scanning.vectors.limits == {10}


def test_an_account_sets_its_own_thresholds(clustered: Callable[..., Scanning], open_pulls: OpenPulls) -> None:
    open_pulls(5)
    near = {CODE_COLLECTION: {1: {2: 0.85, 3: 0.95}}, INTENT_COLLECTION: {4: {5: 0.0}}}
    thresholds = {"code_similarity_threshold": 0.9, "intent_similarity_threshold": 0.0}
    assert candidates(clustered(near, thresholds)) == [[1, 3], [4, 5]]


def test_a_pair_is_stored_once_with_the_smaller_id_first(
    clustered: Callable[..., Scanning], open_pulls: OpenPulls
) -> None:
    open_pulls(3)
    near = {CODE_COLLECTION: {1: {2: 0.9}, 2: {1: 0.9, 2: 1.0}, 3: {1: 0.95}}, INTENT_COLLECTION: {2: {1: 0.99}}}
    scanning = clustered(near)
    assert scanning.rows("SELECT pr_id, neighbour_id, signal, score FROM neighbour_edges") == [
        (1, 2, CODE_COLLECTION, 0.9),
        (1, 2, INTENT_COLLECTION, 0.99),
        (1, 3, CODE_COLLECTION, 0.95),
    ]
    assert candidates(scanning) == [[1, 2, 3]]


def test_neighbours_that_are_closed_or_gone_do_not_count(
    clustered: Callable[..., Scanning], open_pulls: OpenPulls
) -> None:
    open_pulls(2)
    assert candidates(clustered({CODE_COLLECTION: {1: {99: 1.0}, 2: {77: 1.0}}})) == []


def test_equal_diffs_are_joined_without_any_neighbour(
    clustered: Callable[..., Scanning], open_pulls: OpenPulls, repository: Repository
) -> None:
    open_pulls(2)
    repository.open_duplicate(2)
    assert candidates(clustered({})) == [[2, 3]]


def test_slices_search_every_one_once(
    clustered: Callable[..., Scanning], open_pulls: OpenPulls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ossgard.pipeline.phases.cluster.SLICE_SIZE", 2)
    monkeypatch.setattr("ossgard.pipeline.phases.cluster.KEYS_PAGE", 2)
    open_pulls(4)
    scanning = clustered({CODE_COLLECTION: {1: {4: 0.9}}, INTENT_COLLECTION: {3: {4: 0.9}}})
    assert candidates(scanning) == [[1, 3, 4]]
    assert scanning.vectors.calls["search_by_id"] == 8


def test_a_message_delivered_twice_makes_no_more_candidates(
    outside: Outside, repository: Repository, open_pulls: OpenPulls
) -> None:
    open_pulls(3)
    scanning = Scanning(outside, repository, vectors=Scripted({CODE_COLLECTION: {1: {2: 0.9}}}))
    scanning.begin()
    scanning.run_until("cluster")
    while scanning.queue.jobs[0][1].type == "cluster":
        again = scanning.queue.jobs[0]
        scanning.deliver()
        scanning.queue.jobs.insert(0, again)
        scanning.deliver()
    assert candidates(scanning) == [[1, 2]]
    assert scanning.rows("SELECT count(*) FROM neighbour_edges") == [(1,)]


def test_it_waits_until_both_indexes_have_caught_up(
    outside: Outside, repository: Repository, open_pulls: OpenPulls
) -> None:
    repository.open("Fix it", "As it was", [ChangedFile("a.py", "a")])
    repository.open_duplicate(1)
    scanning = Scanning(outside, repository, vectors=MemoryVectors(unsettled=2))
    scanning.begin()
    scanning.run_until("cluster")
    scanning.deliver()
    assert json.loads(scanning.scan()["progress"])["note"] == "waiting for the vector index"
    assert scanning.vectors.calls.get("search_by_id", 0) == 0
    # Each index says no twice, one after the other.
    assert scanning.run_phase("cluster") == [5, 5, 5, 5, 0]
    assert candidates(scanning) == [[1, 2]]


@pytest.mark.parametrize(
    "collections", [(CODE_COLLECTION,), (INTENT_COLLECTION,), (CODE_COLLECTION, INTENT_COLLECTION)]
)
def test_lost_vectors_are_embedded_again_and_found(
    outside: Outside, repository: Repository, open_pulls: OpenPulls, collections: Sequence[str]
) -> None:
    open_pulls(3)
    repository.open(repository.pulls[2].title, repository.pulls[2].body, repository.pulls[2].files)
    scanning = Scanning(outside, repository, vectors=MemoryVectors(unsettled=1))
    scanning.scan_all()
    before = {collection: scanning.vectors.ids(collection) for collection in collections}
    # An equal diff would join them by itself.
    scanning.executor.connection.execute("UPDATE prs SET diff_hash = NULL, embed_hash = 'kept' WHERE number IN (2, 4)")
    for collection in collections:
        for number in (2, 4):
            asyncio.run(scanning.vectors.delete(collection, [f"1-{number}-{collection.removeprefix('ossgard-')}"]))
    searches = scanning.vectors.calls["search_by_id"]
    outside.reset()
    scanning.begin()
    scanning.jump("cluster", {})
    # Embedded, waited for, then searched again.
    assert len(scanning.run_phase("cluster")) >= 3
    assert {collection: scanning.vectors.ids(collection) for collection in collections} == before
    assert candidates(scanning) == [[2, 4]]
    assert outside.count("openai.embeddings").inputs == 4
    assert scanning.vectors.calls["search_by_id"] == searches + 16
    assert "kept" not in scanning.pulls("embed_hash")


def test_a_collection_that_is_gone_is_filled_again_in_pieces(
    outside: Outside, repository: Repository, open_pulls: OpenPulls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ossgard.pipeline.phases.cluster.LOST_SIZE", 2)
    monkeypatch.setattr("ossgard.pipeline.phases.cluster.SLICE_SIZE", 4)
    open_pulls(4)
    repository.open(repository.pulls[1].title, repository.pulls[1].body, repository.pulls[1].files)
    scanning = Scanning(outside, repository)
    scanning.begin()
    scanning.run_until("cluster")
    scanning.vectors.forget()
    outside.reset()
    scanning.run_phase("cluster")
    assert candidates(scanning) == [[1, 5]]
    assert outside.count("openai.embeddings").inputs == 10


def test_a_store_that_loses_them_again_does_not_hold_up_the_scan(
    outside: Outside, repository: Repository, open_pulls: OpenPulls
) -> None:
    class Forgetful(MemoryVectors):
        async def search_by_id(self, *arguments: Any, **options: Any) -> Sequence[VectorMatch] | None:
            return None

    open_pulls(3)
    scanning = Scanning(outside, repository, vectors=Forgetful())
    assert scanning.scan_all()["status"] == "done"
    assert outside.count("openai.embeddings").inputs == 12


def test_one_without_files_has_lost_nothing(outside: Outside, repository: Repository, open_pulls: OpenPulls) -> None:
    open_pulls(1)
    repository.open("No files", "at all")
    scanning = Scanning(outside, repository)
    scanning.scan_all()
    outside.reset()
    assert scanning.scan_all()["status"] == "done"
    assert outside.requests("openai.embeddings") == []


def test_lost_vectors_among_those_of_another_model_have_all_embedded_by_the_next_scan(
    outside: Outside, repository: Repository, open_pulls: OpenPulls
) -> None:
    open_pulls(2)
    scanning = Scanning(outside, repository)
    scanning.scan_all()
    asyncio.run(scanning.vectors.delete(INTENT_COLLECTION, ["1-1-intent"]))
    embedding = json.dumps(outside.config(embedding="ollama")["embedding"])
    scanning.executor.connection.execute(
        "UPDATE accounts SET config = json_set(config, '$.embedding', json(?))", (embedding,)
    )
    assert scanning.scan_all()["error"].startswith(
        "Some vectors are lost, and the others were embedded by another model"
    )
    assert scanning.scan_all()["status"] == "done"
    assert None not in scanning.pulls("embed_hash")


def test_it_does_not_wait_for_ever(outside: Outside, repository: Repository, open_pulls: OpenPulls) -> None:
    open_pulls(2)
    scanning = Scanning(outside, repository, vectors=MemoryVectors(unsettled=10**6))
    scanning.begin()
    scanning.drain()
    assert scanning.scan()["error"] == (
        "The vector index has not caught up after 600 seconds. "
        "Start the scan again later; what is embedded already will not be embedded again"
    )
    assert len([delay for _, _, delay in scanning.queue.jobs]) == 0
    assert scanning.vectors.calls["settled"] == 121


def test_without_new_vectors_there_is_nothing_to_wait_for(
    outside: Outside, repository: Repository, open_pulls: OpenPulls
) -> None:
    open_pulls(2)
    scanning = Scanning(outside, repository)
    scanning.scan_all()
    before = scanning.vectors.calls["settled"]
    scanning.scan_all()
    assert scanning.vectors.calls["settled"] == before
