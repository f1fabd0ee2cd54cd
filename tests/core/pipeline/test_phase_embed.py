"""Phase `embed`: what is embedded, and when that is recorded."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ossgard.errors import RetryableError
from ossgard.pipeline.disposition import Done
from ossgard.ports import VectorPoint
from ossgard.spec.settings import CODE_COLLECTION, INTENT_COLLECTION
from tests.core.scanning import Scanning
from tests.outside.diffs import ChangedFile
from tests.outside.llm import Behaviour
from tests.outside.planting import Plan
from tests.outside.repository import Repository
from tests.outside.world import World as Outside
from tests.support.memory_vectors import MemoryVectors

OpenPulls = Callable[[int], list[int]]


def code_ids(scanning: Scanning, numbers: Sequence[int]) -> set[str]:
    return {f"1-{number}-code" for number in numbers}


def intent_ids(scanning: Scanning, numbers: Sequence[int]) -> set[str]:
    return {f"1-{number}-intent" for number in numbers}


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two embedded in a slice, three looked at in a piece, three pieces in a slice."""
    monkeypatch.setattr("ossgard.pipeline.phases.embed.SLICE_SIZE", 2)
    monkeypatch.setattr("ossgard.pipeline.phases.embed.PAGE_SIZE", 3)
    monkeypatch.setattr("ossgard.pipeline.phases.embed.PAGES", 3)


@pytest.mark.usefixtures("small_slices")
def test_every_open_one_gets_both_vectors_over_several_slices(scanning: Scanning, open_pulls: OpenPulls) -> None:
    numbers = open_pulls(5)
    scan = scanning.scan_all()
    assert (scan["status"], scan["error"]) == ("done", None)
    assert scanning.vectors.ids(CODE_COLLECTION) == code_ids(scanning, numbers)
    assert scanning.vectors.ids(INTENT_COLLECTION) == intent_ids(scanning, numbers)
    assert all(len(hash) == 16 for hash in scanning.pulls("embed_hash"))
    assert scan["embedding_tokens"] > 0


@pytest.mark.usefixtures("small_slices")
def test_only_what_has_changed_is_embedded_again(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, repository: Repository
) -> None:
    numbers = open_pulls(12)
    scanning.scan_all()
    before = scanning.pulls("embed_hash")
    repository.update(numbers[10], title="another title")
    repository.touch(numbers[3])
    outside.reset()
    scanning.scan_all()
    after = scanning.pulls("embed_hash")
    assert outside.count("openai.embeddings").inputs == 2
    assert [place for place in range(12) if before[place] != after[place]] == [10]


def test_an_unchanged_repository_asks_for_no_embedding(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside
) -> None:
    open_pulls(3)
    first = scanning.scan_all()
    outside.reset()
    second = scanning.scan_all()
    assert outside.count("openai.embeddings").calls == 0
    assert (first["embedding_tokens"] > 0, second["embedding_tokens"]) == (True, 0)


def test_who_changes_no_file_has_no_code_signal(scanning: Scanning, repository: Repository) -> None:
    with_files = repository.open("With files", None, [ChangedFile("a.py", "a")]).number
    without = repository.open("Without files").number
    assert scanning.scan_all()["status"] == "done"
    assert scanning.vectors.ids(CODE_COLLECTION) == code_ids(scanning, [with_files])
    assert scanning.vectors.ids(INTENT_COLLECTION) == intent_ids(scanning, [with_files, without])
    repository.update(with_files, files=[])
    assert scanning.scan_all()["status"] == "done"
    assert scanning.vectors.ids(CODE_COLLECTION) == set()


class Stumbling(MemoryVectors):
    """Fails at the n-th call of a method, before or after it has done its work."""

    def __init__(self, method: str, at: int, error: BaseException, after: bool = False) -> None:
        super().__init__()
        self._plan = method, at, error, after

    def _stumble(self, method: str, after: bool) -> None:
        planned, at, error, is_after = self._plan
        if (planned, is_after) == (method, after) and self.calls.get(method, 0) == at - (0 if after else 1):
            self._plan = "", 0, error, False
            raise error

    async def upsert(self, collection: str, points: Sequence[VectorPoint]) -> str:
        self._stumble("upsert", after=False)
        token = await super().upsert(collection, points)
        self._stumble("upsert", after=True)
        return token

    async def ensure_collection(self, collection: str, dimensions: int) -> bool:
        self._stumble("ensure_collection", after=False)
        is_new = await super().ensure_collection(collection, dimensions)
        self._stumble("ensure_collection", after=True)
        return is_new


