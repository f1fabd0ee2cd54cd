"""Phase `ingest`: what is read from GitHub, and what is not read again."""

import json
from collections.abc import Callable

import pytest

from ossgard.pipeline.disposition import Done
from tests.core.scanning import Scanning
from tests.outside.diffs import MAX_DIFF_LINES, ChangedFile
from tests.outside.repository import Repository
from tests.outside.world import World as Outside

OpenPulls = Callable[[int], list[int]]

READING = "github.files,github.diff"


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> int:
    """Five pull requests on a page, three in a slice."""
    monkeypatch.setattr("ossgard.providers.github.PAGE_SIZE", 5)
    monkeypatch.setattr("ossgard.pipeline.phases.ingest.PAGE_SIZE", 5)
    monkeypatch.setattr("ossgard.pipeline.phases.ingest.SLICE_SIZE", 3)
    return 5


def test_every_page_is_listed_and_every_pull_request_read(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, small_pages: int
) -> None:
    numbers = open_pulls(12)
    scan = scanning.scan_all()
    assert (scan["status"], scan["error"], scan["pr_count"]) == ("done", None, 12)
    assert scanning.pulls() == numbers
    assert [outside.count(f"github.{name}").calls for name in ("pulls", "files", "diff")] == [3, 12, 12]
    [(title, body, author, paths, state, hash)] = scanning.rows(
        f"SELECT title, body, author, file_paths, state, diff_hash FROM prs WHERE number = {numbers[3]}"
    )
    assert (title, body, author) == ("Do topic3 area3 part3", "Since topic3 area3 part3", "newcomer")
    assert (json.loads(paths), state, len(hash)) == (["src/3.py"], "open", 64)


def test_the_progress_counts_what_is_read(scanning: Scanning, open_pulls: OpenPulls, small_pages: int) -> None:
    open_pulls(7)
    scanning.begin()
    scanning.run_until("ingest")
    seen = []
    while scanning.deliver() == Done() and scanning.scan()["status"] == "ingesting":
        progress = json.loads(scanning.scan()["progress"])
        seen.append((progress["done"], progress["total"], progress["note"]))
    listing = "listing pull requests"
    assert seen == [(0, 5, listing), (0, 7, listing), (3, 7, None), (6, 7, None), (7, 7, None)]


def test_the_newest_are_read_when_there_is_a_limit(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, small_pages: int
) -> None:
    numbers = open_pulls(12)
    scan = scanning.scan_all(maxPrs=7)
    assert (scan["status"], scan["pr_count"]) == ("done", 7)
    assert scanning.pulls() == numbers[-7:]
    assert outside.count("github.pulls").calls == 2


def test_a_limit_closes_nothing(
    scanning: Scanning, open_pulls: OpenPulls, repository: Repository, small_pages: int
) -> None:
    numbers = open_pulls(6)
    scanning.scan_all()
    repository.close(numbers[0])
    scanning.scan_all(maxPrs=2)
    assert scanning.pulls("state") == ["open"] * 6


def test_what_has_not_changed_is_not_read_again(scanning: Scanning, open_pulls: OpenPulls, outside: Outside) -> None:
    open_pulls(4)
    scanning.scan_all()
    outside.reset()
    assert scanning.scan_all()["status"] == "done"
    assert outside.requests(READING) == []


def test_an_unchanged_diff_keeps_its_hash(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, repository: Repository
) -> None:
    number, _ = open_pulls(2)
    scanning.scan_all()
    before = scanning.pulls("diff_hash, github_etag")
    repository.touch(number)
    outside.reset()
    scanning.scan_all()
    assert outside.count("github.diff").statuses == {304: 1}
    assert scanning.pulls("diff_hash, github_etag") == before
    assert None not in before[0]


def test_a_pushed_commit_changes_the_hash(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, repository: Repository
) -> None:
    first, second = open_pulls(2)
    scanning.scan_all()
    before = scanning.pulls("diff_hash")
    repository.push(first)
    repository.force_push_same(second)
    outside.reset()
    scanning.scan_all()
    after = scanning.pulls("diff_hash")
    assert outside.count("github.diff").statuses == {200: 2}
    assert (after[0] == before[0], after[1] == before[1]) == (False, True)


def test_a_full_scan_reads_everything_without_etags(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside
) -> None:
    open_pulls(3)
    scanning.scan_all()
    outside.reset()
    scanning.scan_all(full=True)
    assert outside.count("github.diff").statuses == {200: 3}
    assert not any("if-none-match" in request.headers for request in outside.requests("github.diff"))


def test_a_diff_that_is_too_large_leaves_the_files(
    scanning: Scanning, outside: Outside, repository: Repository
) -> None:
    repository.open("Generate it", None, [ChangedFile("schema.json", "schema", MAX_DIFF_LINES + 1)])
    assert scanning.scan_all()["status"] == "done"
    assert outside.count("github.diff").statuses == {406: 1}
    assert scanning.pulls("file_paths, diff_hash, github_etag, body") == [('["schema.json"]', None, None, None)]


