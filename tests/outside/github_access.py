"""Who may ask the stand-in for GitHub: tokens, and faults that one token's requests meet.

Every test makes tokens of its own, so tests do not disturb one another.
"""

import asyncio
import itertools
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

DOCUMENTATION = "https://docs.github.com/rest"


@dataclass
class TokenFault:
    """What a token's requests below `path` get in place of an answer, `times` times (None: always)."""

    token: str
    path: str
    status: int = 500
    body: Mapping[str, Any] = field(default_factory=lambda: {"message": "Server Error"})
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0
    times: int | None = None


class GitHubAccess:
    """The tokens and their faults; safe to change while they are used."""

    def __init__(self) -> None:
        self._users: dict[str, int] = {}
        self._faults: list[TokenFault] = []
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

    def fail(self, token: str, path: str, **fault: Any) -> None:
        """Answer a token's requests below a path with a fault; see `TokenFault`."""
        self._faults.append(TokenFault(token, path, **fault))

    def limit_rate(self, token: str, path: str, **fault: Any) -> None:
        """Answer as when the primary rate limit is used up, which is lifted within the hour."""
        self.fail(
            token,
            path,
            status=403,
            body={"message": "API rate limit exceeded for user ID 1.", "documentation_url": DOCUMENTATION},
            headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 3000)},
            **fault,
        )

    def fault_for(self, token: str, path: str) -> TokenFault | None:
        """The fault that a request meets, counted."""
        with self._lock:
            for fault in self._faults:
                if fault.token == token and path.startswith(fault.path) and fault.times != 0:
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None

    async def _refusal(self, request: Request) -> Response | None:
        """What GitHub checks before it looks at a request: the caller's name, its token, and the faults of the day."""
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
