"""A core without a host: database and vectors in memory, a queue that tests deliver from, a clock that tests set."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import JsonValue

from ossgard.model import JsonObject
from ossgard.pipeline.disposition import Disposition, Retry
from ossgard.pipeline.outbox import send_step
from ossgard.pipeline.phase import Processor
from ossgard.pipeline.runner import Runner
from ossgard.ports import HttpClient
from ossgard.services import LOCAL_HOST, HostProfile, Services
from ossgard.spec.processors import PROCESSORS
from ossgard.spec.settings import Settings
from ossgard.spec.sql_database import SqlDatabase
from ossgard.times import to_text
from tests.support.memory_vectors import MemoryVectors
from tests.support.ports import HttpxClient, ListQueue, ListScheduler, SetClock, SystemEntropy
from tests.support.sqlite_executor import SqliteExecutor, migrated_executor

CONFIG: dict[str, Any] = {
    "github": {"token": "ghp_0123456789"},
    "llm": {"provider": "openai", "url": "http://127.0.0.1:9", "model": "chat", "api_key": "sk-0123456789"},
    "embedding": {
        "provider": "openai",
        "url": "http://127.0.0.1:9",
        "model": "text-embedding-3-small",
        "api_key": "sk-9876543210",
    },
}

_TEMPLATE = migrated_executor()


class World:
    """One fresh core with one account.

    `around` may replace the database or the queue that the core sees by a wrapper.
    """

    def __init__(
        self,
        processors: Mapping[str, Processor[Any]] = PROCESSORS,
        *,
        around: Callable[[Any], Any] = lambda port: port,
        http: HttpClient | None = None,
        host: HostProfile = LOCAL_HOST,
        settings: Settings | None = None,
        config: dict[str, Any] = CONFIG,
        vectors: MemoryVectors | None = None,
    ) -> None:
        self.executor = SqliteExecutor()
        _TEMPLATE.connection.backup(self.executor.connection)
        self.db = SqlDatabase(self.executor)
        self.queue = ListQueue()
        self.batches = ListScheduler()
        self.clock = SetClock()
        self.vectors = vectors or MemoryVectors()
        self.processors = processors
        self.services = Services(
            db=around(self.db),
            queue=around(self.queue),
            pollers=around(self.batches),
            http=http or HttpxClient(),
            clock=self.clock,
            entropy=SystemEntropy(),
            settings=settings or Settings(),
            host=host,
            vectors=lambda _: self.vectors,
        )
        self.account = asyncio.run(self.db.create_account("hash", None, config))

    @property
    def runner(self) -> Runner:
        """A runner as a new process would have it."""
        return Runner(self.services, self.processors)

    def start_scan(self, owner: str = "acme", name: str = "rocket", **options: JsonValue) -> int:
        """Start a scan; its first message lies in the queue."""
        return asyncio.run(self._start_scan(owner, name, {"full": False, **options}))

    async def _start_scan(self, owner: str, name: str, options: JsonObject) -> int:
        plain = replace(self.services, db=self.db, queue=self.queue)
        due_at = to_text(self.clock.now())
        scan = await self.db.start_scan(self.account.id, owner, name, options, "scan", due_at)
        assert scan is not None
        await send_step(plain, scan.id, 1, "scan", due_at)
        return scan.id

    def handle(self, body: object, attempt: int = 1) -> Disposition:
        """Deliver one message."""
        return asyncio.run(self.runner.handle(body, attempt))

    def drain(self) -> None:
        """Deliver until the queue is empty; a message leaves it only when it has been handled."""
        attempts: dict[str, int] = {}
        while self.queue.jobs:
            job_id, message, _ = self.queue.jobs[0]
            attempts[job_id] = attempts.get(job_id, 0) + 1
            disposition = self.handle(message.model_dump(mode="json", by_alias=True), attempts[job_id])
            if isinstance(disposition, Retry):
                self.clock.advance(seconds=disposition.after_seconds)
                self.queue.jobs.append(self.queue.jobs[0])
            self.queue.jobs.pop(0)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the database holds."""
        return [tuple(row) for row in self.executor.connection.execute(sql)]

    def scan(self) -> dict[str, Any]:
        """The newest scan."""
        return dict(self.executor.connection.execute("SELECT * FROM scans ORDER BY id DESC LIMIT 1").fetchone())
