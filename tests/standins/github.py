"""A small GitHub for tests: documented answers, headers and errors of the REST API, and faults on demand.

Every test makes tokens of its own, and faults are tied to a token, so tests do not disturb one another.
"""

import asyncio
import itertools
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.server import serve

DOCUMENTATION = "https://docs.github.com/rest"


@dataclass
class Fault:
    """What a token's requests below `path` get in place of an answer, `times` times (None: always)."""

    token: str
    path: str
    status: int = 500
    body: Mapping[str, Any] = field(default_factory=lambda: {"message": "Server Error"})
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0
    times: int | None = None


class GitHub:
    """The state of the stand-in; safe to change while it serves."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, str, Mapping[str, str]]] = []
        self._users: dict[str, int] = {}
        self._repositories: dict[tuple[str, str], int] = {}
        self._faults: list[Fault] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def add_token(self) -> str:
        """A new user's token."""
        number = next(self._numbers)
        token = f"ghp_{number:036d}"
        self._users[token] = number
        return token

    def revoke(self, token: str) -> None:
        """From now on GitHub refuses a token."""
        self._users.pop(token, None)

    def add_repository(self, owner: str, name: str) -> None:
        """A public repository."""
        self._repositories.setdefault((owner.lower(), name.lower()), next(self._numbers))

    def fail(self, token: str, path: str, **fault: Any) -> None:
        """Answer a token's requests below a path with a fault; see `Fault`."""
        self._faults.append(Fault(token, path, **fault))

    def limit_rate(self, token: str, path: str, **fault: Any) -> None:
        """Answer as when the primary rate limit is used up."""
        self.fail(
            token,
            path,
            status=403,
            body={"message": "API rate limit exceeded for user ID 1.", "documentation_url": DOCUMENTATION},
            headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "4102444800"},
            **fault,
        )

    def app(self) -> Starlette:
        """The HTTP application."""
        return Starlette(
            routes=[
                Route("/user", self._user),
                Route("/repos/{owner}/{name}", self._repository),
                Route("/{path:path}", self._not_found),
            ]
        )

    def fault_for(self, token: str, path: str) -> Fault | None:
        """The fault that a request meets, counted."""
        with self._lock:
            for fault in self._faults:
                if fault.token == token and path.startswith(fault.path) and fault.times != 0:
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None

    async def _user(self, request: Request) -> Response:
        refused = await self._refusal(request)
        if refused is not None:
            return refused
        number = self._users[_token(request)]
        return self._reply(200, {"login": f"user-{number}", "id": number, "type": "User", "site_admin": False})

    async def _repository(self, request: Request) -> Response:
        refused = await self._refusal(request)
        if refused is not None:
            return refused
        owner, name = request.path_params["owner"], request.path_params["name"]
        number = self._repositories.get((owner.lower(), name.lower()))
        if number is None:
            return await self._not_found(request)
        repository = {"id": number, "name": name, "full_name": f"{owner}/{name}", "private": False}
        return self._reply(200, {**repository, "owner": {"login": owner}, "default_branch": "main", "archived": False})

    async def _not_found(self, request: Request) -> Response:
        return self._reply(404, {"message": "Not Found", "documentation_url": DOCUMENTATION, "status": "404"})

    async def _refusal(self, request: Request) -> Response | None:
        """What GitHub checks before it looks at a request: the caller's name, its token, and the faults of the day."""
        self.requests.append((request.method, request.url.path, dict(request.headers)))
        if "user-agent" not in request.headers:
            return Response("Request forbidden by administrative rules.", 403)
        token = _token(request)
        fault = self.fault_for(token, request.url.path)
        if fault is not None:
            await asyncio.sleep(fault.delay_seconds)
            return self._reply(fault.status, fault.body, fault.headers)
        if token not in self._users:
            return self._reply(401, {"message": "Bad credentials", "documentation_url": DOCUMENTATION, "status": "401"})
        return None

    def _reply(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
        usual = {
            "x-github-media-type": "github.v3; format=json",
            "x-github-api-version-selected": "2022-11-28",
            "x-ratelimit-limit": "5000",
            "x-ratelimit-remaining": "4999",
            "x-ratelimit-used": "1",
            "x-ratelimit-resource": "core",
        }
        return JSONResponse(body, status, headers={**usual, **(headers or {})})


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() in ("bearer", "token") else ""


@contextmanager
def github_standin() -> Iterator[GitHub]:
    """A running stand-in; its base URL is `url`."""
    github = GitHub()
    with serve(github.app()) as url:
        github.url = url
        yield github
