"""What the core needs from the host it runs on; the database's interface is generated, see `ossgard.spec.database`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ossgard.spec.messages import PipelineMessage


@dataclass(frozen=True)
class HttpResponse:
    """An answer that was read, whatever its status; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class HttpStream:
    """An answer whose body is read piece by piece; `chunks` raises `ConnectionFailure` when it breaks off."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class HttpClient(Protocol):
    """Speaks HTTP with the world outside; only `ossgard.outgoing` does so directly, since it limits what is read."""

    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float,
    ) -> AbstractAsyncContextManager[HttpStream]:
        """Send a request, and read the answer piece by piece, unpacked, all of it within `timeout_seconds`.

        A redirect is an answer as any other. Entering raises `ConnectionFailure` when there is no answer. Leaving
        closes the connection, wherever the body is; only as much of it is fetched as is read.
        """
        ...


class JobQueue(Protocol):
    """Delivers pipeline messages at least once, to `Runner.handle`."""

    async def enqueue(self, job_id: str, message: PipelineMessage, delay_seconds: int = 0) -> None:
        """Hand a message over for delivery. The same `job_id` a second time may be ignored."""
        ...


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class Entropy(Protocol):
    """The host's secure random numbers."""

    def token(self, nbytes: int) -> str:
        """This many random bytes, in hex."""
        ...


@dataclass(frozen=True)
class VectorPoint:
    """A vector with the pull request that it stands for."""

    id: str
    values: Sequence[float]
    repo_id: int
    pr_number: int
    pr_id: int


@dataclass(frozen=True)
class VectorMatch:
    """A point that a search found; a score of 1 is the same direction."""

    id: str
    score: float
    pr_number: int
    pr_id: int


class VectorStore(Protocol):
    """Keeps embeddings and finds near ones; writes may take some time to show.

    Methods raise RetryableError when the store cannot answer now, and PermanentError when it never will.
    """

    async def dimensions(self, collection: str) -> int | None:
        """The size of the vectors that a collection holds; None when it is not there yet."""
        ...

    async def ensure_collection(self, collection: str, dimensions: int) -> bool:
        """Make a collection ready for vectors of this many dimensions.

        True when it had to be recreated, since it held vectors of another size: it has lost them all.
        """
        ...

    async def upsert(self, collection: str, points: Sequence[VectorPoint]) -> str:
        """Store points, replacing those of the same id; the token tells `settled` what to wait for."""
        ...

    async def search(
        self, collection: str, values: Sequence[float], *, repo_id: int, limit: int
    ) -> Sequence[VectorMatch]:
        """The points of a repository that are nearest to a vector, best first."""
        ...

    async def search_by_id(self, collection: str, id: str, *, repo_id: int, limit: int) -> Sequence[VectorMatch] | None:
        """The points of a repository that are nearest to a stored one, which is left out; None when it is unknown."""
        ...

    async def get_vectors(self, collection: str, ids: Sequence[str]) -> Mapping[str, Sequence[float]]:
        """Stored vectors by id; unknown ids are left out."""
        ...

    async def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Forget points; unknown ids do no harm."""
        ...

    async def settled(self, collection: str, token: str) -> bool:
        """Whether searches see all that was written up to a token."""
        ...


class PollerScheduler(Protocol):
    """Has a provider's batch polled, and the waiting message sent when it has ended."""

    async def start(self, batch_id: str, message: PipelineMessage) -> None:
        """Begin to poll on behalf of a message's scan and phase; again for the same batch does no harm.

        Raises:
            BatchRefused: another batch of the same scan and phase is being polled.
        """
        ...
