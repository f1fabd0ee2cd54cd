"""What Python sees of the TypeScript half; see `bridge.ts` for the same in TypeScript."""

from typing import Protocol


class Bytes(Protocol):
    """A JavaScript `Uint8Array`."""

    def to_bytes(self) -> bytes:
        """A copy of its content."""
        ...


class HttpAnswer(Protocol):
    """An HTTP answer, or, with status 0, the reason why there was none."""

    status: int
    headersJson: str
    body: Bytes
    failure: str


class HostFunctions(Protocol):
    """The functions of the TypeScript half."""

    async def callDatabase(self, method: str, arguments_json: str) -> str: ...

    async def callVectors(self, config_json: str, method: str, arguments_json: str) -> str: ...

    async def enqueue(self, job_id: str, type: str, payload_json: str, delay_seconds: int) -> None: ...

    async def sendRequest(
        self, method: str, url: str, headers_json: str, body: bytes | None, timeout_seconds: float
    ) -> HttpAnswer: ...

    def writeLog(self, line: str) -> None: ...
