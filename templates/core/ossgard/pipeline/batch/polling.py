"""Polls a provider's batch until it has ended: the rules that the pollers of both hosts share.

A host gives each poller a place for its state, with an alarm (`PollStore`): a Durable Object in the Worker, a row of
`batch_polls` on the local host. The poller keeps ids and counts only; the provider's key is read from the account
whenever it polls.
"""

import logging
from datetime import datetime, timedelta
from typing import Protocol

from ossgard.config import parse_stored
from ossgard.errors import PermanentError, RetryableError
from ossgard.log import log
from ossgard.pipeline.batch.states import Over, kept_state
from ossgard.pipeline.outbox import job_id
from ossgard.pipeline.runner import ENDED, Runner
from ossgard.ports import Clock
from ossgard.providers.batch.api import BatchApi, BatchState
from ossgard.providers.factory import Providers
from ossgard.services import Services
from ossgard.spec.entities import BatchPoll, ScanMessage
from ossgard.spec.messages import PipelineMessage
from ossgard.spec.phases import PHASES, POLLING, RETRIES
from ossgard.times import to_text

# How long after its expiry a provider may take to say that a batch has expired.
EXPIRY_GRACE = timedelta(minutes=15)


class PollStore(Protocol):
    """What one poller keeps, and its alarm; both outlast a restart."""

    async def load(self) -> BatchPoll | None:
        """What is kept; None when nothing is polled."""
        ...

    async def start(self, poll: BatchPoll, at: datetime) -> bool:
        """Keep a new poll and set the alarm, in one step.

        One for the batch that is being polled only replaces the step by a later one; one for another batch is refused
        (False), unless the batch has ended.
        """
        ...

    async def save(self, poll: BatchPoll, at: datetime) -> None:
        """Keep how a poll has got on, and set the alarm, unless there is a newer start: another batch, a later step."""
        ...

    async def finish(self, poll: BatchPoll) -> None:
        """Forget everything, the alarm included, unless there is a newer start."""
        ...


def poller_name(scan_id: int, phase: str) -> str:
    """What the poller of a phase of a scan is called on every host."""
    return f"scan-{scan_id}-{phase}"


def poll_wait(polls: int) -> timedelta:
    """How long after the poll before it, or the start, the next poll comes, when there were `polls` so far."""
    # Beyond some polls the power would only overflow.
    grown = POLLING.first_seconds * POLLING.growth ** min(polls, 100)
    return timedelta(seconds=min(grown, POLLING.longest_seconds))


async def start_poll(store: PollStore, clock: Clock, batch_id: str, message: PipelineMessage) -> bool:
    """Begin to poll on behalf of a message; again for the same batch does no harm.

    False when another batch is being polled.
    """
    poll = BatchPoll(
        batch_id=batch_id,
        scan_id=message.scan_id,
        step=message.step,
        phase=message.type,
        polls=0,
        begun=0,
        errors=0,
        ended=False,
    )
    return await store.start(poll, clock.now() + poll_wait(0))


