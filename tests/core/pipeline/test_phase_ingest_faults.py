"""Phase `ingest`: what GitHub does not give of one pull request costs that one and no other, is counted and named."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ossgard.pipeline.phases.ingest import TRY_AGAIN_SECONDS
from tests.core.scanning import Scanning
from tests.outside.repository import Repository
from tests.outside.world import World as Outside

OpenPulls = Callable[[int], list[int]]

HEAVY_LOAD = {"message": "temporarily unavailable due to heavy server load"}


def assert_done(scanning: Scanning) -> None:
    scan = scanning.scan()
    assert (scan["status"], scan["error"]) == ("done", None)


# ---- diffs, files


@pytest.mark.parametrize("status", [400, 403, 422, 451, 500, 502])
def test_a_diff_that_github_does_not_give_costs_the_diff(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, status: int
) -> None:
    numbers = open_pulls(4)
    outside.fail("github.diff", status, body=HEAVY_LOAD, pull=numbers[1])
    scanning.scan_all()
    assert_done(scanning)
    assert scanning.warnings() == [("DIFF_UNAVAILABLE", 1, [numbers[1]])]
    assert "heavy server load" in scanning.scan()["warnings"]
    assert "token" not in scanning.scan()["warnings"]
    assert scanning.pulls() == numbers
    assert scanning.pulls("diff_hash IS NULL") == [0, 1, 0, 0]
    assert scanning.pulls("embed_hash IS NULL") == [0, 0, 0, 0], "it is compared by its files and its words"
    outside.heal()
    outside.reset()
    scanning.scan_all()
    assert scanning.warnings() == []
    assert scanning.pulls("diff_hash IS NULL") == [0, 0, 0, 0]
    assert len(outside.requests("github.diff")) == 1, "it alone is read again"


def test_a_diff_that_was_read_before_stands_until_there_is_a_newer_one(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, repository: Repository
) -> None:
    first, _ = open_pulls(2)
    copy = repository.open_duplicate(first).number
    scanning.scan_all()
    before = scanning.pulls("diff_hash")
    repository.update(copy, title="Another title")
    fault = outside.fail("github.diff", 422, body=HEAVY_LOAD, pull=copy)
    for _ in range(2):
        scanning.scan_all()
        assert_done(scanning)
        assert scanning.warnings() == [("DIFF_UNAVAILABLE", 1, [copy])]
        assert scanning.pulls("diff_hash") == before
        assert scanning.pulls("title")[-1] == "Another title"
    assert fault.hits == 2


@pytest.mark.parametrize("status", [400, 403, 422, 451, 500])
def test_files_that_github_does_not_give_leave_a_pull_request_as_it_was(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, repository: Repository, status: int
) -> None:
    numbers = open_pulls(3)
    scanning.scan_all()
    before = scanning.pulls("title, file_paths, diff_hash, updated_at, state, embed_hash")
    for number in numbers[:2]:
        repository.update(number, title="changed")
    outside.fail("github.files", status, body=HEAVY_LOAD, pull=numbers[0])
    scanning.scan_all()
    assert_done(scanning)
    assert scanning.warnings() == [("PULL_UNREADABLE", 1, [numbers[0]])]
    after = scanning.pulls("title, file_paths, diff_hash, updated_at, state, embed_hash")
    assert (after[0], after[2], after[1][0]) == (before[0], before[2], "changed")


def test_a_new_one_without_files_costs_itself(scanning: Scanning, open_pulls: OpenPulls, outside: Outside) -> None:
    numbers = open_pulls(3)
    outside.garble("github.files", pull=numbers[2])
    scanning.scan_all()
    assert_done(scanning)
    assert scanning.warnings() == [("PULL_UNREADABLE", 1, [numbers[2]])]
    assert scanning.pulls() == numbers[:2]
    outside.heal()
    scanning.scan_all()
    assert scanning.pulls() == numbers


def test_a_fault_that_passes_costs_nothing(scanning: Scanning, open_pulls: OpenPulls, outside: Outside) -> None:
    numbers = open_pulls(5)
    outside.fail("github.diff", 502, pull=numbers[1], times=2)
    outside.cut("github.files", "before", pull=numbers[3], times=1)
    scanning.begin()
    delays = scanning.run_phase("ingest")
    assert [delay for delay in delays if delay] == list(TRY_AGAIN_SECONDS)
    assert scanning.pulls("number, diff_hash IS NULL") == [(number, 0) for number in numbers]
    assert len(outside.requests("github.diff")) == 7, "what was read is not read again"
    scanning.drain()
    assert (scanning.scan()["status"], scanning.warnings()) == ("done", [])


def test_a_longer_wait_that_github_asks_for_is_kept(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside
) -> None:
    numbers = open_pulls(3)
    outside.fail("github.diff", 503, retry_after=77, pull=numbers[0], times=1)
    scanning.begin()
    assert [delay for delay in scanning.run_phase("ingest") if delay] == [77]


def test_the_scan_tells_that_it_waits(scanning: Scanning, open_pulls: OpenPulls, outside: Outside) -> None:
    numbers = open_pulls(3)
    outside.fail("github.diff", 500, pull=numbers[0])
    scanning.begin()
    scanning.run_until("ingest")
    while not scanning.queue.jobs[0][2]:
        scanning.deliver()
    progress = json.loads(scanning.scan()["progress"])
    assert (progress["done"], progress["total"]) == (2, 3)
    assert "ask GitHub again" in progress["note"]


def is_put_off(scanning: Scanning) -> bool:
    """Whether the step waits to be tried again, and nothing was settled."""
    note: str = json.loads(scanning.scan()["progress"])["note"]
    return note.startswith("waiting until ")


@pytest.mark.parametrize("endpoint", ["github.files", "github.diff"])
def test_a_failure_of_all_is_github_s(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, endpoint: str
) -> None:
    numbers = open_pulls(4)
    outside.fail(endpoint, 500, times=len(numbers))
    scanning.begin()
    scanning.run_until("ingest")
    scanning.deliver()
    scanning.deliver()
    assert is_put_off(scanning)
    assert scanning.pulls() == []


@pytest.mark.parametrize("endpoint", ["github.files", "github.diff"])
def test_several_bad_ones_alone_in_a_scan_are_told_from_a_failure_of_github(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, repository: Repository, endpoint: str
) -> None:
    """Only they are new, and all of them fail: one that was read before tells whose fault it is."""
    known = open_pulls(2)
    scanning.scan_all()
    new = open_pulls(3)
    for number in new:
        outside.fail(endpoint, 502, pull=number)
    scanning.scan_all()
    assert_done(scanning)
    code = "PULL_UNREADABLE" if endpoint == "github.files" else "DIFF_UNAVAILABLE"
    assert scanning.warnings() == [(code, 3, new)]
    assert scanning.pulls("state") == ["open"] * len(scanning.pulls())
    assert set(known) <= set(scanning.pulls())
    # Now nothing at all can be read.
    outside.fail(endpoint, 502)
    assert scanning.scan_all()["status"] == "failed"
    assert "GitHub failed" in scanning.scan()["error"]


def test_a_token_that_may_read_nothing_fails_the_scan(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside
) -> None:
    open_pulls(3)
    outside.fail("github.files", 403)
    scan = scanning.scan_all()
    assert scan["status"] == "failed"
    assert "Resource not accessible" in scan["error"]
    assert "token" in scan["error"]


def test_nothing_is_told_twice_when_messages_come_twice(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside
) -> None:
    numbers = open_pulls(3)
    outside.fail("github.diff", 422, pull=numbers[0])
    scanning.begin()
    while scanning.queue.jobs:
        again = scanning.queue.jobs[0]
        scanning.deliver()
        scanning.queue.jobs.insert(0, again)
        scanning.deliver()
    assert scanning.warnings() == [("DIFF_UNAVAILABLE", 1, [numbers[0]])]


def test_examples_are_few_and_counts_are_whole(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ossgard.pipeline.phases.ingest.SLICE_SIZE", 3)
    numbers = open_pulls(9)
    outside.fail("github.diff", 422, body={"message": "x" * 5000})
    scanning.scan_all()
    assert scanning.warnings() == [("DIFF_UNAVAILABLE", 9, numbers[:5])]
    assert len(scanning.scan()["warnings"]) < 1000


# ---- the listing

ODD: dict[str, Callable[[dict[str, Any]], list[Any]]] = {
    "no title": lambda entry: [{**entry, "title": None}],
    "a title that is a number": lambda entry: [{**entry, "title": 5}],
    "a number in quotes": lambda entry: [{**entry, "number": str(entry["number"])}],
    "not created": lambda entry: [{key: value for key, value in entry.items() if key != "created_at"}],
    "not updated": lambda entry: [{**entry, "updated_at": None}],
    "twice": lambda entry: [{**entry, "title": None}, {**entry, "title": None}],
}


@pytest.mark.parametrize("odd", ODD)
def test_an_entry_that_cannot_be_read_costs_itself(
    scanning: Scanning, open_pulls: OpenPulls, repository: Repository, odd: str
) -> None:
    numbers = open_pulls(3)
    repository.odd_entries[numbers[1]] = ODD[odd]
    scanning.scan_all()
    assert_done(scanning)
    assert scanning.warnings() == [("PULL_UNREADABLE", 1, [numbers[1]])]
    assert scanning.pulls() == [numbers[0], numbers[2]]


@pytest.mark.parametrize("odd", [*ODD, "nothing at all"])
def test_what_is_stored_of_such_a_one_stays_open(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, repository: Repository, odd: str
) -> None:
    numbers = open_pulls(3)
    scanning.scan_all()
    before = scanning.pulls("title, diff_hash, embed_hash, state, updated_at")
    repository.odd_entries[numbers[1]] = ODD.get(odd, lambda entry: [None])
    scanning.scan_all()
    assert_done(scanning)
    [(code, count, _)] = scanning.warnings()
    assert (code, count) == ("PULL_UNREADABLE", 1)
    assert scanning.pulls("title, diff_hash, embed_hash, state, updated_at") == before
    repository.odd_entries.clear()
    scanning.scan_all()
    assert scanning.warnings() == []


def test_entries_that_are_no_pull_requests_are_counted(
    scanning: Scanning, open_pulls: OpenPulls, repository: Repository
) -> None:
    numbers = open_pulls(3)
    repository.odd_entries[numbers[1]] = lambda entry: [entry, None, 7, [], "x", {"number": None}, {"number": True}]
    scanning.scan_all()
    assert_done(scanning)
    assert scanning.warnings() == [("PULL_UNREADABLE", 6, [])]
    assert scanning.pulls() == numbers


def test_one_that_is_also_listed_as_it_should_be_is_read(
    scanning: Scanning, open_pulls: OpenPulls, repository: Repository
) -> None:
    numbers = open_pulls(3)
    repository.odd_entries[numbers[1]] = lambda entry: [{**entry, "title": None}, entry, entry]
    scanning.scan_all()
    assert (scanning.warnings(), scanning.pulls()) == ([], numbers)


def test_who_has_no_name_costs_nothing(scanning: Scanning, open_pulls: OpenPulls, repository: Repository) -> None:
    numbers = open_pulls(2)
    repository.odd_entries[numbers[0]] = lambda entry: [{**entry, "user": {}}]
    repository.odd_entries[numbers[1]] = lambda entry: [{key: value for key, value in entry.items() if key != "user"}]
    scanning.scan_all()
    assert (scanning.warnings(), scanning.pulls("author")) == ([], ["ghost", "ghost"])


def test_a_listing_of_nothing_but_nonsense_is_github_s_fault(
    scanning: Scanning, open_pulls: OpenPulls, repository: Repository
) -> None:
    for number in open_pulls(2):
        repository.odd_entries[number] = lambda entry: [{"nothing": "of use"}]
    scanning.begin()
    scanning.run_until("ingest")
    scanning.deliver()
    assert is_put_off(scanning)


# ---- what was closed


@pytest.mark.parametrize("status", [422, 451, 500])
def test_one_that_cannot_be_looked_up_stays_open(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, repository: Repository, status: int
) -> None:
    lost, closed, _ = open_pulls(3)
    scanning.scan_all()
    repository.close(lost)
    repository.close(closed)
    outside.fail("github.pull", status, body=HEAVY_LOAD, pull=lost)
    scanning.scan_all()
    assert_done(scanning)
    assert scanning.pulls("state") == ["open", "closed", "open"]
    assert scanning.warnings() == [("PULL_UNREADABLE", 1, [lost])]
    outside.heal()
    scanning.scan_all()
    assert scanning.pulls("state") == ["closed", "closed", "open"]


def test_a_look_up_that_fails_for_a_while_is_made_again(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, repository: Repository
) -> None:
    first, second, _ = open_pulls(3)
    scanning.scan_all()
    repository.close(first)
    repository.close(second)
    outside.fail("github.pull", 502, pull=first, times=2)
    scanning.scan_all()
    assert (scanning.pulls("state"), scanning.warnings()) == (["closed", "closed", "open"], [])


def test_one_alone_that_cannot_be_looked_up_is_told_from_a_failure_of_github(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, repository: Repository
) -> None:
    lost, *_ = open_pulls(3)
    scanning.scan_all()
    repository.close(lost)
    outside.garble("github.pull", pull=lost)
    scanning.scan_all()
    assert_done(scanning)
    assert scanning.warnings() == [("PULL_UNREADABLE", 1, [lost])]
