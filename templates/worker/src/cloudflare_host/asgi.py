"""Answers a Worker's request with an ASGI application.

The SDK has an adapter of its own (`workers.asgi`); this one runs no lifespan with every request, reads the body only as
far as the application asks for it, and hands over whole answers in memory of their own.
"""

from typing import Any
from urllib.parse import unquote

from pyodide.ffi import JsException, to_js
from starlette.types import ASGIApp, Message, Scope
from workers import Request, Response

# Answers that must not have a body.
_EMPTY = frozenset({204, 205, 304})


async def answer(app: ASGIApp, request: Request) -> Response:
    """The application's answer, as a whole."""
    start: Message = {}
    parts: list[bytes] = []
    chunks = aiter(request.body) if request.body else None
    ended = False

    async def receive() -> Message:
        nonlocal ended
        if ended:
            return {"type": "http.disconnect"}
        try:
            chunk = await anext(chunks, None) if chunks is not None else None
        except JsException:
            # The client went away in mid-body.
            ended = True
            return {"type": "http.disconnect"}
        ended = chunk is None
        return {"type": "http.request", "body": b"" if chunk is None else chunk.to_bytes(), "more_body": not ended}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(_scope(request), receive, send)
    status: int = start["status"]
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
    # A copy: the runtime would otherwise go on reading memory that Python has given up.
    return Response(None if status in _EMPTY else to_js(b"".join(parts)), status=status, headers=headers)


def _scope(request: Request) -> Scope:
    from js import URL

    url: Any = URL.new(request.url)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": str(request.js_object.method),
        "scheme": url.protocol.rstrip(":"),
        # Percent-decoded; what is not UTF-8 becomes U+FFFD.
        "path": unquote(url.pathname),
        "raw_path": url.pathname.encode(),
        "query_string": url.search.removeprefix("?").encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in _headers(request)],
    }


def _headers(request: Request) -> list[tuple[str, str]]:
    return [(name, value) for name, value in request.headers.items()]
