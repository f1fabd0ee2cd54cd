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


def candidates(scanning: Scanning) -> list[tuple[int, int]]:
    """The pairs of the newest scan that has chosen any."""
    rows = scanning.rows("""
        SELECT pr_id, other_id FROM candidate_pairs
        WHERE scan_id = (SELECT max(scan_id) FROM candidate_pairs) ORDER BY 1, 2
        """)
    return [(one, other) for one, other in rows]


def to_candidates(scanning: Scanning, **options: Any) -> list[tuple[int, int]]:
    """Scan through the cluster phase; the pairs."""
    scanning.begin(**options)
    scanning.run_phase("cluster")
    assert scanning.scan()["status"] == "verifying", scanning.scan()
    return candidates(scanning)


@pytest.fixture
def clustered(outside: Outside, repository: Repository) -> Callable[..., Scanning]:
    """Runs a scan through the cluster phase, over searches that a test says; titles share no words."""

    def cluster(near: Mapping[str, Any], **scan: float) -> Scanning:
        config = outside.config()
        config["scan"] = {"candidates_per_pr": 1, **scan}
        scanning = Scanning(outside, repository, config, Scripted(near))
        to_candidates(scanning)
        return scanning

    return cluster


def open_strangers(repository: Repository, number: int) -> None:
    """Open pull requests that have nothing in common."""
    for index in range(1, number + 1):
        word = chr(ord("a") + index) * 5
        repository.open(word, None, [ChangedFile(f"{word}.py", f"{word} {word}")])


def test_the_best_places_in_the_lists_of_both_make_candidates(
    clustered: Callable[..., Scanning], repository: Repository
) -> None:
    open_strangers(repository, 6)
    near = {
        INTENT_COLLECTION: {1: {2: 0.3, 3: 0.2}, 2: {1: 0.3}, 3: {1: 0.2}, 4: {5: 0.01}},
        CODE_COLLECTION: {1: {2: 0.99}, 5: {6: 0.9}, 6: {5: 0.9}},
    }
    scanning = clustered(near)
    assert scanning.rows("SELECT pr_id, other_id, score, certain FROM candidate_pairs ORDER BY score DESC, pr_id") == [
        # First by intent of each other, and first by code, which counts half, of one another: from either list.
        (1, 2, pytest.approx(2 / 11 + 0.5 / 11), 0),
        (1, 3, pytest.approx(1 / 12 + 1 / 11), 0),
        (4, 5, pytest.approx(1 / 11), 0),
        (5, 6, pytest.approx(2 * 0.5 / 11), 0),
    ]
    assert isinstance(scanning.vectors, Scripted)
    assert scanning.vectors.limits == {15}


def test_as_many_pairs_a_pull_request_as_the_account_wants(
    clustered: Callable[..., Scanning], repository: Repository
) -> None:
    open_strangers(repository, 4)
    near = {
        INTENT_COLLECTION: {one: {other: 1 - abs(one - other) / 10 for other in range(1, 5)} for one in range(1, 5)}
    }
    assert len(candidates(clustered(near))) == 4
    assert len(candidates(clustered(near, candidates_per_pr=2))) == 6


def test_thresholds_of_the_account_are_a_floor(clustered: Callable[..., Scanning], repository: Repository) -> None:
    open_strangers(repository, 6)
    repository.open("ddddd once more")
    near = {
        CODE_COLLECTION: {1: {2: 0.85, 3: 0.95}},
        INTENT_COLLECTION: {1: {2: 0.7}, 4: {5: 0.5, 6: 0.8}},
    }
    # Words alone do not make a candidate then: nothing says how near the vectors are.
    assert candidates(clustered(near, code_similarity_threshold=0.9, intent_similarity_threshold=0.75)) == [
        (1, 3),
        (4, 6),
    ]
    assert candidates(clustered(near, code_similarity_threshold=0.9)) == [(1, 2), (1, 3), (4, 5), (4, 6)]
    assert (3, 7) in candidates(clustered(near))


def test_titles_with_equal_words_are_near(clustered: Callable[..., Scanning], repository: Repository) -> None:
    open_strangers(repository, 3)
    repository.open("Correct the memoryFlush of gateways")
    repository.open("fix(gateway): memory flush corrected")
    assert candidates(clustered({})) == [(4, 5)]


