"""The connection below a request: reads it, plays it again, waits for its end, and cuts it."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.types import Message, Receive, Send


async def read(receive: Receive) -> bytes:
    """The whole body of a request."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


async def disconnect(receive: Receive) -> None:
    """Wait until the client hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass


def replay(body: bytes, receive: Receive) -> Receive:
    """What the application receives: the body that was read already, then what really comes."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


def hang_up(receive: Receive) -> None:
    """Close the connection at once. ASGI has no word for that: the transport is uvicorn's."""
    cycle = getattr(receive, "__self__", None)
    if cycle is None:
        raise RuntimeError("only uvicorn's connections can be cut")
    cycle.transport.abort()
    # Uvicorn sends no 500 to a client that is gone.
    cycle.disconnected = True


class Cut:
    """Lets an answer through up to the middle of its body, then closes the connection.

    Args:
        send: where the answer goes.
        receive: the connection.
        state: of the request; `length` is the size of a body whose header does not tell.
        after_bytes: where to cut; in the middle when None.
    """

    def __init__(self, send: Send, receive: Receive, state: Mapping[str, Any], after_bytes: int | None) -> None:
        self._send = send
        self._receive = receive
        self._state = state
        self._left = after_bytes
        self._is_closed = False

    async def send(self, message: Message) -> None:
        """Pass a message on, as much of it as goes through."""
        if self._is_closed:
            return
        if message["type"] == "http.response.start":
            if self._left is None:
                self._left = int(dict(message["headers"]).get(b"content-length", self._state.get("length", 0))) // 2
            await self._send(message)
            return
        body = message.get("body", b"")
        passed = body[: self._left]
        self._left = (self._left or 0) - len(passed)
        # The server closes a connection whose answer is not completed.
        await self._send({"type": "http.response.body", "body": passed, "more_body": True})
        if self._left == 0 or not message.get("more_body", False):
            self._is_closed = True
            await asyncio.sleep(0.02)
            hang_up(self._receive)
