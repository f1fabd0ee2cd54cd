"""The core under CPython as a host of its own: uvicorn on a loopback port, `sqlite3`, and a queue in memory."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ossgard.app import create_app
from ossgard.log import configure
from ossgard.messages import PipelineMessage
from ossgard.pipeline.disposition import Retry
from ossgard.pipeline.runner import Runner
from ossgard.services import LOCAL_HOST, HostProfile, Services
from ossgard.settings import Settings
from ossgard.sql_database import SqlDatabase
from tests.support.ports import HttpxClient, SystemClock, SystemEntropy
from tests.support.server import serve
from tests.support.sqlite_executor import SqliteExecutor, migrated_executor


class MemoryQueue:
    """Delivers messages to a runner on the event loop it runs on."""

    def __init__(self) -> None:
        self._due: asyncio.Queue[tuple[object, int]] = asyncio.Queue()

    async def enqueue(self, job_id: str, message: PipelineMessage, delay_seconds: int = 0) -> None:
        """Deliver a message after a delay."""
        self._deliver_later(message.model_dump(mode="json", by_alias=True), 1, delay_seconds)

    async def work(self, runner: Runner) -> None:
        """Deliver for ever."""
        while True:
            body, attempt = await self._due.get()
            disposition = await runner.handle(body, attempt)
            if isinstance(disposition, Retry):
                self._deliver_later(body, attempt + 1, disposition.after_seconds)

    def _deliver_later(self, body: object, attempt: int, seconds: int) -> None:
        asyncio.get_running_loop().call_later(seconds, self._due.put_nowait, (body, attempt))


@dataclass(frozen=True)
class CPythonHost:
    """A running host."""

    url: str
    executor: SqliteExecutor
    log_lines: list[str]


@contextmanager
def cpython_host(
    directory: Path, environment: Mapping[str, str], profile: HostProfile = LOCAL_HOST
) -> Iterator[CPythonHost]:
    """Run the core with its database in `directory`."""
    lines: list[str] = []
    settings = Settings.from_mapping(environment)
    configure(settings.log_level, lines.append)
    executor = migrated_executor(str(directory / "ossgard.db"))
    queue = MemoryQueue()
    services = Services(
        db=SqlDatabase(executor),
        queue=queue,
        http=HttpxClient(),
        clock=SystemClock(),
        entropy=SystemEntropy(),
        settings=settings,
        host=profile,
    )
    runner = Runner(services)
    with serve(create_app(services), companion=lambda: queue.work(runner)) as url:
        yield CPythonHost(url, executor, lines)
    executor.connection.close()
