"""A process that dies at any of its actions: what it asks of a port, before it has happened or just after."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from ossgard.ports import HttpClient, HttpStream
from ossgard.services import Services


class Killed(BaseException):
    """The process ends here."""


class Mortal:
    """Kills the process at its n-th action from when `left` is set; not at all while that is None."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.after = False

    def endanger(self, services: Services) -> Services:
        """The same services, every call of which is an action."""
        vectors = _Endangered(self, services.vectors(None))
        return replace(
            services,
            db=_Endangered(self, services.db),
            queue=_Endangered(self, services.queue),
            pollers=_Endangered(self, services.pollers),
            http=_EndangeredHttp(self, services.http),
            vectors=lambda _: vectors,
        )

    async def act(self, action: Callable[[], Awaitable[Any]]) -> Any:
        """Do something, unless this is where it ends."""
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                if self.after:
                    await action()
                raise Killed
        return await action()


class _Endangered:
    def __init__(self, mortal: Mortal, port: Any) -> None:
        self._mortal = mortal
        self._port = port

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        async def act(*arguments: Any, **named: Any) -> Any:
            return await self._mortal.act(lambda: method(*arguments, **named))

        return act


class _EndangeredHttp(_Endangered):
    """Of a file of results, opening it is an action, and so is every piece of it; any other call is one action."""

    @asynccontextmanager
    async def stream(self, method: str, url: str, **options: Any) -> AsyncIterator[HttpStream]:
        client: HttpClient = self._port
        if not url.endswith(("/results", "/content")):
            yield await self._mortal.act(partial(_whole, client, method, url, options))
            return
        opened = client.stream(method, url, **options)
        stream: HttpStream = await self._mortal.act(opened.__aenter__)
        try:
            yield replace(stream, chunks=self._chunks(stream.chunks))
        finally:
            await opened.__aexit__(None, None, None)

    async def _chunks(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        while True:
            try:
                yield await self._mortal.act(chunks.__anext__)
            except StopAsyncIteration:
                return


async def _whole(client: HttpClient, method: str, url: str, options: dict[str, Any]) -> HttpStream:
    """An answer that has been read."""
    async with client.stream(method, url, **options) as stream:
        pieces = [chunk async for chunk in stream.chunks]

    async def chunks() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return replace(stream, chunks=chunks())
