"""The HTTP client port over Bun's `fetch`."""

import json
from collections.abc import Mapping

from bun_host.javascript import HostFunctions
from ossgard.errors import ConnectionFailure
from ossgard.ports import HttpResponse


class BunHttpClient:
    """Implements `HttpClient`."""

    def __init__(self, host: HostFunctions) -> None:
        self._host = host

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float,
    ) -> HttpResponse:
        """Send a request and read the whole answer; raises `ConnectionFailure` when there is none."""
        headers_json = json.dumps(dict(headers or {}))
        answer = await self._host.sendRequest(method, url, headers_json, body, timeout_seconds)
        if answer.status == 0:
            raise ConnectionFailure(url, answer.failure)
        return HttpResponse(answer.status, json.loads(answer.headersJson), answer.body.to_bytes())
