"""The core under CPython as a host of its own: uvicorn on a loopback port, `sqlite3`, queue and vectors in memory."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ossgard.app import create_app
from ossgard.log import configure
from ossgard.pipeline.batch.poll_table import TableScheduler, poll
from ossgard.pipeline.disposition import Retry
from ossgard.pipeline.runner import Runner
from ossgard.ports import HttpClient
from ossgard.services import LOCAL_HOST, HostProfile, Services, VectorStores
from ossgard.spec.messages import PipelineMessage
from ossgard.spec.settings import Settings
from ossgard.spec.sql_database import SqlDatabase
from ossgard.times import from_text
from tests.support.memory_vectors import MemoryVectors
from tests.support.ports import HttpxClient, RunningClock, SystemEntropy
from tests.support.server import serve
from tests.support.sqlite_executor import SqliteExecutor, migrated_executor

# How often the pollers are looked after, in real time.
POLL_SECONDS = 0.02


class MemoryQueue:
    """Delivers messages to a runner on the event loop it runs on.

    Args:
        deliveries: how often each message is delivered, whatever becomes of it; all of them at the same time.
        hurry: deliver at once what is to be delivered later, the clock moved on; `waits` tells how much later.
    """

    def __init__(self, deliveries: int = 1, hurry: bool = False) -> None:
        self.waits: list[int] = []
        self.clock: RunningClock | None = None
        self._due: asyncio.Queue[tuple[object, int]] = asyncio.Queue()
        self._deliveries = deliveries
        self._hurry = hurry

    async def enqueue(self, job_id: str, message: PipelineMessage, delay_seconds: int = 0) -> None:
        """Deliver a message after a delay."""
        self._deliver_later(message.model_dump(mode="json", by_alias=True), 1, delay_seconds)

    async def work(self, runner: Runner) -> None:
        """Deliver for ever."""
        while True:
            body, attempt = await self._due.get()
            deliveries = [runner.handle(body, attempt) for _ in range(self._deliveries)]
            dispositions = await asyncio.gather(*deliveries)
            waits = [one.after_seconds for one in dispositions if isinstance(one, Retry)]
            if waits:
                self._deliver_later(body, attempt + 1, min(waits))

    def _deliver_later(self, body: object, attempt: int, seconds: int) -> None:
        if seconds:
            self.waits.append(seconds)
        if self._hurry and self.clock is not None:
            self.clock.advance(seconds=seconds)
        asyncio.get_running_loop().call_later(0 if self._hurry else seconds, self._due.put_nowait, (body, attempt))


@dataclass(frozen=True)
class CPythonHost:
    """A running host."""

    url: str
    directory: Path
    executor: SqliteExecutor
    queue: MemoryQueue
    vectors: MemoryVectors
    clock: RunningClock
    log_lines: list[str]


async def _poll(services: Services) -> None:
    """Let every poller poll when it is due, for ever."""
    while True:
        for due in await services.db.list_batch_polls(10):
            if from_text(due.next_poll_at) <= services.clock.now():
                await poll(services, due.name)
        await asyncio.sleep(POLL_SECONDS)


@contextmanager
def cpython_host(
    directory: Path,
    environment: Mapping[str, str],
    profile: HostProfile = LOCAL_HOST,
    queue: MemoryQueue | None = None,
    http: HttpClient | None = None,
    stores: VectorStores | None = None,
) -> Iterator[CPythonHost]:
    """Run the core with its database in `directory`; `stores` chooses others than the vectors in memory."""
    lines: list[str] = []
    settings = Settings.from_mapping(environment)
    configure(settings, lines.append)
    executor = migrated_executor(str(directory / "ossgard.db"))
    queue = queue or MemoryQueue()
    vectors = MemoryVectors()
    db, clock = SqlDatabase(executor), RunningClock()
    queue.clock = clock
    services = Services(
        db=db,
        queue=queue,
        pollers=TableScheduler(db, clock, lambda: None),
        http=http or HttpxClient(),
        clock=clock,
        entropy=SystemEntropy(),
        settings=settings,
        host=profile,
        vectors=stores or (lambda _: vectors),
    )
    runner = Runner(services)

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(queue.work(runner))
            group.create_task(_poll(services))

    with serve(create_app(services), companion=work) as url:
        yield CPythonHost(url, directory, executor, queue, vectors, clock, lines)
    executor.connection.close()
