"""A Worker that reads bodies piece by piece with the client of the core, and tells how that went."""

import asyncio
from collections.abc import Mapping
from typing import Any

from workers import DurableObject, Response, WorkerEntrypoint

from cloudflare_host.http import FetchClient
from ossgard.errors import ConnectionFailure


class Default(WorkerEntrypoint):
    async def fetch(self, request: Any) -> Response:
        body = await request.json()
        try:
            result = await getattr(self, body["do"])(**body.get("with", {}))
        except ConnectionFailure as error:
            result = {"url": error.url, "reason": error.reason}
        return Response.from_json(result)

    async def read(
        self,
        url: str,
        seconds: float = 30,
        headers: Mapping[str, str] | None = None,
        most: int | None = None,
        pause: float = 0,
    ) -> object:
        """Read a body, to its end or until there is enough of it."""
        read = largest = 0
        head, failure = b"", None
        async with FetchClient().stream("GET", url, headers=headers, timeout_seconds=seconds) as stream:
            try:
                async for chunk in stream.chunks:
                    read += len(chunk)
                    largest = max(largest, len(chunk))
                    head = (head + chunk)[:100]
                    if most is not None and read >= most:
                        break
                    await asyncio.sleep(pause)
            except ConnectionFailure as error:
                failure = error.reason
        return {
            "status": stream.status,
            "headers": dict(stream.headers),
            "read": read,
            "largest": largest,
            "head": head.decode(),
            "failure": failure,
        }

    async def leave(self, url: str, error: bool = False) -> str:
        """Read nothing of a body."""
        try:
            async with FetchClient().stream("GET", url, timeout_seconds=30):
                if error:
                    raise ValueError("left in a hurry")
        except ValueError as raised:
            return str(raised)
        return "left"


class BatchPoller(DurableObject): ...