def test_hashes_are_recorded_only_when_both_vectors_are_stored(
    outside: Outside, repository: Repository, open_pulls: OpenPulls
) -> None:
    numbers = open_pulls(3)
    stumbling = Stumbling("upsert", 2, RetryableError("no vectors today"))
    scanning = Scanning(outside, repository, vectors=stumbling)
    scanning.begin()
    scanning.run_until("embed")
    assert scanning.deliver() == Done()
    assert "no vectors today" in scanning.scan()["progress"]
    assert scanning.pulls("embed_hash") == [None] * 3
    scanning.drain()
    assert scanning.scan()["status"] == "done"
    assert None not in scanning.pulls("embed_hash")
    assert stumbling.ids(INTENT_COLLECTION) == intent_ids(scanning, numbers)


def test_vectors_of_a_wrong_size_store_nothing(scanning: Scanning, open_pulls: OpenPulls, outside: Outside) -> None:
    open_pulls(3)
    outside.shrink_vectors()
    scan = scanning.scan_all()
    assert scan["status"] == "failed"
    assert "dimensions" in scan["error"]
    assert scanning.pulls("embed_hash") == [None] * 3
    assert scanning.vectors.calls.get("upsert", 0) == 0


# ---- collections that hold vectors of another size


class Killed(BaseException):
    """The process ends here."""


def other_model(scanning: Scanning, outside: Outside) -> None:
    """Let the account embed with a model whose vectors have another size."""
    embedding = outside.config(embedding="ollama")["embedding"]
    changes: Any = {**outside.config(), "embedding": embedding}
    scanning.executor.connection.execute("UPDATE accounts SET config = ?", (json.dumps(changes),))


@pytest.mark.usefixtures("small_slices")
def test_another_size_has_everything_embedded_anew(scanning: Scanning, open_pulls: OpenPulls, outside: Outside) -> None:
    numbers = open_pulls(5)
    scanning.scan_all()
    before = scanning.vectors.calls["upsert"]
    other_model(scanning, outside)
    scanning.repository.update(numbers[4], title="changed")
    scan = scanning.scan_all()
    assert (scan["status"], scan["error"]) == ("done", None)
    assert scanning.vectors.ids(CODE_COLLECTION) == code_ids(scanning, numbers)
    assert scanning.vectors.ids(INTENT_COLLECTION) == intent_ids(scanning, numbers)
    assert scanning.vectors.calls["upsert"] - before == 6
    assert None not in scanning.pulls("embed_hash")


@pytest.mark.usefixtures("small_slices")
def test_another_size_clears_everybodys_hashes(scanning: Scanning, open_pulls: OpenPulls, outside: Outside) -> None:
    numbers = open_pulls(2)
    scanning.scan_all()
    other = outside.add_repository("acme", f"{scanning.repository.name}-other", Plan(prs=3, odd=False))
    scanning.start_scan("acme", other.name)
    scanning.drain()
    other_model(scanning, outside)
    scanning.repository.update(numbers[0], title="changed")
    scanning.scan_all()
    embedded = "SELECT count(*) FROM prs WHERE embed_hash IS NOT NULL AND repo_id ="
    assert scanning.rows(f"{embedded} 1") == [(2,)]
    assert scanning.rows(f"{embedded} 2") == [(0,)]


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", [3, 4], ids=["code", "intent"])
def test_killed_while_collections_are_made_anew(
    outside: Outside, repository: Repository, open_pulls: OpenPulls, at: int, after: bool
) -> None:
    """Only the last of many has changed: what lies before it must be embedded anew all the same."""
    numbers = open_pulls(12)
    scanning = Scanning(outside, repository)
    scanning.scan_all()
    calls = scanning.vectors.calls["ensure_collection"]
    stumbling = Stumbling("ensure_collection", calls + at - 2, Killed(), after)
    stumbling.__dict__.update({**scanning.vectors.__dict__, "_plan": stumbling.__dict__["_plan"]})
    scanning.vectors = stumbling
    other_model(scanning, outside)
    repository.update(numbers[-1], title="changed")
    scanning.begin()
    with pytest.raises(Killed):
        scanning.drain()
    scanning.drain()
    assert scanning.scan()["status"] == "done"
    assert stumbling.ids(CODE_COLLECTION) == code_ids(scanning, numbers)
    assert stumbling.ids(INTENT_COLLECTION) == intent_ids(scanning, numbers)
    assert None not in scanning.pulls("embed_hash")


