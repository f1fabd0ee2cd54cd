"""Scans in batch mode whose process dies at any of its actions, or while it submits a batch."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from ossgard.pipeline.disposition import Done, Retry
from ossgard.ports import HttpStream
from ossgard.times import to_text
from tests.core.batch.batch_scanning import BatchScanning
from tests.outside.batches import Batch
from tests.outside.repository import Repository
from tests.outside.world import World as Outside
from tests.support.mortal import Killed, Mortal


class Dying(BatchScanning):
    """Each message and each alarm dies at its first action, then at its second, and so on until it gets through."""

    def __init__(self, outside: Outside, repository: Repository, config: dict[str, Any], after: bool) -> None:
        super().__init__(outside, repository, config)
        self.mortal = Mortal()
        self.mortal.after = after
        self.services = self.mortal.endanger(self.services)
        self.deaths: Counter[str] = Counter()
        self._reached: Counter[str] = Counter()

    def die_everywhere(self, recover: Callable[[], object]) -> None:
        """Scan to the end; `recover` is called after each death."""
        self.begin()
        while self.queue.jobs or self.polls():
            phase, unit, work = self._next()
            self._reached[unit] += 1
            self.mortal.left = self._reached[unit]
            try:
                work()
            except Killed:
                self.deaths[phase] += 1
                self.mortal.left = None
                self._forgive()
                recover()
            self.mortal.left = None

    def _forgive(self) -> None:
        """Forget that the process has ended: it would be held against what was under way."""
        for table in ("scan_steps", "batch_polls", "vector_purges"):
            self.executor.connection.execute(f"UPDATE {table} SET begun = 0")

    def _next(self) -> tuple[str, str, Callable[[], None]]:
        if not self.queue.jobs:
            name, _ = min(self.polls(), key=lambda poll: poll[1])
            return "alarm", f"alarm of {name}", self.ring
        _, message, _ = self.queue.jobs[0]
        return message.type, f"message {message.step}", self._deliver_or_wait

    def _deliver_or_wait(self) -> None:
        message = self.queue.jobs[0]
        disposition = self.handle(message[1].model_dump(mode="json", by_alias=True))
        if isinstance(disposition, Retry):
            self.clock.advance(seconds=disposition.after_seconds)
        else:
            assert disposition == Done()
            self.queue.jobs.remove(message)

    def lose_the_queue(self) -> None:
        """All messages are lost; the sweep comes when what is left is an hour overdue."""
        self.queue.jobs.clear()
        self.sweep(hours=1, minutes=2)


# ---- dying while a batch is submitted


class _DiesOnceAccepted:
    """An HTTP client whose process ends when a batch has been accepted."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @asynccontextmanager
    async def stream(self, method: str, url: str, **options: Any) -> AsyncIterator[HttpStream]:
        async with self._client.stream(method, url, **options) as answer:
            if method == "POST" and url.endswith("/batches"):
                raise Killed
            yield answer


def die_once_accepted(scanning: BatchScanning) -> Batch:
    """Have the batch accepted, and nothing recorded of it but that somebody was about to submit it."""
    usual, message = scanning.services, scanning.queue.jobs[0]
    scanning.services = replace(usual, http=_DiesOnceAccepted(usual.http))
    with pytest.raises(Killed):
        scanning.deliver()
    scanning.services = usual
    scanning.queue.jobs.insert(0, message)
    return scanning.outside.batches.submitted[-1]


def die_before_submitting(scanning: BatchScanning) -> None:
    """Leave the mark of an attempt that has come no further."""
    step = scanning.queue.jobs[0][1].step
    asyncio.run(scanning.db.claim_submission(1, step, to_text(scanning.clock.now()), None))