def test_references_to_one_issue_are_near(clustered: Callable[..., Scanning], repository: Repository) -> None:
    open_strangers(repository, 3)
    repository.open("Yoyo", "Fixes #4711")
    repository.open("Zebra", f"See https://github.com/{repository.full_name}/issues/4711")
    assert candidates(clustered({})) == [(4, 5)]


def test_changes_with_equal_lines_are_near(clustered: Callable[..., Scanning], repository: Repository) -> None:
    open_strangers(repository, 3)
    repository.open("Yoyo", None, [ChangedFile("y.py", "one two three four five"), ChangedFile("w.py", "other")])
    repository.open("Zebra", None, [ChangedFile("y.py", "one two three four five"), ChangedFile("v.py", "further")])
    assert candidates(clustered({})) == [(4, 5)]


def test_neighbours_that_are_closed_or_gone_do_not_count(
    clustered: Callable[..., Scanning], repository: Repository
) -> None:
    open_strangers(repository, 2)
    assert candidates(clustered({CODE_COLLECTION: {1: {99: 1.0}, 2: {77: 1.0}}})) == []


def test_equal_diffs_are_certain_on_one_base_and_backports_elsewhere(
    clustered: Callable[..., Scanning], repository: Repository
) -> None:
    open_strangers(repository, 2)
    for number in (1, 1, 1):
        repository.open_duplicate(number)
    repository.update(4, base="release-1")
    repository.update(5, base="release-1")
    scanning = clustered({INTENT_COLLECTION: {1: {4: 0.99}, 4: {1: 0.99}}})
    assert scanning.rows("SELECT pr_id, other_id FROM candidate_pairs WHERE certain ORDER BY 1, 2") == [(1, 3), (4, 5)]
    # However near: what is equal on another base is a backport.
    assert not {(1, 4), (3, 4), (1, 5), (3, 5)} & set(candidates(scanning))


def test_equal_titles_are_candidates_each_with_the_five_before(
    clustered: Callable[..., Scanning], repository: Repository
) -> None:
    for index in range(8):
        repository.open(
            " Update README" if index % 2 else "update readme", None, [ChangedFile(f"{index}.md", f"{index}")]
        )
    pairs = candidates(clustered({}, code_similarity_threshold=1, intent_similarity_threshold=1))
    assert pairs == [(one, other) for one in range(1, 9) for other in range(one + 1, min(one + 6, 9))]


def test_what_is_stacked_on_another_is_no_candidate_with_it(
    clustered: Callable[..., Scanning], repository: Repository
) -> None:
    open_strangers(repository, 3)
    repository.update(2, title="Rework the parser", branch="rework")
    repository.update(3, title="Rework the parser", base="rework")
    near = {INTENT_COLLECTION: {2: {3: 0.9, 1: 0.1}, 3: {2: 0.9}}}
    assert candidates(clustered(near)) == [(1, 2)]


