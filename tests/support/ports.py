"""The ports of the core as CPython tests have them: real HTTP, a queue in memory, and a clock and entropy to taste."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from weakref import WeakKeyDictionary

import httpx

from ossgard.errors import ConnectionFailure
from ossgard.ports import HttpStream
from ossgard.spec.messages import PipelineMessage


class HttpxClient:
    """Speaks HTTP through httpx; one client for each event loop."""

    def __init__(self) -> None:
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()

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
        """Send a request and read the answer piece by piece."""
        end = asyncio.get_running_loop().time() + timeout_seconds
        with _failures(url, timeout_seconds):
            sent = self._client().build_request(method, url, headers=headers, content=body)
            async with asyncio.timeout_at(end):
                response = await self._client().send(sent, stream=True)
        try:
            lower = {k.lower(): v for k, v in response.headers.items()}
            yield HttpStream(response.status_code, lower, _chunks(response, url, timeout_seconds, end))
        finally:
            await response.aclose()

    def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = httpx.AsyncClient(timeout=None, verify=False)
        return self._clients[loop]


async def _chunks(response: httpx.Response, url: str, timeout_seconds: float, end: float) -> AsyncIterator[bytes]:
    chunks = response.aiter_bytes()
    while True:
        with _failures(url, timeout_seconds):
            async with asyncio.timeout_at(end):
                chunk = await anext(chunks, None)
        if chunk is None:
            return
        yield chunk


@contextmanager
def _failures(url: str, timeout_seconds: float) -> Iterator[None]:
    """Raises what goes wrong as what it is."""
    try:
        yield
    except TimeoutError:
        raise ConnectionFailure(url, f"there was no complete answer within {timeout_seconds:g} seconds") from None
    except httpx.DecodingError:
        raise ConnectionFailure(url, "the answer could not be decompressed") from None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise ConnectionFailure(url, str(error) or "the connection failed") from error


class SystemClock:
    """The real time."""

    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC)


class RunningClock:
    """The real time, and what tests let pass besides."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """The present moment, as far ahead as it was moved."""
        return datetime.now(UTC) + self._ahead

    def advance(self, **by: float) -> None:
        """Let time pass: `advance(minutes=2)`."""
        self._ahead += timedelta(**by)


class SetClock:
    """A time that tests set."""

    def __init__(self, now: datetime = datetime(2026, 11, 23, 10, tzinfo=UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        """The moment that is set."""
        return self._now

    def advance(self, **by: float) -> None:
        """Let time pass: `advance(minutes=2)`."""
        self._now += timedelta(**by)


class SystemEntropy:
    """The system's random numbers."""

    def token(self, nbytes: int) -> str:
        """Random bytes in hex."""
        return secrets.token_hex(nbytes)


class ListQueue:
    """Keeps what is enqueued, with its delay, for tests to look at and to deliver."""

    def __init__(self) -> None:
        self.jobs: list[tuple[str, PipelineMessage, int]] = []

    async def enqueue(self, job_id: str, message: PipelineMessage, delay_seconds: int = 0) -> None:
        """Remember a message."""
        self.jobs.append((job_id, message, delay_seconds))

    @property
    def messages(self) -> list[dict[str, object]]:
        """The bodies, as a queue would deliver them."""
        return [message.model_dump(mode="json", by_alias=True) for _, message, _ in self.jobs]


class ListScheduler:
    """Keeps the batches that are to be polled, with the messages that wait for them."""

    def __init__(self) -> None:
        self.started: list[tuple[str, PipelineMessage]] = []

    async def start(self, batch_id: str, message: PipelineMessage) -> None:
        """Remember a batch."""
        self.started.append((batch_id, message))
