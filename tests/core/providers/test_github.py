"""GitHub as it is documented, over real HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import pytest

from ossgard.concurrency import gather_bounded
from ossgard.errors import ConnectionFailure, PermanentError, RetryableError
from ossgard.pipeline.texts import diff_hash
from ossgard.providers.github import Diff, GitHub, NotModified, PullGone, TokenRefused, TooLarge
from ossgard.spec.entities import PRState
from tests.core.providers.conftest import providers
from tests.outside.repository import PullRequest
from tests.outside.world import NAME, OWNER, World

T = TypeVar("T")


def run(outside: World, call: Callable[[GitHub], Awaitable[T]], token: str | None = None) -> T:
    github = providers(outside, token=token).github()

    async def main() -> T:
        return await call(github)

    return asyncio.run(main())


def odd(outside: World, is_it: Callable[[PullRequest], bool]) -> int:
    return next(number for number, pull in outside.repository.pulls.items() if pull.state == "open" and is_it(pull))


def plain(outside: World) -> int:
    """A pull request with nothing unusual about it."""
    return next(iter(outside.repository.planted_groups[0]))


def test_the_listing_is_read_page_by_page_to_its_end(outside: World) -> None:
    async def read(github: GitHub) -> list[list[int | None]]:
        pages: list[list[int | None]] = []
        while True:
            page = await github.list_open_pulls(OWNER, NAME, len(pages) + 1)
            pages.append([entry.number for entry in page.entries])
            if not page.has_next:
                return pages

    pages = run(outside, read)
    assert [len(page) for page in pages] == [100, 100, 30]
    listed = [number for page in pages for number in page]
    assert listed == sorted(outside.repository.open_numbers, reverse=True)
    assert outside.count("github.pulls").calls == 3


def test_a_pull_request_is_read_as_it_is(outside: World) -> None:
    number = plain(outside)
    there = outside.repository.pulls[number]
    found = run(outside, lambda github: github.pull(OWNER, NAME, number))
    assert (found.number, found.title, found.body, found.author) == (number, there.title, there.body, there.author)
    assert found.state == PRState.OPEN
    assert found.updated_at == there.updated_at.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_unusual_pull_requests_are_read_too(outside: World) -> None:
    ghost = odd(outside, lambda pull: pull.author is None)
    assert run(outside, lambda github: github.pull(OWNER, NAME, ghost)).author == "ghost"
    silent = odd(outside, lambda pull: pull.body is None)
    assert run(outside, lambda github: github.pull(OWNER, NAME, silent)).body is None
    empty = odd(outside, lambda pull: not pull.files)
    assert run(outside, lambda github: github.files(OWNER, NAME, empty)) == []
    diff = run(outside, lambda github: github.diff(OWNER, NAME, empty))
    assert isinstance(diff, Diff)
    assert diff_hash(diff.text) is None


@pytest.mark.parametrize("merged", [True, False])
def test_merged_is_told_from_closed(outside: World, merged: bool) -> None:
    pulls = outside.repository.pulls.values()
    number = next(one.number for one in pulls if one.state == "closed" and (one.merged_at is not None) == merged)
    found = run(outside, lambda github: github.pull(OWNER, NAME, number))
    assert found.state == (PRState.MERGED if merged else PRState.CLOSED)


def test_files_are_read_up_to_three_pages(outside: World) -> None:
    two_pages = odd(outside, lambda pull: len(pull.files) == 130)
    paths = run(outside, lambda github: github.files(OWNER, NAME, two_pages))
    assert paths == [file.path for file in outside.repository.pulls[two_pages].files]
    assert outside.count("github.files").calls == 2
    five_pages = odd(outside, lambda pull: len(pull.files) == 450)
    assert len(run(outside, lambda github: github.files(OWNER, NAME, five_pages))) == 300
    assert outside.count("github.files").calls == 2 + 3


def test_a_diff_is_sent_again_only_when_it_has_changed(outside: World) -> None:
    number = plain(outside)
    first = run(outside, lambda github: github.diff(OWNER, NAME, number))
    assert isinstance(first, Diff)
    assert first.text.startswith("diff --git a/")
    assert first.etag
    assert run(outside, lambda github: github.diff(OWNER, NAME, number, first.etag)) == NotModified()
    outside.repository.force_push_same(number)
    second = run(outside, lambda github: github.diff(OWNER, NAME, number, first.etag))
    assert isinstance(second, Diff)
    assert diff_hash(second.text) == diff_hash(first.text)
    outside.repository.push(number)
    third = run(outside, lambda github: github.diff(OWNER, NAME, number, second.etag))
    assert isinstance(third, Diff)
    assert diff_hash(third.text) != diff_hash(first.text)


def test_a_diff_can_be_too_large(outside: World) -> None:
    for number in (odd(outside, lambda pull: len(pull.files) > 300), odd(outside, lambda pull: len(pull.files) == 1)):
        assert run(outside, partial(GitHub.diff, owner=OWNER, name=NAME, number=number)) == TooLarge()


def test_what_is_gone_is_named(outside: World) -> None:
    with pytest.raises(PullGone, match="#999999"):
        run(outside, lambda github: github.files(OWNER, NAME, 999_999))
    with pytest.raises(PermanentError, match="no repository acme/gone"):
        run(outside, lambda github: github.list_open_pulls("acme", "gone", 1))


def test_a_token_revoked_in_the_middle_is_named(outside: World) -> None:
    token = outside.github.add_token()
    outside.when("github.pulls", lambda: outside.github.revoke(token), skip=1)

    async def read(github: GitHub) -> None:
        for page in (1, 2, 3):
            await github.list_open_pulls(OWNER, NAME, page)

    with pytest.raises(TokenRefused, match="account's configuration"):
        run(outside, read, token)
    assert outside.count("github.pulls").calls == 2


def test_rate_limits_say_how_long_to_wait(outside: World) -> None:
    outside.limit_secondary("github.files", retry_after=42)
    with pytest.raises(RetryableError, match="secondary rate limit") as caught:
        run(outside, lambda github: github.files(OWNER, NAME, plain(outside)))
    assert (caught.value.retry_after, caught.value.rate_limited) == (42, True)


@pytest.mark.parametrize("fault", ["before", "body"])
def test_a_cut_connection_can_be_tried_again(outside: World, fault: str) -> None:
    outside.cut("github.diff", fault, times=1)  # type: ignore[arg-type]
    number = plain(outside)
    with pytest.raises(ConnectionFailure):
        run(outside, lambda github: github.diff(OWNER, NAME, number))
    assert isinstance(run(outside, lambda github: github.diff(OWNER, NAME, number)), Diff)


def test_a_page_of_html_is_no_answer(outside: World) -> None:
    outside.fail("github.pulls", 502)
    with pytest.raises(RetryableError, match=r"GitHub failed: no explanation \(status 502\)"):
        run(outside, lambda github: github.list_open_pulls(OWNER, NAME, 1))


@pytest.mark.parametrize("concurrency", [None, 2])
def test_no_more_requests_than_allowed_are_under_way(outside: World, concurrency: int | None) -> None:
    outside.slow("github.files", 0.02)
    account = providers(outside, changes={"scan": {"concurrency": concurrency}} if concurrency else None)
    github, numbers = account.github(), sorted(outside.repository.open_numbers)[:24]

    async def read() -> list[list[str]]:
        jobs = [lambda number=number: github.files(OWNER, NAME, number) for number in numbers]
        return await gather_bounded(jobs, account.at_once)

    found = asyncio.run(read())
    assert found[0] == [file.path for file in outside.repository.pulls[numbers[0]].files]
    assert outside.count("github.files").max_active == (concurrency or 6)
