"""GitHub's errors, told apart by what can be done about them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ossgard.errors import PermanentError, RetryableError
from ossgard.ports import HttpResponse
from ossgard.providers.github import GitHub, NotModified, Pull, PullGone, PullUnreadable, TokenRefused, TooLarge
from ossgard.spec.entities import PRState
from tests.core.providers.scripted import ScriptedClient, response
from tests.support.ports import SetClock

NOW = int(SetClock().now().timestamp())

CALLS: list[Callable[[GitHub], Awaitable[Any]]] = [
    lambda github: github.check_repository("acme", "rocket"),
    lambda github: github.list_open_pulls("acme", "rocket", 1),
    lambda github: github.pull("acme", "rocket", 7),
    lambda github: github.files("acme", "rocket", 7),
    lambda github: github.diff("acme", "rocket", 7, '"etag"'),
]
OF_A_PULL = CALLS[2:]


def run(call: Callable[[GitHub], Awaitable[Any]], *answers: HttpResponse) -> Any:
    async def main() -> Any:
        return await call(GitHub(ScriptedClient(*answers), SetClock(), "https://github/", "ghp_1"))

    return asyncio.run(main())


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (response(403, {"message": "x"}, x_ratelimit_remaining="0", x_ratelimit_reset=str(NOW + 90)), 90),
        (response(403, {"message": "x"}, x_ratelimit_remaining="0", x_ratelimit_reset=str(NOW - 5)), 0),
        (response(429, {"message": "x"}, x_ratelimit_remaining="0", x_ratelimit_reset=str(NOW + 9)), 9),
        (response(403, {"message": "x"}, retry_after="60"), 60),
        (response(403, {"message": "You have exceeded a secondary rate limit."}, x_ratelimit_remaining="50"), None),
        (response(429, b""), None),
    ],
)
def test_both_kinds_of_rate_limits_are_waited_for(
    call: Callable[[GitHub], Awaitable[Any]], answer: HttpResponse, wait: float | None
) -> None:
    with pytest.raises(RetryableError, match="rate limit") as caught:
        run(call, answer)
    assert (caught.value.rate_limited, caught.value.retry_after) == (True, wait)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_failures_of_github_pass(call: Callable[[GitHub], Awaitable[Any]], status: int) -> None:
    with pytest.raises(RetryableError, match=rf"GitHub failed: Oops \(status {status}\)") as caught:
        run(call, response(status, {"message": "Oops"}))
    assert not caught.value.rate_limited


@pytest.mark.parametrize("call", CALLS)
def test_a_revoked_token_is_named(call: Callable[[GitHub], Awaitable[Any]]) -> None:
    with pytest.raises(TokenRefused, match=r"refuses the account's token: Bad credentials\. Replace github\.token"):
        run(call, response(401, {"message": "Bad credentials"}))


@pytest.mark.parametrize("call", CALLS[:2])
def test_a_token_without_access_is_told_why(call: Callable[[GitHub], Awaitable[Any]]) -> None:
    with pytest.raises(PermanentError, match="does not let this token read acme/rocket: Resource protected by SAML"):
        run(call, response(403, {"message": "Resource protected by SAML"}, x_ratelimit_remaining="4000"))


@pytest.mark.parametrize("call", CALLS[:2])
@pytest.mark.parametrize("status", [404, 410, 451])
def test_a_repository_that_is_gone_ends_it(call: Callable[[GitHub], Awaitable[Any]], status: int) -> None:
    with pytest.raises(PermanentError, match="GitHub has no repository acme/rocket"):
        run(call, response(status, {"message": "Not Found"}))


@pytest.mark.parametrize("call", OF_A_PULL)
@pytest.mark.parametrize("status", [404, 410])
def test_a_pull_request_that_is_gone_is_told_apart(call: Callable[[GitHub], Awaitable[Any]], status: int) -> None:
    with pytest.raises(PullGone, match="acme/rocket#7"):
        run(call, response(status, {"message": "Not Found"}))


@pytest.mark.parametrize("call", OF_A_PULL)
@pytest.mark.parametrize("status", [400, 403, 422, 451, 501])
def test_whatever_else_it_says_of_a_pull_request_is_about_that_alone(
    call: Callable[[GitHub], Awaitable[Any]], status: int
) -> None:
    words = rf"GitHub does not give pull request acme/rocket#7: Heavy load \(status {status}\)"
    with pytest.raises(PullUnreadable, match=words):
        run(call, response(status, {"message": "Heavy load"}, x_ratelimit_remaining="4000"))


@pytest.mark.parametrize("call", CALLS[1:4])
@pytest.mark.parametrize("body", [b"", b"[{", 7, {"a": 1}])
def test_a_malformed_answer_can_be_tried_again(call: Callable[[GitHub], Awaitable[Any]], body: object) -> None:
    with pytest.raises(RetryableError, match="GitHub sent a malformed answer"):
        run(call, response(200, body))


@pytest.mark.parametrize("body", [[7], [{"number": "7"}], [{"number": 7, "title": None}]])
@pytest.mark.parametrize("call", CALLS[2:4])
def test_a_malformed_pull_request_can_be_asked_for_again(
    call: Callable[[GitHub], Awaitable[Any]], body: object
) -> None:
    with pytest.raises(RetryableError, match="GitHub sent a malformed answer"):
        run(call, response(200, body))


GOOD = {"number": 7, "title": "Fix it", "created_at": "2025", "updated_at": "2026"}


@pytest.mark.parametrize(
    ("odd", "number"),
    [
        ({"title": None}, 7),
        ({"title": 5}, 7),
        ({"created_at": None}, 7),
        ({"updated_at": ["2026"]}, 7),
        ({"number": "7"}, 7),
        ({"number": "7" * 5000}, None),
        ({"number": None}, None),
        ({"number": True}, None),
        ({"number": 0}, None),
        ({"number": -7}, None),
        ({"number": 7.5}, None),
        ({"number": 2**60}, None),
    ],
)
def test_an_odd_entry_of_the_listing_spoils_no_other(odd: dict[str, object], number: int | None) -> None:
    page = run(CALLS[1], response(200, [{**GOOD, "number": 8}, {**GOOD, **odd}, "an entry", None]))
    assert page.entries[0] == Pull(8, "Fix it", None, "ghost", PRState.OPEN, "2025", "2026")
    assert [entry.number for entry in page.entries[1:]] == [number, None, None]
    assert all("GitHub sent a malformed answer" in entry.reason for entry in page.entries[1:])


@pytest.mark.parametrize("user", [None, 7, "octocat", {}, {"login": None}])
def test_who_has_no_name_is_a_ghost(user: object) -> None:
    [pull] = run(CALLS[1], response(200, [{**GOOD, "user": user}])).entries
    assert pull.author == "ghost"


def test_a_diff_can_be_known_or_never_to_be_had() -> None:
    call = OF_A_PULL[-1]
    assert run(call, response(304, b"")) == NotModified()
    assert run(call, response(406, {"message": "Sorry, the diff exceeded the maximum number of lines"})) == TooLarge()
    assert run(call, response(422, {"message": "Sorry, this diff is taking too long to generate."})) == TooLarge()


def test_names_that_a_url_cannot_hold_are_no_repository() -> None:
    with pytest.raises(PermanentError, match="no repository"):
        run(lambda github: github.list_open_pulls("..", "user", 1))


def test_what_cannot_be_stored_is_replaced() -> None:
    title, times = b'"title": "a\\u0000b\\ud83dc"', b'"merged_at": "2026", "created_at": "2025", "updated_at": "2026"'
    body = b'{"number": 7, "body": null, "user": null, "state": "closed", %s, %s}' % (title, times)
    found = run(CALLS[2], response(200, body))
    assert found == Pull(7, "a\ufffdb\ufffdc", None, "ghost", PRState.MERGED, "2025", "2026")


SSO = "required; url=https://github.com/orgs/acme/sso?authorization_request=A1"


@pytest.mark.parametrize("call", CALLS[:2])
@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_of_single_sign_on_shows_the_link(call: Callable[[GitHub], Awaitable[Any]], status: int) -> None:
    answer = response(status, {"message": "Resource protected by organization SAML enforcement."}, x_github_sso=SSO)
    with pytest.raises(PermanentError, match=r"SAML.*https://github\.com/orgs/acme/sso\?authorization_request=A1"):
        run(call, answer)


@pytest.mark.parametrize(
    "header", ["partial-results; organizations=1", "required; url=javascript:x", "required", "x" * 9999]
)
def test_other_headers_of_single_sign_on_are_not_shown(header: str) -> None:
    with pytest.raises(PermanentError, match="does not let this token read"):
        run(CALLS[0], response(403, {"message": "No"}, x_github_sso=header))


@pytest.mark.parametrize(
    ("link", "has_next"),
    [
        ('<https://github/p?page=2>; rel="next", <https://github/p?page=9>; rel="last"', True),
        ('<https://github/p?page=1>; rel="prev", <https://github/p?a=1,2&page=3>; rel=next', True),
        ('<https://github/p?page=1>; rel="first"', False),
        ('<https://github/p>; title="rel=next"', False),
        ("<" * 100_000, False),
        ("<a>;" * 50_000, False),
        ("<a" + " ;" * 100_000, False),
    ],
)
def test_a_next_page_is_one_that_is_linked(link: str, has_next: bool) -> None:
    assert run(CALLS[1], response(200, [], link=link)).has_next is has_next


def test_a_listing_without_end_is_an_error() -> None:
    answer = response(200, [], link='<https://github/p?page=501>; rel="next"')
    with pytest.raises(PermanentError, match="does not end after 500 pages"):
        run(lambda github: github.list_open_pulls("acme", "rocket", 500), answer)


def test_a_diff_that_is_too_large_costs_only_itself() -> None:
    assert isinstance(run(CALLS[4], response(200, b"x" * (8 * 1024 * 1024 + 1))), TooLarge)


@pytest.mark.parametrize("number", [True, 0, -1, 2**63, 10**30, 1.0, "1"])
def test_what_is_no_number_of_a_pull_request_is_malformed(number: object) -> None:
    with pytest.raises(RetryableError, match="a pull request with a number was expected"):
        run(CALLS[2], response(200, {"number": number, "title": "t"}))


@pytest.mark.parametrize("reset", ["9" * 400, "1e9", "-1", "\u0663"])
def test_an_odd_end_of_a_rate_limit_is_not_believed(reset: str) -> None:
    answer = response(403, {"message": "x"}, x_ratelimit_remaining="0", x_ratelimit_reset=reset)
    with pytest.raises(RetryableError) as caught:
        run(CALLS[0], answer)
    assert caught.value.retry_after is None
