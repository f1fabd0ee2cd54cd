"""Hands one HTTP request to an ASGI application, without a server in between."""

import json
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

from ossgard import json_text


async def call(app: ASGIApp, method: str, url: str, headers_json: str, body: bytes, is_complete: bool = True) -> str:
    """The whole answer as one text: a line of JSON (status, headers), then the body, which must be text."""
    # Of a request without a Host header (HTTP/1.0), Bun gives the path alone.
    scheme, _, rest = ("http", "", url) if url.startswith("/") else url.partition("://")
    address, slash, target = rest.partition("/")
    path, _, query = target.partition("?")
    raw_path = slash + path
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": unquote(raw_path),
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in json_text.decode(headers_json)
        ],
        "server": (address, None),
        "client": None,
    }
    answer = _Answer(body, is_complete)
    await app(scope, answer.receive, answer.send)
    return answer.text()


class _Answer:
    """Gives the request's body, as far as it has come, and collects what the application sends."""

    def __init__(self, request_body: bytes, is_complete: bool) -> None:
        self._request_body: bytes | None = request_body
        self._is_complete = is_complete
        self._status = 500
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []

    async def receive(self) -> Message:
        body, self._request_body = self._request_body, None
        if body is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": body, "more_body": not self._is_complete}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
        elif message["type"] == "http.response.body":
            self._body.append(message.get("body", b""))

    def text(self) -> str:
        head = json.dumps({"status": self._status, "headers": self._headers})
        return head + "\n" + b"".join(self._body).decode()
