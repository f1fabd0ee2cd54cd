"""GitHub's REST API, as far as it is used, with its errors told apart by what can be done about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeGuard
from urllib.parse import quote, urlsplit

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
from ossgard.providers.http_api import (
    believed_wait,
    is_transient,
    json_object,
    malformed,
    read_json,
    reason,
    retry_after,
)
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
_RATE_LIMITS = ("rate limit", "abuse detection")
# Of an installation's token, and of any other that stands for no user.
_NO_USER = "not accessible by"
_REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_PUBLIC_HOST = "api.github.com"
_ENTERPRISE_PATH = "/api/v3"
# Numbers of more digits are none that a pull request has.
_MAX_DIGITS = 18
# No moment in seconds has more digits.
_MAX_MOMENT = 12
_MAX_LINK = 500
# The name that GitHub itself shows for deleted users.
_NOBODY = "ghost"


class TokenRefused(PermanentError):
    """GitHub does not let the token in."""


class NotGitHub(PermanentError):
    """What answers is not GitHub's REST API, so that nothing is known about the token."""


class PullGone(PermanentError):
    """A pull request cannot be read any more; `check_repository` tells whether its repository can."""


class PullUnreadable(PermanentError):
    """GitHub does not give a pull request, or part of it, although it gives others; asking again soon does not help."""


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
    base_ref: str | None = None
    # None when the branch is in another repository.
    head_ref: str | None = None
    is_draft: bool = False
    # When something was last pushed to the repository that its branch is in, where that is known.
    pushed_at: str | None = None
    # The id of the repository that it is in, where GitHub tells.
    repository_id: int | None = None


@dataclass(frozen=True)
class KnownRepository:
    """A repository as GitHub knows it: the id stays when it is renamed or transferred, and is never given again."""

    id: int
    owner: str
    name: str


@dataclass(frozen=True)
class UnreadableEntry:
    """An entry of the listing that is not what GitHub documents: its number, where that can be told, and the reason."""

    number: int | None
    reason: str


@dataclass(frozen=True)
class PullPage:
    """A page of the listing of pull requests."""

    entries: Sequence[Pull | UnreadableEntry]
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
        self._base_url = base_url.rstrip("/")
        self._token = token

    async def check_token(self) -> None:
        """Ask who the token belongs to.

        Raises:
            TokenRefused: GitHub does not accept it, and why.
            NotGitHub: something else answers.
            RetryableError: GitHub cannot tell now.
        """
        response = await self._get(GITHUB_USER, "/user")
        self._raise_retryable(response)
        answer = json_object(response)
        if is_success(response) and isinstance(answer.get("login"), str):
            return
        # Of its refusals, GitHub's are told by their message: a proxy's are pages.
        if not isinstance(answer.get("message"), str) or response.status not in _REFUSALS:
            raise NotGitHub(_not_github(self._base_url, response.status))
        # An installation's token has no user, but is a good one all the same.
        if response.status == HTTPStatus.UNAUTHORIZED or _NO_USER not in reason(response).lower():
            raise TokenRefused(f"{_refused(response)}. {_advice(response, self._base_url)}")

    async def check_repository(self, owner: str, name: str) -> KnownRepository:
        """Make sure that a repository exists and that the token may read it; what it is called now.

        A name that it had before leads to it, too, by a redirect, until another repository gets the name.

        Raises:
            PermanentError: it does not, or may not.
            RetryableError: GitHub cannot tell now.
        """
        response = await self._get(GITHUB_REPOSITORY, _repository(owner, name))
        self._raise_for_status(response, owner, name)
        return _known_repository(read_json(response, _SENDER))

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
        return PullPage([_entry(item) for item in _items(response)], has_next)

    async def pull(self, owner: str, name: str, number: int) -> Pull:
        """One pull request, whatever its state.

        Raises:
            PullGone: it is not there any more.
            PullUnreadable: GitHub does not give it.
            PermanentError: the token is refused.
            RetryableError: GitHub cannot tell now.
        """
        response = await self._get_pull(GITHUB_PULL, owner, name, number)
        return _pull(read_json(response, _SENDER))

    async def files(self, owner: str, name: str, number: int) -> list[str]:
        """The paths that a pull request changes, the first 300.

        Raises:
            PullGone: the pull request is not there any more.
            PullUnreadable: GitHub does not give them.
            PermanentError: the token is refused.
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
            PullGone: the pull request is not there any more.
            PullUnreadable: GitHub does not give it.
            PermanentError: the token is refused.
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
        if is_success(response) or response.status == HTTPStatus.UNAUTHORIZED:
            self._raise_for_status(response, owner, name)
            return
        self._raise_retryable(response)
        # Whatever it says, it may be about this one alone: the listing that it stands in could be read.
        raise PullUnreadable(
            f"GitHub does not give pull request {owner}/{name}#{number}: {reason(response)} (status {response.status})"
        )

    def _raise_for_status(self, response: HttpResponse, owner: str, name: str) -> None:
        """Raise unless the answer holds what was asked for."""
        if is_success(response):
            return
        if response.status == HTTPStatus.UNAUTHORIZED:
            raise TokenRefused(
                f"{_refused(response)}. Replace github.token in the account's configuration, then start the scan again"
            )
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
            "Give it access, or replace github.token in the account's configuration, then start the scan again"
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


def _advice(response: HttpResponse, base_url: str) -> str:
    """What helps against the refusal of a token."""
    words = reason(response).lower()
    link = _authorisation_link(response)
    tokens = f"{_website(base_url)}/settings/tokens"
    if link or "saml" in words:
        return f"Authorise it for single sign-on at {link or tokens}"
    if "suspended" in words or "blocked" in words:
        return "Use a token of an account that is in good standing, or ask GitHub's support"
    if "ip address" in words or "ip allow" in words:
        return "Add this host's address to the organization's list of allowed ones"
    return f"Create one at {tokens}"


def _website(base_url: str) -> str:
    """Where people go, by the base URL of the REST API: an Enterprise server's own site, or GitHub's."""
    parts = urlsplit(base_url)
    if parts.path.rstrip("/").endswith(_ENTERPRISE_PATH):
        return f"{parts.scheme}://{parts.netloc}"
    return f"https://{parts.netloc.removeprefix('api.') if parts.netloc.endswith('.ghe.com') else 'github.com'}"


def _not_github(base_url: str, status: int) -> str:
    """What to say of an answer that is not GitHub's, with the address that was meant if it can be told."""
    parts = urlsplit(base_url)
    host = parts.netloc.lower().removeprefix("www.")
    meant = None
    if host == "github.com":
        meant = f"https://{_PUBLIC_HOST}"
    elif host.endswith(".ghe.com") and not host.startswith("api."):
        meant = f"https://api.{host}"
    elif host != _PUBLIC_HOST and not host.startswith("api.") and not parts.path.endswith(_ENTERPRISE_PATH):
        meant = f"{parts.scheme}://{parts.netloc}{_ENTERPRISE_PATH}"
    said = f"What answers at {base_url} is not GitHub's REST API (status {status})"
    if meant is None:
        return f"{said}. Check GITHUB_API_URL, and what stands between this host and GitHub"
    return f"{said}. If that is a GitHub server, GITHUB_API_URL has to be {meant}"


