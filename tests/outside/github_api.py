"""The pull requests of the stand-in for GitHub: listing, files, diffs, ETags, and both kinds of rate limits."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from zlib import crc32

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from tests.outside.diffs import (
    MAX_DIFF_FILES,
    MAX_DIFF_LINES,
    MAX_LISTED_FILES,
    changed_lines,
    render_diff,
)
from tests.outside.github_access import DOCUMENTATION, GitHubAccess
from tests.outside.github_documents import (
    account,
    error,
    file_document,
    head_commit,
    pull_document,
    repository_document,
)
from tests.outside.repository import PullRequest, Repository
from tests.support.server import serve

PREFIX = "/github"
HOUR = 3_600
# GitHub allows so many requests at once.
SECONDARY_CONCURRENCY = 100

_LIST_FILES = f"{DOCUMENTATION}/pulls/pulls#list-pull-requests-files"


@dataclass
class Allowance:
    """What is left of a token's primary rate limit."""

    limit: int
    remaining: int
    reset_at: int


class GitHubApi(GitHubAccess):
    """GitHub, as far as ossgard asks it.

    Args:
        hourly_requests: the primary rate limit of every token. The real one is 5,000, less than a first scan of a
            large repository needs.
    """

    def __init__(self, hourly_requests: int = 1_000_000) -> None:
        super().__init__()
        self.url = ""
        self.repositories: dict[tuple[str, str], Repository] = {}
        # The ids of repositories by the names that they had before.
        self.former_names: dict[tuple[str, str], int] = {}
        self.hourly_requests = hourly_requests
        self._allowances: dict[str, Allowance] = {}

    # ---- for tests

    def host(self, repository: Repository) -> None:
        """Serve a repository, in place of one of the same name."""
        key = _key(repository.owner, repository.name)
        self.repositories[key] = repository
        self.former_names.pop(key, None)

    def add_repository(self, owner: str, name: str) -> None:
        """Serve a repository without pull requests, unless there is one."""
        if _key(owner, name) not in self.repositories:
            self.host(Repository(owner, name, crc32(f"{owner}/{name}".encode())))

    def delete_repository(self, owner: str, name: str) -> None:
        """Its owner deletes it, or makes it private: 404 from now on."""
        self.repositories.pop(_key(owner, name), None)

    def rename(self, repository: Repository, owner: str, name: str) -> None:
        """Rename a repository, or transfer it: the name before leads to it until another repository gets that."""
        before = _key(repository.owner, repository.name)
        del self.repositories[before]
        repository.owner, repository.name = owner, name
        self.host(repository)
        if before != _key(owner, name):
            self.former_names[before] = repository.id

    def leave_requests(self, token: str, remaining: int, reset_seconds: float = HOUR) -> None:
        """Let a token send so many more requests until its limit is reset."""
        self._allowances[token] = Allowance(self.hourly_requests, remaining, math.ceil(time.time() + reset_seconds))

    # ---- serving

    def app(self) -> Starlette:
        """The HTTP application; `Link` headers name repositories by id, as GitHub's do."""
        routes = [Route("/user", self._user)]
        for path in ("/repos/{owner}/{name}", "/repositories/{id:int}"):
            routes += [
                Route(path, self._show_repository),
                Route(f"{path}/pulls", self._list_pulls),
                Route(f"{path}/pulls/{{number:int}}", self._show_pull),
                Route(f"{path}/pulls/{{number:int}}/files", self._list_files),
            ]
        return Starlette(routes=[*routes, Route("/{path:path}", self._not_found)])

    def fault_for(self, token: str, path: str) -> Any:
        """Faults of `fail` name paths without this server's prefix."""
        return super().fault_for(token, path.removeprefix(PREFIX))

    async def _user(self, request: Request) -> Response:
        refused = await self._refusal(request) or self._limited(request)
        if refused is not None:
            return refused
        return self._send(request, account(self._base(request), f"user-{crc32(_token(request).encode())}"))

    async def _show_repository(self, request: Request) -> Response:
        found = await self._find(request)
        if isinstance(found, Response):
            return found
        return self._send(request, repository_document(self._base(request), found))

    async def _list_pulls(self, request: Request) -> Response:
        found = await self._find(request)
        if isinstance(found, Response):
            return found
        query = request.query_params
        direction = query.get("direction") or ("asc" if query.get("sort", "created") != "created" else "desc")
        pulls = found.listed(query.get("state", "open"), query.get("sort", "created"), direction)
        page, headers = self._page(request, found, pulls, "pulls")
        base = self._base(request)
        plain = [(pull.number, pull_document(base, found, pull)) for pull in page]
        shown = [
            found.odd_entries[number](entry) if number in found.odd_entries else [entry] for number, entry in plain
        ]
        return self._send(request, [entry for entries in shown for entry in entries], headers)

    async def _show_pull(self, request: Request) -> Response:
        found = await self._find_pull(request)
        if isinstance(found, Response):
            return found
        repository, pull = found
        if ".diff" not in request.headers.get("accept", ""):
            return self._send(request, pull_document(self._base(request), repository, pull, detailed=True))
        if len(pull.files) > MAX_DIFF_FILES:
            hint = "Consider using 'List pull requests files' API or locally cloning the repository instead."
            return self._too_large(request, f"the maximum number of files ({MAX_DIFF_FILES}). {hint}")
        if changed_lines(pull.files) > MAX_DIFF_LINES:
            return self._too_large(request, f"the maximum number of lines ({MAX_DIFF_LINES})")
        diff = render_diff(pull.files, pull.cosmetic).encode()
        return self._send_bytes(request, diff, "application/vnd.github.diff; charset=utf-8")

    async def _list_files(self, request: Request) -> Response:
        found = await self._find_pull(request)
        if isinstance(found, Response):
            return found
        repository, pull = found
        path = f"pulls/{pull.number}/files"
        page, headers = self._page(request, repository, pull.files[:MAX_LISTED_FILES], path)
        base, head = self._base(request), head_commit(pull)
        return self._send(request, [file_document(base, repository, head, file) for file in page], headers)

    async def _find(self, request: Request) -> Repository | Response:
        """The repository that a request is about, or why it gets something else."""
        refused = await self._refusal(request) or self._limited(request)
        if refused is not None:
            return refused
        parameters = request.path_params
        if "id" in parameters:
            found = next((one for one in self.repositories.values() if one.id == parameters["id"]), None)
        else:
            key = _key(parameters["owner"], parameters["name"])
            found = self.repositories.get(key)
            if found is None and key in self.former_names:
                return self._moved(request, self.former_names[key])
        return found or self._missing(request)

    async def _find_pull(self, request: Request) -> tuple[Repository, PullRequest] | Response:
        found = await self._find(request)
        if isinstance(found, Response):
            return found
        pull = found.pulls.get(request.path_params["number"])
        return (found, pull) if pull is not None else self._missing(request)

    async def _not_found(self, request: Request) -> Response:
        return self._missing(request)

    def _moved(self, request: Request, id: int) -> Response:
        """Where a repository that has been renamed is found by its id, what is below it included."""
        below = request.url.path.split("/repos/", 1)[1].split("/", 2)[2:]
        query = f"?{request.url.query}" if request.url.query else ""
        url = "/".join([f"{self._base(request)}/repositories/{id}", *below]) + query
        body = {"message": "Moved Permanently", "url": url, "documentation_url": DOCUMENTATION}
        return JSONResponse(body, 301, headers={**self._headers(_token(request)), "location": url})

    def _missing(self, request: Request) -> Response:
        body = {"message": "Not Found", "documentation_url": DOCUMENTATION, "status": "404"}
        return JSONResponse(body, 404, headers=self._headers(_token(request)))

    def _too_large(self, request: Request, what: str) -> Response:
        body = {
            "message": f"Sorry, the diff exceeded {what}",
            "errors": [{"resource": "PullRequest", "field": "diff", "code": "too_large"}],
            "documentation_url": _LIST_FILES,
            "status": "406",
        }
        return JSONResponse(body, 406, headers=self._headers(_token(request)))

    # ---- rate limits

    def _limited(self, request: Request) -> Response | None:
        """The refusal of a request too many; other requests are counted here."""
        watch = getattr(request.state, "watch", None)
        if watch is not None and watch.count("github").active > SECONDARY_CONCURRENCY:
            return JSONResponse(error(403, "secondary"), 403, headers={"retry-after": "60"})
        allowance = self._allowance(_token(request))
        if allowance.remaining <= 0:
            return JSONResponse(error(403, "primary"), 403, headers=self._headers(_token(request)))
        allowance.remaining -= 1
        return None

    def _allowance(self, token: str) -> Allowance:
        now = math.floor(time.time())
        allowance = self._allowances.get(token)
        if allowance is None or allowance.reset_at <= now:
            allowance = Allowance(self.hourly_requests, self.hourly_requests, now + HOUR)
            self._allowances[token] = allowance
        return allowance

    def _headers(self, token: str) -> dict[str, str]:
        allowance = self._allowance(token)
        return {
            "x-github-media-type": "github.v3; format=json",
            "x-github-api-version-selected": "2022-11-28",
            "x-ratelimit-limit": str(allowance.limit),
            "x-ratelimit-remaining": str(max(0, allowance.remaining)),
            "x-ratelimit-used": str(allowance.limit - max(0, allowance.remaining)),
            "x-ratelimit-reset": str(allowance.reset_at),
            "x-ratelimit-resource": "core",
        }

    # ---- answers

    def _send(self, request: Request, content: Any, headers: Mapping[str, str] | None = None) -> Response:
        return self._send_bytes(request, JSONResponse(content).body, "application/json; charset=utf-8", headers)

    def _send_bytes(
        self, request: Request, content: bytes | memoryview, media_type: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        """An answer with an ETag, or 304 when the caller has it already, which the primary limit does not count."""
        etag = f'W/"{sha256(bytes(content) + media_type.encode()).hexdigest()}"'
        token = _token(request)
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        is_known = etag.removeprefix("W/") in known
        if is_known:
            self._allowance(token).remaining += 1
        own = {
            **self._headers(token),
            "etag": etag,
            "cache-control": "private, max-age=60, s-maxage=60",
            "vary": "Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding, Accept, X-Requested-With",
            **(headers or {}),
        }
        if is_known:
            return Response(status_code=304, headers=own)
        return Response(bytes(content), 200, {**own, "content-type": media_type})

    def _page(
        self, request: Request, repository: Repository, items: Sequence[Any], path: str
    ) -> tuple[Sequence[Any], dict[str, str]]:
        """One page of a list, and the `Link` header that leads to the others."""
        size = min(_positive(request, "per_page", 30), 100)
        page = _positive(request, "page", 1)
        last = max(1, math.ceil(len(items) / size))
        links = []
        for relation, target, is_there in (
            ("prev", min(page - 1, last), page > 1),
            ("next", page + 1, page < last),
            ("last", last, page < last),
            ("first", 1, page > 1),
        ):
            if is_there:
                url = request.url.include_query_params(page=target)
                there = f"{self._base(request)}/repositories/{repository.id}/{path}?{url.query}"
                links.append(f'<{there}>; rel="{relation}"')
        return items[(page - 1) * size : page * size], {"link": ", ".join(links)} if links else {}

    def _base(self, request: Request) -> str:
        return f"{request.url.scheme}://{request.url.netloc}{PREFIX}"


def _key(owner: str, name: str) -> tuple[str, str]:
    return owner.lower(), name.lower()


def _token(request: Request) -> str:
    return request.headers.get("authorization", "").rpartition(" ")[2]


def _positive(request: Request, name: str, default: int) -> int:
    """A number of the query; GitHub takes the default for what is none."""
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else default


@contextmanager
def github_standin() -> Iterator[GitHubApi]:
    """GitHub alone, running; its base URL is `url`."""
    github = GitHubApi()
    with serve(Starlette(routes=[Mount(PREFIX, github.app())])) as url:
        github.url = url + PREFIX
        yield github