def test_one_that_goes_away_while_it_is_read_is_not_stored(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, repository: Repository
) -> None:
    first, gone, last = open_pulls(3)
    outside.when("github.files", lambda: repository.remove(gone), times=None)
    scan = scanning.scan_all()
    assert (scan["status"], scan["error"]) == ("done", None)
    assert scanning.pulls() == [first, last]


def test_a_stored_one_that_goes_away_while_it_is_read_is_closed(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, repository: Repository
) -> None:
    numbers = open_pulls(3)
    scanning.scan_all()
    repository.touch(numbers[1])
    outside.when("github.files", lambda: repository.remove(numbers[1]))
    assert scanning.scan_all()["status"] == "done"
    assert scanning.pulls("state") == ["open", "closed", "open"]


def test_what_is_not_listed_any_more_is_looked_up(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, repository: Repository, small_pages: int
) -> None:
    closed, merged, removed = open_pulls(8)[:3]
    scanning.scan_all()
    repository.close(closed)
    repository.merge(merged)
    repository.remove(removed)
    outside.reset()
    assert scanning.scan_all()["pr_count"] == 5
    assert scanning.pulls("state") == ["closed", "merged", "closed", *["open"] * 5]
    assert scanning.pulls("embed_hash IS NULL") == [1, 1, 1, *[0] * 5]
    assert outside.count("github.pull").calls == 3
    assert scanning.rows("SELECT number FROM vector_purges ORDER BY number") == [(closed,), (merged,), (removed,)]


def test_one_that_is_opened_again_is_read_again(
    scanning: Scanning, open_pulls: OpenPulls, repository: Repository
) -> None:
    number, _ = open_pulls(2)
    scanning.scan_all()
    repository.close(number)
    scanning.scan_all()
    repository.reopen(number)
    scanning.scan_all()
    assert scanning.pulls("state") == ["open", "open"]
    assert scanning.rows("SELECT count(*) FROM prs WHERE embed_hash IS NULL") == [(0,)]
    assert scanning.rows("SELECT count(*) FROM vector_purges") == [(0,)]


def test_one_that_slips_between_two_pages_is_not_closed(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, repository: Repository, small_pages: int
) -> None:
    numbers = open_pulls(8)
    scanning.scan_all()
    # The newest are listed first: closing one of them moves the first of page two to page one, after that was read.
    slipping, newest = numbers[2], numbers[-1]
    repository.update(slipping, title="changed, too")
    outside.when("github.pulls", lambda: repository.close(newest), skip=1)
    assert scanning.scan_all()["status"] == "done"
    assert scanning.pulls("state") == ["open"] * 8
    assert scanning.pulls("title")[2] == "changed, too"
    scanning.scan_all()
    assert scanning.pulls("state") == [*["open"] * 7, "closed"]


def test_a_repository_that_is_deleted_in_the_middle_fails_the_scan(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, repository: Repository
) -> None:
    open_pulls(2)
    outside.when("github.diff", lambda: outside.github.delete_repository(repository.owner, repository.name))
    scan = scanning.scan_all()
    assert (scan["status"], scan["error"]) == (
        "failed",
        f"GitHub has no repository {repository.full_name}, or the account's token may not read it. "
        "Check the name and the token's access, then start the scan again",
    )


def test_a_repository_that_is_deleted_closes_nothing(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside, repository: Repository
) -> None:
    """Every pull request of a repository that is gone answers 404, and none of them has been closed."""
    numbers = open_pulls(2)
    scanning.scan_all()
    repository.close(numbers[0])
    outside.when("github.pull", lambda: outside.github.delete_repository(repository.owner, repository.name))
    assert scanning.scan_all()["status"] == "failed"
    assert scanning.pulls("state") == ["open", "open"]


def test_a_token_that_is_revoked_in_the_middle_fails_the_scan(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside
) -> None:
    open_pulls(2)
    token = outside.github.add_token()
    scanning.executor.connection.execute("UPDATE accounts SET config = json_set(config, '$.github.token', ?)", (token,))
    outside.when("github.files", lambda: outside.github.revoke(token))
    assert scanning.scan_all()["error"] == (
        "GitHub refuses the account's token: Bad credentials. "
        "Replace github.token in the account's configuration, then start the scan again"
    )


def test_an_error_in_one_of_many_has_the_slice_done_again(
    scanning: Scanning, open_pulls: OpenPulls, outside: Outside
) -> None:
    numbers = open_pulls(5)
    outside.fail("github.diff", 502, times=1, skip=2)
    assert scanning.scan_all()["status"] == "done"
    assert scanning.pulls() == numbers