def _is_rate_limit(response: HttpResponse) -> bool:
    """Whether a 403 means "too many requests" rather than "not allowed" (primary limit, then secondary limit)."""
    return response.status == HTTPStatus.FORBIDDEN and (
        _is_used_up(response.headers)
        or "retry-after" in response.headers
        or any(sign in reason(response).lower() for sign in _RATE_LIMITS)
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


def _known_repository(item: object) -> KnownRepository:
    if not isinstance(item, dict) or not isinstance(item.get("id"), int):
        raise malformed(_SENDER, "a repository")
    return KnownRepository(item["id"], _text(item.get("owner"), "login"), _text(item, "name"))


def _member(item: object, *keys: str) -> object:
    """What an object holds at a path of keys; None where it does not."""
    for key in keys:
        item = item.get(key) if isinstance(item, dict) else None
    return item


def _text_or_none(value: object) -> str | None:
    return _clean(value) if isinstance(value, str) and value else None


def _entry(item: object) -> Pull | UnreadableEntry:
    """An entry of a listing, one by one: an odd one does not spoil the others."""
    try:
        return _pull(item)
    except RetryableError as error:
        number = item.get("number") if isinstance(item, dict) else None
        if isinstance(number, str) and number.isascii() and number.isdecimal():
            number = int(number[:_MAX_DIGITS])
        return UnreadableEntry(number if _is_number(number) else None, str(error))


def _is_number(value: object) -> TypeGuard[int]:
    """Whether a value can be the number of a pull request; `True` is none."""
    return type(value) is int and 0 < value < MAX_INTEGER


def _pull(item: object) -> Pull:
    number = item.get("number") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not _is_number(number):
        raise malformed(_SENDER, "a pull request with a number")
    body, login = item.get("body"), _member(item, "user", "login")
    base_id, head_id = _member(item, "base", "repo", "id"), _member(item, "head", "repo", "id")
    state = PRState.OPEN
    if item.get("state") == "closed":
        state = PRState.MERGED if item.get("merged_at") or item.get("merged") else PRState.CLOSED
    return Pull(
        number=number,
        title=_text(item, "title"),
        body=_clean(body) if isinstance(body, str) else None,
        author=_clean(login) if isinstance(login, str) else _NOBODY,
        state=state,
        created_at=_text(item, "created_at"),
        updated_at=_text(item, "updated_at"),
        base_ref=_text_or_none(_member(item, "base", "ref")),
        head_ref=_text_or_none(_member(item, "head", "ref")) if base_id == head_id is not None else None,
        is_draft=item.get("draft") is True,
        pushed_at=_text_or_none(_member(item, "head", "repo", "pushed_at")),
        repository_id=base_id if isinstance(base_id, int) else None,
    )


def _text(item: object, key: str) -> str:
    value = item.get(key) if isinstance(item, dict) else None
    if not isinstance(value, str):
        raise malformed(_SENDER, f"a text '{key}'")
    return _clean(value)


def _clean(text: str) -> str:
    """The text without NUL, which cannot be stored."""
    return text.replace("\0", "\ufffd")
