"""An HTTP client that gives the answers it was given: for errors that no real server can be brought to."""

import json
from collections.abc import Mapping
from typing import Any

from ossgard.ports import HttpResponse


def response(status: int, body: object = None, **headers: str) -> HttpResponse:
    """An answer; `retry_after="5"` becomes the header `retry-after`."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


class ScriptedClient:
    """Implements `HttpClient`; `sent` holds the URL, the headers and the JSON of each request."""

    def __init__(self, *answers: HttpResponse) -> None:
        self.sent: list[tuple[str, Mapping[str, str], Any]] = []
        self._answers = list(answers)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float,
    ) -> HttpResponse:
        """The next answer."""
        self.sent.append((url, headers or {}, json.loads(body) if body else None))
        return self._answers.pop(0)
