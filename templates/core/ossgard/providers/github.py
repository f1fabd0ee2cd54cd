"""GitHub's REST API, as far as it is used, with its errors told apart by what can be done about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from ossgard.errors import PermanentError, RetryableError
from ossgard.outgoing import (
    GITHUB_DIFF,
    GITHUB_FILES,
    GITHUB_LISTING,
    GITHUB_PULL,
    GITHUB_REPOSITORY,
    GITHUB_USER,
    AnswerTooLarge,
    CallKind,
    Outgoing,
    is_success,
)
from ossgard.ports import Clock, HttpClient, HttpResponse
from ossgard.providers.http_api import believed_wait, is_transient, malformed, read_json, reason, retry_after
from ossgard.spec.entities import PRState
from ossgard.sql_methods import MAX_INTEGER
from ossgard.urls import with_path

# The most that GitHub gives on one page.
PAGE_SIZE = 100

_SENDER = "GitHub"
_JSON = "application/vnd.github+json"
_DIFF = "application/vnd.github.diff"
_GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
# GitHub's secondary limits come without a time to wait more often than with one.
_RATE_LIMIT = "rate limit"
# No moment in seconds has more digits.
_MAX_MOMENT = 12
_MAX_LINK = 500
# The name that GitHub itself shows for deleted users.
_NOBODY = "ghost"


class TokenRefused(PermanentError):
    """GitHub does not know the token."""


class PullGone(PermanentError):
    """A pull request cannot be read any more; `check_repository` tells whether its repository can."""


@dataclass(frozen=True)
class Pull:
    """A pull request as GitHub describes it."""

    number: int
    title: str
    body: str | None
    author: str
    state: PRState
    created_at: str
    updated_at: str


@dataclass(frozen=True)
class PullPage:
    """A page of the listing of pull requests."""

    pulls: Sequence[Pull]
    has_next: bool


@dataclass(frozen=True)
class Diff:
    """A diff with the ETag to ask for it again."""

    text: str
    etag: str | None


@dataclass(frozen=True)
class NotModified:
    """The diff is the one whose ETag was sent."""


@dataclass(frozen=True)
class TooLarge:
    """GitHub makes no diff of this pull request, since it would have too many files or lines."""


class GitHub:
    """A client for one token.

    Args:
        http: speaks HTTP.
        clock: tells how far away the end of a rate limit is.
        base_url: `https://api.github.com`, or an Enterprise server's.
        token: a personal access token.
    """

    def __init__(self, http: HttpClient, clock: Clock, base_url: str, token: str) -> None:
        self._outgoing = Outgoing(http, _SENDER, "GITHUB_API_URL")
        self._clock = clock
        self._base_url = base_url
        self._token = token

    async def check_token(self) -> None:
        """Ask who the token belongs to.

        Raises:
            TokenRefused: GitHub does not accept it.
            RetryableError: GitHub cannot tell now.
        """
        response = await self._get(GITHUB_USER, "/user")
        # An installation token has no user (403), but is a good one all the same: only 401 refuses.
        if response.status == HTTPStatus.UNAUTHORIZED:
            raise TokenRefused(_refused(response))
        self._raise_retryable(response)

    async def check_repository(self, owner: str, name: str) -> None:
        """Make sure that a repository exists and that the token may read it.

        Raises:
            PermanentError: it does not, or may not.
            RetryableError: GitHub cannot tell now.
        """
        self._raise_for_status(await self._get(GITHUB_REPOSITORY, _repository(owner, name)), owner, name)

    async def list_open_pulls(self, owner: str, name: str, page: int) -> PullPage:
        """A page of the open pull requests, the newest first; pages count from 1.

        What is closed while pages are read moves the others up, so that one may be missed.

        Raises:
            PermanentError: the repository is not there, or the token may not read it.
            RetryableError: GitHub cannot tell now.
        """
        query = f"?state=open&sort=created&direction=desc&per_page={PAGE_SIZE}&page={page}"
        response = await self._get(GITHUB_LISTING, _repository(owner, name) + "/pulls" + query)
        self._raise_for_status(response, owner, name)
        has_next = _has_next(response)
        if has_next and page >= GITHUB_LISTING.pages:
            raise PermanentError(
                f"GitHub's list of the open pull requests of {owner}/{name} does not end after {page} pages, which are "
                "all that are read. Scan some of them (maxPrs)"
            )
        return PullPage([_pull(item) for item in _items(response)], has_next)

    async def pull(self, owner: str, name: str, number: int) -> Pull:
        """One pull request, whatever its state.

        Raises:
            PullGone: it is not there any more.
            PermanentError: the token may not read it.
            RetryableError: GitHub cannot tell now.
        """
        response = await self._get_pull(GITHUB_PULL, owner, name, number)
        return _pull(read_json(response, _SENDER))

    async def files(self, owner: str, name: str, number: int) -> list[str]:
        """The paths that a pull request changes, the first 300.

        Raises:
            PullGone: it is not there any more.
            PermanentError: the token may not read it.
            RetryableError: GitHub cannot tell now.
        """
        paths: list[str] = []
        for page in range(1, GITHUB_FILES.pages + 1):
            rest = f"/files?per_page={PAGE_SIZE}&page={page}"
            response = await self._get_pull(GITHUB_FILES, owner, name, number, rest)
            paths.extend(_text(item, "filename") for item in _items(response))
            if not _has_next(response):
                break
        return paths

    async def diff(self, owner: str, name: str, number: int, etag: str | None = None) -> Diff | NotModified | TooLarge:
        """The diff of a pull request, unless it is the one that `etag` stands for.

        Raises:
            PullGone: it is not there any more.
            PermanentError: the token may not read it.
            RetryableError: GitHub cannot tell now.
        """
        path = _repository(owner, name) + f"/pulls/{number}"
        try:
            response = await self._get(GITHUB_DIFF, path, accept=_DIFF, etag=etag)
        except AnswerTooLarge:
            return TooLarge()
        if response.status == HTTPStatus.NOT_MODIFIED and etag:
            return NotModified()
        if _is_too_large(response):
            return TooLarge()
        self._raise_for_pull(response, owner, name, number)
        return Diff(response.body.decode("utf-8", "replace"), response.headers.get("etag"))

    async def _get_pull(self, kind: CallKind, owner: str, name: str, number: int, rest: str = "") -> HttpResponse:
        response = await self._get(kind, f"{_repository(owner, name)}/pulls/{number}{rest}")
        self._raise_for_pull(response, owner, name, number)
        return response

    async def _get(self, kind: CallKind, path: str, accept: str = _JSON, etag: str | None = None) -> HttpResponse:
        headers = {
            "Accept": accept,
            "Authorization": f"Bearer {self._token}",
            "User-Agent": "ossgard",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        if etag:
            headers["If-None-Match"] = etag
        return await self._outgoing.request(kind, "GET", with_path(self._base_url, path), headers=headers)

    def _raise_for_pull(self, response: HttpResponse, owner: str, name: str, number: int) -> None:
        if response.status in _GONE:
            raise PullGone(f"GitHub has no pull request {owner}/{name}#{number} any more: {reason(response)}")
        self._raise_for_status(response, owner, name)

    def _raise_for_status(self, response: HttpResponse, owner: str, name: str) -> None:
        """Raise unless the answer holds what was asked for."""
        if is_success(response):
            return
        if response.status == HTTPStatus.UNAUTHORIZED:
            raise TokenRefused(f"{_refused(response)}. Replace it with PUT /accounts/me, then start the scan again")
        link = _authorisation_link(response)
        if link is not None:
            raise PermanentError(
                f"The organization of {owner}/{name} lets only tokens read it that its single sign-on (SAML) has "
                f"authorised. Authorise the account's token at {link}, then start the scan again"
            )
        if response.status in (*_GONE, HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS):
            raise _not_found(owner, name)
        self._raise_retryable(response)
        raise PermanentError(
            f"GitHub does not let this token read {owner}/{name}: {reason(response)} (status {response.status}). "
            "Give the token access with PUT /accounts/me, then start the scan again"
        )

    def _raise_retryable(self, response: HttpResponse) -> None:
        """Raise when the answer is one that a later attempt may not get: rate limits, and errors of GitHub itself."""
        words = reason(response)
        if response.status == HTTPStatus.TOO_MANY_REQUESTS or _is_rate_limit(response):
            raise RetryableError(f"GitHub's rate limit is reached: {words}", self._wait(response), rate_limited=True)
        if is_transient(response):
            raise RetryableError(f"GitHub failed: {words} (status {response.status})", self._wait(response))

    def _wait(self, response: HttpResponse) -> float | None:
        """The seconds to wait that the answer names: outright, or as the moment when the primary limit is lifted."""
        wait = retry_after(response, self._clock)
        reset = response.headers.get("x-ratelimit-reset", "")
        is_moment = reset.isascii() and reset.isdigit() and len(reset) <= _MAX_MOMENT
        if wait is None and _is_used_up(response.headers) and is_moment:
            return believed_wait(float(reset) - self._clock.now().timestamp())
        return wait


def _repository(owner: str, name: str) -> str:
    # A URL cannot name these: clients fold `/repos/../x` into `/x` before they send it.
    if {owner, name} & {".", ".."}:
        raise _not_found(owner, name)
    return f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"


def _not_found(owner: str, name: str) -> PermanentError:
    return PermanentError(
        f"GitHub has no repository {owner}/{name}, or the account's token may not read it. "
        "Check the name and the token's access, then start the scan again"
    )


def _refused(response: HttpResponse) -> str:
    return f"GitHub refuses the account's token: {reason(response)}"


def _is_rate_limit(response: HttpResponse) -> bool:
    """Whether a 403 means "too many requests" rather than "not allowed" (primary limit, then secondary limit)."""
    return response.status == HTTPStatus.FORBIDDEN and (
        _is_used_up(response.headers) or "retry-after" in response.headers or _RATE_LIMIT in reason(response).lower()
    )


def _is_used_up(headers: Mapping[str, str]) -> bool:
    return headers.get("x-ratelimit-remaining") == "0"


def _is_too_large(response: HttpResponse) -> bool:
    """Whether there will never be this diff; when making it takes GitHub too long, it says so with another status."""
    if response.status == HTTPStatus.NOT_ACCEPTABLE:
        return True
    return response.status >= 400 and "diff is taking too long" in reason(response)


def _has_next(response: HttpResponse) -> bool:
    """Whether the answer links a next page: `<https://...>; rel="next", <https://...>; rel="last"`."""
    for link in response.headers.get("link", "").split("<")[1:]:
        parameters = link.partition(">")[2].split(";")
        if any(parameter.strip(" ,\t").replace('"', "").lower() == "rel=next" for parameter in parameters):
            return True
    return False


def _authorisation_link(response: HttpResponse) -> str | None:
    """Where a token can be authorised for an organization whose single sign-on refuses it."""
    text = response.headers.get("x-github-sso", "")
    required, _, link = text.partition("url=")
    link = link.partition(";")[0].strip()
    usable = link.startswith("https://") and link.isascii() and link.isprintable() and " " not in link
    return link if usable and "required" in required and len(link) <= _MAX_LINK else None


def _items(response: HttpResponse) -> list[object]:
    items = read_json(response, _SENDER)
    if not isinstance(items, list):
        raise malformed(_SENDER, "a list")
    return items


def _pull(item: object) -> Pull:
    number = item.get("number") if isinstance(item, dict) else None
    # Not `isinstance`: true is no number.
    if not isinstance(item, dict) or type(number) is not int or not 0 < number < MAX_INTEGER:
        raise malformed(_SENDER, "a pull request")
    user, body = item.get("user"), item.get("body")
    state = PRState.OPEN
    if item.get("state") == "closed":
        state = PRState.MERGED if item.get("merged_at") or item.get("merged") else PRState.CLOSED
    return Pull(
        number=number,
        title=_text(item, "title"),
        body=_clean(body) if isinstance(body, str) else None,
        author=_text(user, "login") if isinstance(user, dict) else _NOBODY,
        state=state,
        created_at=_text(item, "created_at"),
        updated_at=_text(item, "updated_at"),
    )


def _text(item: object, key: str) -> str:
    value = item.get(key) if isinstance(item, dict) else None
    if not isinstance(value, str):
        raise malformed(_SENDER, f"a text '{key}'")
    return _clean(value)


def _clean(text: str) -> str:
    """The text without NUL, which cannot be stored."""
    return text.replace("\0", "\ufffd")