def test_slices_search_every_one_once(
    repository: Repository, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_strangers(repository, 4)
    repository.update(4, title=f"{repository.pulls[1].title} again")
    near = {CODE_COLLECTION: {2: {4: 0.9}}, INTENT_COLLECTION: {3: {4: 0.9}}}
    whole = to_candidates(Scanning(outside, repository, vectors=Scripted(near)))
    monkeypatch.setattr("ossgard.pipeline.phases.cluster.SLICE_SIZE", 2)
    monkeypatch.setattr("ossgard.pipeline.phases.cluster.WORDS_SIZE", 1)
    scanning = Scanning(outside, repository, vectors=Scripted(near))
    assert to_candidates(scanning) == whole == [(1, 4), (2, 4), (3, 4)]
    assert scanning.vectors.calls["search_by_id"] == 8


def test_a_message_delivered_twice_makes_no_more_candidates(outside: Outside, repository: Repository) -> None:
    open_strangers(repository, 3)
    scanning = Scanning(outside, repository, vectors=Scripted({CODE_COLLECTION: {1: {2: 0.9}}}))
    scanning.begin()
    scanning.run_until("cluster")
    while scanning.queue.jobs[0][1].type == "cluster":
        again = scanning.queue.jobs[0]
        scanning.deliver()
        scanning.queue.jobs.insert(0, again)
        scanning.deliver()
    assert candidates(scanning) == [(1, 2)]


# ---- from scan to scan


@pytest.fixture
def scanned(outside: Outside, repository: Repository, open_pulls: OpenPulls) -> Scanning:
    """A repository of thirty that has been scanned."""
    open_pulls(30)
    scanning = Scanning(outside, repository)
    assert scanning.scan_all()["status"] == "done"
    scanning.vectors.calls.clear()
    return scanning


def test_without_a_change_nothing_is_searched_and_the_pairs_stay(scanned: Scanning) -> None:
    before = candidates(scanned)
    assert len(before) >= 60
    assert to_candidates(scanned) == before
    assert not scanned.vectors.calls.keys() & {"search", "search_by_id"}
    assert scanned.rows("SELECT count(DISTINCT scan_id) FROM candidate_pairs") == [(2,)]
    scanned.drain()
    # What is older than the last pairs is of no use.
    assert scanned.rows("SELECT count(DISTINCT scan_id) FROM candidate_pairs") == [(1,)]


def test_an_edit_changes_no_pairs_of_others(scanned: Scanning) -> None:
    before = candidates(scanned)
    scanned.repository.update(7, title=scanned.repository.pulls[11].title)
    after = to_candidates(scanned)
    assert {pair for pair in after if 7 not in pair} == {pair for pair in before if 7 not in pair}
    assert (7, 11) in after
    assert scanned.vectors.calls["search_by_id"] == 2


def test_a_new_one_comes_into_the_lists_of_the_others(scanned: Scanning) -> None:
    before = candidates(scanned)
    scanned.repository.open_duplicate(3)
    after = to_candidates(scanned)
    assert (3, 31) in after
    assert {pair for pair in after if 31 not in pair} == set(before)
    assert scanned.vectors.calls["search_by_id"] == 2


def test_pairs_of_what_is_closed_leave(scanned: Scanning) -> None:
    before = candidates(scanned)
    scanned.repository.close(before[0][0])
    assert to_candidates(scanned) == [pair for pair in before if before[0][0] not in pair]


def test_who_has_lost_half_of_its_neighbours_is_searched_again(scanned: Scanning) -> None:
    for number in range(1, 21):
        scanned.repository.close(number)
    to_candidates(scanned)
    assert scanned.vectors.calls["search_by_id"] > 0


def test_other_settings_choose_all_pairs_anew(scanned: Scanning) -> None:
    before = candidates(scanned)
    scanned.executor.connection.execute("UPDATE accounts SET config = json_set(config, '$.scan.candidates_per_pr', 3)")
    after = to_candidates(scanned)
    assert len(after) >= 90
    assert set(before) < set(after)
    assert "search_by_id" not in scanned.vectors.calls


def test_a_full_scan_searches_all_anew(scanned: Scanning) -> None:
    before = candidates(scanned)
    assert to_candidates(scanned, full=True) == before
    assert scanned.vectors.calls["search_by_id"] == 60


def test_a_scan_that_failed_after_searching_leaves_its_changes_to_the_next(scanned: Scanning) -> None:
    scanned.repository.update(7, title=scanned.repository.pulls[11].title)
    scanned.begin()
    scanned.run_until("cluster")
    scanned.deliver()
    scanned.executor.connection.execute("UPDATE scans SET status = 'failed' WHERE status <> 'done'")
    scanned.queue.jobs.clear()
    assert (7, 11) in to_candidates(scanned)


def test_what_the_provider_does_not_embed_is_found_by_its_words(scanned: Scanning, outside: Outside) -> None:
    outside.llm.behaviour.refuses_to_embed = frozenset({"unspeakable"})
    scanned.repository.open("unspeakable quality")
    scanned.repository.open("quality unspeakable")
    nearest = """
        SELECT number FROM prs
        WHERE id = (SELECT nearest ->> '$[0].id' FROM neighbour_lists WHERE pr_id = 31 AND signal = 'words')
        """
    scanned.scan_all()
    assert scanned.rows(nearest) == [(32,)]
    scanned.repository.update(32, title="unspeakable")
    scanned.repository.open("unspeakable quality again")
    scanned.scan_all()
    assert scanned.rows(nearest) == [(33,)]


# ---- vectors that are late, or lost


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
    assert scanning.run_phase("cluster") == [5, 5, 5, 5, 0, 0]
    assert candidates(scanning) == [(1, 2)]


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
    scanning.executor.connection.execute("DELETE FROM neighbour_lists")
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
    assert (2, 4) in candidates(scanning)
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
    assert (1, 5) in candidates(scanning)
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
    scanning.executor.connection.execute("DELETE FROM neighbour_lists")
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
