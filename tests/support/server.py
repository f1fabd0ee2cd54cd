"""Serves an ASGI application on a free loopback port, in a thread with its own event loop."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

# Runs beside the server, on its event loop, until it is cancelled.
Companion = Callable[[], Awaitable[None]]


class _Server(uvicorn.Server):
    """A server that says when it is ready, and leaves the process's signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@contextmanager
def serve(app: Any, companion: Companion | None = None) -> Iterator[str]:
    """The base URL of the running application."""
    # The protocol is named, since asyncio turns off delayed sending only where it is.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        # Clients forget idle connections after 5 seconds, and a server that did the same would hang up on some of them.
        server = _Server(uvicorn.Config(app, log_level="error", lifespan="off", http="h11", timeout_keep_alive=75))
        thread = threading.Thread(target=lambda: asyncio.run(_run(server, listener, companion)), daemon=True)
        thread.start()
        if not server.ready.wait(20):
            raise RuntimeError("the test server did not start")
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(20)


async def _run(server: uvicorn.Server, listener: socket.socket, companion: Companion | None) -> None:
    task = asyncio.ensure_future(companion()) if companion is not None else None
    await server.serve([listener])
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