class BatchWatch:
    """One poller, made anew for each alarm.

    Args:
        services: the host's ports.
        store: what this poller keeps.
    """

    def __init__(self, services: Services, store: PollStore) -> None:
        self._services = services
        self._store = store

    async def alarm(self) -> None:
        """Poll once. The next alarm is set first, and the attempt counted; what goes wrong after that is not raised."""
        poll = await self._store.load()
        if poll is None:
            return
        polled = poll.model_copy(update={"polls": poll.polls + 1, "begun": poll.begun + 1})
        next_at = self._services.clock.now() + poll_wait(polled.polls)
        await self._store.save(polled, next_at)
        polled = polled.model_copy(update={"begun": 0})
        try:
            if poll.begun >= RETRIES.deaths:
                await self._fail(
                    poll,
                    f"The process ended {poll.begun} times while it asked for batch {poll.batch_id}. Start the scan "
                    "again; when that ends it again, report it",
                )
            elif poll.ended:
                await self._wake(polled)
            else:
                await self._poll(polled, next_at)
        except Exception as error:
            log(logging.ERROR, "a poll failed; there will be another", error=error, scan=poll.scan_id, phase=poll.phase)
            kept = await self._store.load()
            if kept is not None and poll.begun < RETRIES.deaths:
                await self._store.save(kept.model_copy(update={"begun": 0}), next_at)

    async def _poll(self, poll: BatchPoll, next_at: datetime) -> None:
        waiting = await self._services.db.get_scan_message(poll.scan_id, poll.step)
        if waiting is None or waiting.status in ENDED or waiting.next_step is not None:
            # Nobody waits any more.
            await self._store.finish(poll)
            return
        try:
            has_ended = await self._has_ended(poll, waiting)
        except RetryableError as error:
            if error.retry_after is not None and error.retry_after > 0:
                # As long as it asks for, in a time that the batch has anyway.
                wait = timedelta(seconds=min(error.retry_after, RETRIES.asked_seconds))
                await self._store.save(poll, max(next_at, self._services.clock.now() + wait))
                return
            errors = poll.errors + 1
            if errors >= POLLING.max_errors:
                await self._fail(
                    poll, f"{error} (asked for batch {poll.batch_id} {errors} times). Start the scan again later"
                )
            else:
                await self._store.save(poll.model_copy(update={"errors": errors}), next_at)
            return
        except PermanentError as error:
            await self._fail(poll, str(error))
            return
        await self._store.save(poll.model_copy(update={"errors": 0, "ended": has_ended}), next_at)
        if has_ended:
            await self._wake(poll)

    async def _has_ended(self, poll: BatchPoll, waiting: ScanMessage) -> bool:
        """Whether the phase can go on: with the results, or by saying why there are none."""
        api = self._api(poll, waiting)
        state = kept_state(waiting.phase_cursor)
        if api is None or (state is not None and (isinstance(state, Over) or state.model != api.name)):
            # The account uses another model by now: it is for the phase to say what becomes of the batch.
            return True
        status = await api.status(poll.batch_id)
        if status.state is not BatchState.RUNNING:
            return True
        if status.expires_at + EXPIRY_GRACE < self._services.clock.now():
            raise PermanentError(
                f"{api.name} was not done with batch {poll.batch_id} when it expired, at "
                f"{status.expires_at:%Y-%m-%d %H:%M} UTC. Start the scan again, or turn batch mode off "
                "in the account's configuration"
            )
        return False

    def _api(self, poll: BatchPoll, waiting: ScanMessage) -> BatchApi | None:
        """The batches of the account's provider; None when it has none."""
        phase = PHASES.get(poll.phase)
        service = phase.batch if phase else None
        if service is None:
            raise PermanentError(
                f"Phase '{poll.phase}' does not wait for batches in this version. Start the scan again"
            )
        return Providers(self._services, parse_stored(waiting.config, self._services.host)).batches(service)

    async def _wake(self, poll: BatchPoll) -> None:
        """Send the message that waits for the batch; only then is there nothing left to keep.

        Should the message get lost, the sweep starts to poll again, and that finds the batch ended once more.
        """
        await self._services.db.mark_batch_ended(poll.scan_id, poll.step, to_text(self._services.clock.now()))
        await self._services.queue.enqueue(job_id(poll.scan_id, poll.step), _message(poll))
        await self._store.finish(poll)

    async def _fail(self, poll: BatchPoll, error: str) -> None:
        log(logging.WARNING, "scan failed", scan=poll.scan_id, phase=poll.phase, batch=poll.batch_id, reason=error)
        await Runner(self._services).fail(_message(poll), error)
        await self._store.finish(poll)


def _message(poll: BatchPoll) -> PipelineMessage:
    return PipelineMessage(type=poll.phase, scan_id=poll.scan_id, step=poll.step)
