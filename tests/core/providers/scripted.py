"""An HTTP client that gives the answers it was given: for errors that no real server can be brought to."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ossgard.errors import ConnectionFailure
from ossgard.ports import HttpResponse, HttpStream
from ossgard.providers.http_api import ModelAccess
from ossgard.refusals import KnownRefusals
from tests.support.ports import SetClock

CLOCK = SetClock()


def response(status: int, body: object = None, **headers: str) -> HttpResponse:
    """An answer; `retry_after="5"` becomes the header `retry-after`."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def access(
    client: "ScriptedClient", url: str, model: str, api_key: str = "", refusals: KnownRefusals | None = None
) -> ModelAccess:
    """A model that a scripted client answers for."""
    return ModelAccess(client, CLOCK, url, model, api_key, refusals or KnownRefusals())


@dataclass(frozen=True)
class Pieces:
    """The answer to `stream`: pieces of a body, and whether the connection breaks after them."""

    chunks: Iterable[bytes]
    breaks: bool = False


def lines(*objects: object, size: int = 50, breaks: bool = False, last_break: bool = True) -> Pieces:
    """JSON lines in pieces of a size, which ends lines and characters wherever it likes."""
    content = "\n".join(json.dumps(line, ensure_ascii=False) for line in objects).encode()
    content += b"\n" if objects and last_break else b""
    return Pieces([content[start : start + size] for start in range(0, len(content), size)], breaks)


class ScriptedClient:
    """Implements `HttpClient`; `sent` holds the URL, the headers and the JSON of each request.

    `calls` are method and URL, `bodies` what was sent as it was; `open` counts the streams that were not closed.
    """

    def __init__(self, *answers: HttpResponse | Pieces | Exception) -> None:
        self.sent: list[tuple[str, Mapping[str, str], Any]] = []
        self.calls: list[str] = []
        self.bodies: list[bytes | None] = []
        self.open = 0
        self._answers = list(answers)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float,
    ) -> AsyncIterator[HttpStream]:
        """The next answer, piece by piece."""
        is_json = (headers or {}).get("Content-Type") == "application/json"
        self.sent.append((url, headers or {}, json.loads(body) if body and is_json else None))
        self.bodies.append(body)
        answer = self._next(method, url)
        self.open += 1
        try:
            if isinstance(answer, HttpResponse):
                yield HttpStream(answer.status, answer.headers, given(url, Pieces([answer.body])))
            else:
                yield HttpStream(200, {}, given(url, answer))
        finally:
            self.open -= 1

    def _next(self, method: str, url: str) -> HttpResponse | Pieces:
        self.calls.append(f"{method} {url}")
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def given(url: str, pieces: Pieces) -> AsyncIterator[bytes]:
    """A body piece by piece."""
    for chunk in pieces.chunks:
        yield chunk
    if pieces.breaks:
        raise ConnectionFailure(url, "the connection was closed")
