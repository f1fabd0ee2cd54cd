"""The HTTP client over the Worker's own `fetch`."""

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from pyodide.ffi import JsException
from workers import fetch

from ossgard.errors import ConnectionFailure
from ossgard.ports import HttpStream

# How much of a streamed body is read at a time, at most: without a buffer of ours, the runtime hands over 4 KiB, and
# reading 100 MB takes eight times as long.
_CHUNK_BYTES = 65_536
# What JavaScript puts before the words of an error, and what the words mean that say little.
_CLASS = re.compile(r"^(?:\w*(?:Error|Exception): )+")
_FAILURES = {
    "Network connection lost": "the connection was cut",
    "decompression failed": "the answer could not be decompressed",
    "compressed stream ended": "the answer could not be decompressed",
    "internal error": "no connection could be made",
}


class FetchClient:
    """Implements `HttpClient`."""

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
        signal = _end(timeout_seconds)
        options: dict[str, object] = {"method": method, "headers": dict(headers or {}), "signal": signal}
        if body is not None:
            options["body"] = body
        try:
            response = await fetch(url, redirect="manual", **options)
        except (JsException, OSError) as error:
            raise _failure(url, error, timeout_seconds) from error
        reader = response.body.getReader(mode="byob") if response.body else None
        chunks = _chunks(url, reader, timeout_seconds)
        try:
            yield HttpStream(response.status, _lower_case(response.headers.items()), chunks)
        finally:
            if reader is not None:
                # A body that has broken off cannot be cancelled, and need not be.
                with suppress(JsException):
                    await reader.cancel()


async def _chunks(url: str, reader: Any, timeout_seconds: float) -> AsyncIterator[bytes]:
    """The pieces of a body, each in memory of its own; `reader` is None when there is no body."""
    from js import Uint8Array

    buffer = None
    while reader is not None:
        view = Uint8Array.new(_CHUNK_BYTES if buffer is None else buffer)
        try:
            result = await reader.read(view)
        except (JsException, OSError) as error:
            raise _failure(url, error, timeout_seconds) from error
        if result.done:
            return
        yield result.value.to_bytes()
        # Reading takes the buffer away and gives it back.
        buffer = result.value.buffer


def _failure(url: str, error: Exception, timeout_seconds: float) -> ConnectionFailure:
    """Why there is no answer: a request that fails is an OSError here, a body a JsException."""
    said = _CLASS.sub("", str(error)).rstrip(".")
    if "timeout" in said:
        said = f"there was no complete answer within {timeout_seconds:g} seconds"
    return ConnectionFailure(url, next((plain for sign, plain in _FAILURES.items() if sign in said), said))


def _end(seconds: float) -> Any:
    """The signal that ends a request after some time."""
    # Imported here because no JavaScript object may live at module level: a deployed Worker is a snapshot.
    from js import AbortSignal

    return AbortSignal.timeout(round(seconds * 1000))


def _lower_case(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by lower-case name; a repeated one is joined by commas."""
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined
