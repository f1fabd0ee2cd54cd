"""Pollers that are kept in the database, one row each: those of the local host."""

from collections.abc import Callable
from datetime import datetime

from ossgard.errors import BatchRefused
from ossgard.pipeline.batch.polling import BatchWatch, poller_name, start_poll
from ossgard.ports import Clock
from ossgard.services import Services
from ossgard.spec.database import Database
from ossgard.spec.entities import BatchPoll
from ossgard.spec.messages import PipelineMessage
from ossgard.times import to_text


class PollTable:
    """Implements `PollStore`; whoever watches the table sees from `next_poll_at` when the alarm is due.

    Args:
        db: holds the table.
        name: the poller's name.
    """

    def __init__(self, db: Database, name: str) -> None:
        self._db = db
        self._name = name

    async def load(self) -> BatchPoll | None:
        """What is kept; None when nothing is polled."""
        return await self._db.get_batch_poll(self._name)

    async def start(self, poll: BatchPoll, at: datetime) -> bool:
        """Keep a new poll; False when another batch is being polled."""
        changes = await self._db.start_batch_poll(
            self._name, poll.batch_id, poll.scan_id, poll.step, poll.phase, to_text(at)
        )
        return changes > 0

    async def save(self, poll: BatchPoll, at: datetime) -> None:
        """Keep how a poll has got on, unless there is a newer start."""
        await self._db.save_batch_poll(
            self._name, poll.batch_id, poll.step, poll.polls, poll.begun, poll.errors, poll.ended, to_text(at)
        )

    async def finish(self, poll: BatchPoll) -> None:
        """Forget the poller, unless there is a newer start."""
        await self._db.delete_batch_poll(self._name, poll.batch_id, poll.step)


class TableScheduler:
    """Implements `PollerScheduler` over the table.

    Args:
        db: holds the table.
        clock: tells when the first poll is.
        started: called when there is a new poll to wait for.
    """

    def __init__(self, db: Database, clock: Clock, started: Callable[[], object]) -> None:
        self._db = db
        self._clock = clock
        self._started = started

    async def start(self, batch_id: str, message: PipelineMessage) -> None:
        """Begin to poll; raises `BatchRefused` when another batch of the same scan and phase is being polled."""
        name = poller_name(message.scan_id, message.type)
        if not await start_poll(PollTable(self._db, name), self._clock, batch_id, message):
            raise BatchRefused(name, batch_id)
        self._started()


async def poll(services: Services, name: str) -> None:
    """What the alarm of a poller does."""
    await BatchWatch(services, PollTable(services.db, name)).alarm()
