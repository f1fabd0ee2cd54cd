"""The HTTP client port over Bun's `fetch`."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from bun_host.javascript import HostFunctions, StreamedAnswer
from ossgard import json_text
from ossgard.errors import ConnectionFailure
from ossgard.ports import HttpStream


class BunHttpClient:
    """Implements `HttpClient`."""

    def __init__(self, host: HostFunctions) -> None:
        self._host = host

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
        """Send a request, and read the answer piece by piece; see `HttpClient`."""
        headers_json = json.dumps(dict(headers or {}))
        answer = await self._host.openStream(method, url, headers_json, body, timeout_seconds)
        if answer.status == 0:
            raise ConnectionFailure(url, answer.failure)
        try:
            yield HttpStream(answer.status, json_text.decode(answer.headersJson), _Chunks(url, answer))
        finally:
            answer.close()


class _Chunks:
    """The body of a streamed answer; no generator, which would have to be closed when it is left early."""

    def __init__(self, url: str, answer: StreamedAnswer) -> None:
        self._url = url
        self._answer = answer

    def __aiter__(self) -> "_Chunks":
        return self

    async def __anext__(self) -> bytes:
        piece = await self._answer.read()
        if piece.failure:
            raise ConnectionFailure(self._url, piece.failure)
        chunk = piece.bytes.to_bytes()
        if not chunk:
            raise StopAsyncIteration
        return chunk