@pytest.mark.usefixtures("small_slices")
def test_two_scans_of_different_sizes_do_not_go_on_for_ever(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside
) -> None:
    open_pulls(5)
    scanning.begin()
    scanning.run_until("embed")
    sizes = 0
    while scanning.queue.jobs and scanning.scan()["status"] == "embedding":
        sizes += 1
        for collection in (CODE_COLLECTION, INTENT_COLLECTION):
            asyncio.run(scanning.vectors.ensure_collection(collection, 7))
        scanning.deliver()
        assert sizes < 20
    assert scanning.scan()["error"] == (
        "Another scan embeds with vectors of another size at the same time. "
        "Start the scan again when it has ended, or use the same embedding model for both"
    )


# ---- texts that the provider refuses


def test_a_text_that_the_provider_refuses_costs_its_pull_request_the_vectors(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, repository: Repository
) -> None:
    numbers = open_pulls(9)
    bad = [repository.open("A forbidden title", None, [ChangedFile("a.py", "a")]).number]
    bad.append(repository.open("A path", None, [ChangedFile("forbidden.py", "a")]).number)
    outside.llm.behaviour = Behaviour(refuses_to_embed=frozenset({"forbidden"}))
    scan = scanning.scan_all()
    assert (scan["status"], scan["error"]) == ("done", None)
    assert scanning.warnings() == [("NOT_EMBEDDED", 2, bad)]
    assert "usage policy" in scan["warnings"]
    assert scanning.pulls("embed_hash IS NULL") == [0] * 9 + [1, 1]
    assert scanning.vectors.ids(INTENT_COLLECTION) == intent_ids(scanning, numbers)
    assert scanning.vectors.ids(CODE_COLLECTION) == code_ids(scanning, numbers)
    outside.llm.behaviour = Behaviour()
    scanning.scan_all()
    assert (scanning.warnings(), None in scanning.pulls("embed_hash")) == ([], False)


def test_a_refused_change_leaves_what_was_embedded_before(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, repository: Repository
) -> None:
    numbers = open_pulls(3)
    scanning.scan_all()
    before = scanning.pulls("embed_hash")
    repository.update(numbers[1], title="A forbidden title")
    outside.llm.behaviour = Behaviour(refuses_to_embed=frozenset({"forbidden"}))
    for _ in range(2):
        assert scanning.scan_all()["status"] == "done"
        assert scanning.warnings() == [("NOT_EMBEDDED", 1, [numbers[1]])]
        assert scanning.pulls("embed_hash") == before


def test_equal_diffs_find_each_other_without_vectors(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, repository: Repository
) -> None:
    open_pulls(2)
    first = repository.open("A forbidden title", None, [ChangedFile("a.py", "a")]).number
    second = repository.open_duplicate(first).number
    outside.llm.behaviour = Behaviour(refuses_to_embed=frozenset({"forbidden"}))
    assert scanning.scan_all()["status"] == "done"
    assert sorted(map(sorted, scanning.groups())) == [[first, second]]
    assert scanning.warnings() == [("NOT_EMBEDDED", 2, [first, second])]


def test_a_provider_that_refuses_everything_fails_the_scan(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside
) -> None:
    open_pulls(3)
    outside.fail("openai.embeddings", 400)
    scan = scanning.scan_all()
    assert scan["status"] == "failed"
    assert "refuses the request" in scan["error"]
    assert scanning.pulls("embed_hash") == [None] * 3
    assert len(outside.requests("openai.embeddings")) <= 4
