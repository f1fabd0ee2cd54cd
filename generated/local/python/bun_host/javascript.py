"""What Python sees of the TypeScript half; see `bridge.ts` for the same in TypeScript."""

from typing import Protocol


class Bytes(Protocol):
    """A JavaScript `Uint8Array`."""

    def to_bytes(self) -> bytes:
        """A copy of its content."""
        ...


class BodyPiece(Protocol):
    """A piece of a body, good until the next one is read; without bytes, its end or, with a failure, a break."""

    bytes: Bytes
    failure: str


class StreamedAnswer(Protocol):
    """An HTTP answer whose body is still to be read, or, with status 0, the reason why there was none."""

    status: int
    headersJson: str
    failure: str

    async def read(self) -> BodyPiece:
        """Reads on; one call at a time."""
        ...

    def close(self) -> None:
        """Closes the connection, unless the body was read to its end."""
        ...


class HostFunctions(Protocol):
    """The functions of the TypeScript half."""

    def now(self) -> int: ...

    async def callDatabase(self, method: str, arguments_json: str) -> str: ...

    async def callVectors(self, config_json: str, method: str, arguments_json: str) -> str: ...

    async def enqueue(self, job_id: str, type: str, payload_json: str, delay_seconds: int) -> None: ...

    async def openStream(
        self, method: str, url: str, headers_json: str, body: bytes | None, timeout_seconds: float
    ) -> StreamedAnswer: ...

    def pollStarted(self) -> None: ...

    def turnTo(self, kind: str, name: str) -> None: ...

    def writeLog(self, line: str) -> None: ...
