"""Cloudflare AI Gateway: passes three paths on to the providers, caches on request, and knows no other path."""

import itertools
import time
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PREFIX = "/gateway/v1"

Forward = Callable[[Request], Awaitable[Response]]


class Gateway:
    """The state of the stand-in.

    Args:
        forwards: provider and path -> what answers there, such as `anthropic/v1/messages`.
    """

    def __init__(self, forwards: Mapping[str, Forward]) -> None:
        # `account/gateway` of those that exist; every one does while it is None.
        self.known: set[str] | None = None
        # Callers must send it in `cf-aig-authorization` once it is set.
        self.token: str | None = None
        self.hits = 0
        self._forwards = dict(forwards)
        self._cache: dict[str, tuple[float, bytes, str]] = {}
        self._numbers = itertools.count(1)

    def app(self) -> Starlette:
        """The HTTP application."""
        every = ["GET", "POST", "PUT", "DELETE"]
        return Starlette(
            routes=[
                Route("/{account}/{gateway}/{path:path}", self._pass_on, methods=every),
                Route("/{path:path}", self._not_found, methods=every),
            ]
        )

    async def _not_found(self, request: Request) -> Response:
        return _refuse(404, 7_000, "No route for that URI")

    async def _pass_on(self, request: Request) -> Response:
        parameters = request.path_params
        forward = self._forwards.get(parameters["path"])
        if forward is None or request.method != "POST":
            return await self._not_found(request)
        if self.known is not None and f"{parameters['account']}/{parameters['gateway']}" not in self.known:
            return _refuse(400, 2_001, "Please configure AI Gateway in the Cloudflare dashboard")
        if self.token is not None and request.headers.get("cf-aig-authorization") != f"Bearer {self.token}":
            return _refuse(401, 2_009, "Unauthorized")
        lifetime = request.headers.get("cf-aig-cache-ttl", "")
        if lifetime and not (lifetime.isdigit() and int(lifetime) >= 60):
            return _refuse(400, 2_002, "cf-aig-cache-ttl: expected at least 60 seconds")
        name = await _cache_key(request)
        headers = {"cf-aig-log-id": f"01WORLD{next(self._numbers):019d}", "cf-aig-step": "0"}
        kept = self._cache.get(name) if lifetime else None
        if kept is not None and kept[0] > time.monotonic():
            self.hits += 1
            return Response(kept[1], headers={**headers, "cf-aig-cache-status": "HIT", "content-type": kept[2]})
        response = await forward(request)
        for header, value in headers.items():
            response.headers[header] = value
        response.headers["cf-aig-cache-status"] = "MISS"
        if lifetime and response.status_code == 200:
            until = time.monotonic() + int(lifetime)
            self._cache[name] = (until, bytes(response.body), response.headers["content-type"])
        return response


async def _cache_key(request: Request) -> str:
    """Who asks what of whom."""
    credential = request.headers.get("x-api-key") or request.headers.get("authorization") or ""
    own = request.headers.get("cf-aig-cache-key")
    if own:
        return own
    return sha256(f"{request.url.path}|{credential}|".encode() + await request.body()).hexdigest()


def _refuse(status: int, code: int, message: str) -> Response:
    errors = [{"code": code, "message": message}]
    return JSONResponse({"success": False, "result": [], "messages": [], "error": errors}, status)
