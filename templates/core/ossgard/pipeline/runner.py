"""The runner: handles one message of a scan so that at-least-once delivery and a crash at any point do no harm.

A slice's writes and the message that follows it are committed as one transaction, whose first write takes the next step
of the scan: of two deliveries of one message, only one can commit. What is committed but not sent lies in the outbox,
and is sent by the next one who sees it: this runner, a redelivery of the message, or the sweep.

Attempts are counted in the step's row, before the work begins: the queue's own count includes deliveries that died
before any of this ran. An attempt ends by committing or by telling an error; of one that does neither, the process has
ended, and a step may do that to it a few times only. A step that is to be tried again later goes back into the outbox
with a later `due_at`, as a new message: it may wait for hours, which the retries of a queue were not made for.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from ossgard.config import parse_stored
from ossgard.cursor import Cursor, Kept, dump, load
from ossgard.errors import ConstraintError, PermanentError, RetryableError
from ossgard.log import log
from ossgard.model import JsonObject
from ossgard.pipeline.disposition import Disposition, Done, Failed, Retry
from ossgard.pipeline.outbox import delay_until, send_step
from ossgard.pipeline.outcome import Fail, NextPhase, NextSlice, Outcome, WaitForBatch
from ossgard.pipeline.patience import backoff, put_off
from ossgard.pipeline.phase import Processor, Slice
from ossgard.pipeline.purge import PURGE, purge, request_purge
from ossgard.pipeline.retention import delete_old
from ossgard.pipeline.warnings import merged
from ossgard.services import Services
from ossgard.spec import writes
from ossgard.spec.database import AccountDatabase
from ossgard.spec.entities import ScanMessage, ScanStatus, ScanStep, UpdateScanStatusChanges
from ossgard.spec.messages import PipelineMessage
from ossgard.spec.phases import DONE, PHASES, RETRIES, PhaseSettings
from ossgard.spec.processors import PROCESSORS
from ossgard.times import from_text, to_text
from ossgard.write import Write

# The statuses of scans on which nobody works any more.
ENDED = (ScanStatus.DONE, ScanStatus.FAILED)

# How long a message may stay unsent, and how long a sent one unanswered, before the sweep sends it again,
# and when it gives the scan up.
UNSENT_AFTER = timedelta(minutes=1)
UNANSWERED_AFTER = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(hours=24)
# Attempts that begin so shortly after another are deliveries of one message at once, and count as one.
AT_ONCE = timedelta(seconds=5)
# How many messages one sweep looks at; the next sweep takes the rest.
SWEEP_LIMIT = 100

_MAX_ERROR = 1000
# Where a cursor waits for its phase, beside the cursor of another.
_WAITING = "waiting"


@dataclass(frozen=True)
class _Next:
    """The message after a taken step; without a phase, there is none, since the scan has ended."""

    step: int
    phase: str | None
    due_at: str
    sent: bool = False
    batch_id: str | None = None
    batch_expires_at: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Waiting(Kept):
    """A cursor for a phase that is not the next one."""

    phase: str
    cursor: JsonObject


class Runner:
    """Handles the messages of the pipeline.

    Args:
        services: the host's ports.
        processors: the phases by name.
    """

    def __init__(self, services: Services, processors: Mapping[str, Processor[Any]] = PROCESSORS) -> None:
        self._services = services
        self._db = services.db
        self._processors = processors

    async def handle(self, body: object, attempt: int) -> Disposition:
        """Work on the slice that a message names; `attempt` counts its deliveries from 1."""
        message = _parse(body)
        if message is None:
            return Failed(f"not a pipeline message: {repr(body)[:200]}")
        if message.type == PURGE:
            return await self._purge(message, attempt)
        try:
            return await self._handle(message)
        except Exception as error:
            # Nothing could be noted down, so it is for the queue to deliver the message again.
            log(logging.ERROR, "a message could not be dealt with", error=error, scan=message.scan_id)
            with suppress(Exception):
                await self._db.excuse_step(message.scan_id, message.step)
            return Retry(backoff(attempt), str(error)[:_MAX_ERROR])

    async def _handle(self, message: PipelineMessage) -> Disposition:
        now = self._services.clock.now()
        found = await self._db.begin_step(message.scan_id, message.step, to_text(now), to_text(now - AT_ONCE))
        if found is None or found.status in ENDED:
            return Done()
        next = _taken(found)
        if next is None and found.failing is not None and from_text(found.due_at) > now:
            return Retry(delay_until(found.due_at, now), "it is not due yet")
        try:
            if next is None:
                _refuse_deadly(found)
                next = await self._work(found)
        except PermanentError as error:
            return await self._fail(message, str(error))
        except Exception as error:
            return await self._put_off(message, found, error)
        await self._send(message.scan_id, next)
        return Done()

    async def _purge(self, message: PipelineMessage, attempt: int) -> Disposition:
        try:
            await purge(self._services, message.step)
        except Exception as error:
            log(logging.ERROR, "vectors could not be purged", error=error)
            return Retry(backoff(attempt), str(error)[:_MAX_ERROR])
        return Done()

    async def dead_letter(self, body: object) -> None:
        """Fail the scan of a message that the queue has given up on, unless the message's work is done."""
        message = _parse(body)
        if message is not None:
            await self.fail(
                message, f"Phase '{message.type}' was tried too often without success. Start the scan again"
            )

    async def sweep(self) -> int:
        """Send again what is overdue, and fail what has been for a day; the number of scans dealt with.

        What has ended long ago is deleted on the way.
        """
        now = self._services.clock.now()
        stalled = await self._db.list_stalled_steps(
            to_text(now - UNSENT_AFTER), to_text(now - UNANSWERED_AFTER), SWEEP_LIMIT
        )
        swept = 0
        for step in stalled:
            try:
                await self._send_again(step, now)
                swept += 1
            except Exception as error:
                log(logging.ERROR, "the sweep failed", error=error, scan=step.scan_id, step=step.step)
        if await self._db.list_vector_purges(0, 1):
            await request_purge(self._services)
        await delete_old(self._services)
        if swept:
            log(logging.WARNING, "swept stalled scans", count=swept)
        return swept

    async def _send_again(self, step: ScanStep, now: datetime) -> None:
        """Send an overdue message; the scan fails when it was sent after a day, too, or cannot be sent at all."""
        give_up_at = _answer_due(step) + GIVE_UP_AFTER
        message = PipelineMessage(type=step.phase, scan_id=step.scan_id, step=step.step)
        if step.sent_at is not None and from_text(step.sent_at) >= give_up_at:
            await self.fail(message, f"Phase '{step.phase}' gave no answer for a day. Start the scan again")
            return
        try:
            await send_step(
                self._services, step.scan_id, step.step, step.phase, step.due_at, step.batch_id, step.failing
            )
        except Exception as error:
            if now < give_up_at:
                raise
            log(logging.ERROR, "a message could not be sent for a day", error=error, scan=step.scan_id, step=step.step)
            await self.fail(
                message,
                f"Phase '{step.phase}' could not be begun for a day; the host's log tells why. Start the scan again",
            )

    async def _find(self, scan_id: int, step: int) -> ScanMessage | None:
        """The message with its scan, unless the scan has ended or is gone."""
        found = await self._db.get_scan_message(scan_id, step)
        return None if found is None or found.status in ENDED else found

    async def _work(self, message: ScanMessage) -> _Next | None:
        """Run the phase and commit what it leads to."""
        phase, processor = PHASES.get(message.phase), self._processors.get(message.phase)
        if phase is None or processor is None:
            raise PermanentError(
                f"Phase '{message.phase}' is not available in this version. Update ossgard, then start the scan again"
            )
        outcome = await processor.phase.run(
            Slice(
                scan_id=message.scan_id,
                step=message.step,
                repo_id=message.repo_id,
                owner=message.owner,
                name=message.name,
                config=parse_stored(message.config, self._services.host),
                cursor=load(processor.cursor_type, message.phase_cursor or {}),
                account_db=AccountDatabase(self._db, message.account_id),
                services=self._services,
            )
        )
        if isinstance(outcome.next, Fail):
            log(logging.WARNING, "scan failed", scan=message.scan_id, phase=message.phase, reason=outcome.next.error)
        following = _following(phase, outcome)
        kept = self._kept(message, outcome.next, following)
        wait = outcome.next.wait_seconds if isinstance(outcome.next, NextSlice) else 0
        now = self._services.clock.now()
        due_at = to_text(now + timedelta(seconds=wait))
        next = _Next(message.step + 1, following.name if following else None, due_at)
        if isinstance(outcome.next, WaitForBatch):
            expires_at = to_text(outcome.next.expires_at)
            next = replace(next, batch_id=outcome.next.batch_id, batch_expires_at=expires_at)
        return await self._commit(
            message.scan_id, next, [*outcome.writes, *_progress(message, outcome, kept, following, to_text(now))]
        )

    def _kept(
        self, message: ScanMessage, next: NextSlice | WaitForBatch | NextPhase | Fail, following: PhaseSettings | None
    ) -> JsonObject | None:
        """What the scan keeps of a cursor: one for a phase further on waits beside the cursors of those between."""
        if isinstance(next, Fail):
            return None
        if following is None:
            return None if next.cursor is None else dump(next.cursor)
        stored = (message.phase_cursor or {}).get(_WAITING)
        waiting = load(_Waiting, stored) if isinstance(stored, dict) else None
        if isinstance(next, NextPhase):
            if next.cursor is not None:
                waiting = _Waiting(phase=self._addressee(next.cursor, *_from(following)), cursor=dump(next.cursor))
            if waiting is None or waiting.phase == following.name:
                return None if waiting is None else waiting.cursor
            return {_WAITING: dump(waiting)}
        self._addressee(next.cursor, following.name)
        return dump(next.cursor) if waiting is None else {**dump(next.cursor), _WAITING: dump(waiting)}

    def _addressee(self, cursor: Cursor, *phases: str) -> str:
        """The phase that goes by a cursor.

        Raises:
            TypeError: none of them does; it would not find a word of it.
        """
        for name in phases:
            processor = self._processors.get(name)
            if processor is None or processor.cursor_type is type(cursor):
                return name
        raise TypeError(f"no phase from '{phases[0]}' on goes by {type(cursor).__name__}")

    async def _commit(self, scan_id: int, next: _Next, rows: Sequence[Write]) -> _Next | None:
        """Take the next step and write rows, or nothing at all.

        The answer is the next message, committed here or by a faster delivery of the same one; None when the scan has
        ended or is gone.
        """
        try:
            step = writes.take_step(scan_id, next.step, next.phase, next.due_at, next.batch_id, next.batch_expires_at)
            await self._db.commit([step, *rows])
            return next
        except ConstraintError:
            found = await self._find(scan_id, next.step - 1)
            if found is None:
                return None
            taken = _taken(found)
            if taken is None:
                # The step is free, so it was one of the phase's own rows that broke a constraint.
                raise
            return taken

    async def _send(self, scan_id: int, next: _Next | None) -> None:
        if next is not None and next.phase is not None and not next.sent:
            await send_step(self._services, scan_id, next.step, next.phase, next.due_at, next.batch_id)

    async def fail(self, message: PipelineMessage, error: str) -> None:
        """Fail the scan, unless the message's work is done: then only its outbox is seen to.

        Failing takes the step, too, so that a slower delivery cannot undo what a faster one has done.
        """
        found = await self._find(message.scan_id, message.step)
        if found is None:
            return
        next = _taken(found)
        if next is None:
            now = to_text(self._services.clock.now())
            failed = writes.fail_scan(message.scan_id, error[:_MAX_ERROR], now)
            rows = [failed, writes.clear_scratch(found.repo_id)]
            next = await self._commit(message.scan_id, _Next(message.step + 1, None, now), rows)
        await self._send(message.scan_id, next)

    async def _fail(self, message: PipelineMessage, error: str) -> Disposition:
        log(logging.WARNING, "scan failed", scan=message.scan_id, phase=message.type, reason=error)
        await self.fail(message, error)
        return Failed(error)

    async def _put_off(self, message: PipelineMessage, found: ScanMessage, error: Exception) -> Disposition:
        """Have the step tried again later, and tell the scan's user; fail the scan when that has no more sense."""
        if isinstance(error, RetryableError):
            text = str(error)
        else:
            log(logging.ERROR, "unexpected error", error=error, scan=message.scan_id, phase=message.type)
            # What it says was not written for a user.
            text = f"Phase '{message.type}' met an error that nobody foresaw; the host's log tells more"
        text = text[:_MAX_ERROR]
        now = self._services.clock.now()
        try:
            again = put_off(found.failing, error, text, now)
        except PermanentError as end:
            return await self._fail(message, str(end))
        due_at = to_text(again.until)
        note = f"waiting until {again.until:%Y-%m-%d %H:%M:%S} UTC: {text}"
        if not await self._db.put_off_step(message.scan_id, message.step, due_at, again.failing, note):
            # Another delivery was faster.
            return Done()
        log(logging.WARNING, "a step is tried again later", scan=message.scan_id, phase=message.type, reason=note)
        try:
            await send_step(self._services, message.scan_id, message.step, found.phase, due_at, failing=again.failing)
        except Exception as cause:
            # Delivered again, the message would come too early: the sweep sends it when it is due.
            log(logging.ERROR, "a message could not be sent; the sweep will", error=cause, scan=message.scan_id)
        return Done()


def _parse(body: object) -> PipelineMessage | None:
    try:
        return PipelineMessage.model_validate(body)
    except ValidationError:
        log(logging.ERROR, "not a pipeline message", body=repr(body)[:500])
        return None


def _taken(message: ScanMessage) -> _Next | None:
    """The message after this one, when this one's step is taken."""
    if message.next_step is None or message.next_due_at is None:
        return None
    is_sent = message.next_sent_at is not None
    return _Next(message.next_step, message.next_phase, message.next_due_at, is_sent, message.next_batch_id)


def _refuse_deadly(message: ScanMessage) -> None:
    """Raise `PermanentError` when the process has ended too often while it worked on a step."""
    deaths = message.begun - 1
    if deaths >= RETRIES.deaths:
        raise PermanentError(
            f"The process ended {deaths} times while it worked on phase '{message.phase}'. Start the scan again; "
            "when that ends it again, report it"
        )


def _answer_due(step: ScanStep) -> datetime:
    """When the work of a sent message may begin: at once, or for one that waits for a batch, when that expires."""
    return from_text(step.batch_expires_at or step.due_at)


def _following(phase: PhaseSettings, outcome: Outcome) -> PhaseSettings | None:
    """The phase of the next message; None when the scan has ended."""
    if isinstance(outcome.next, NextSlice | WaitForBatch):
        return phase
    return None if isinstance(outcome.next, Fail) or phase.next == DONE else PHASES[phase.next]


def _from(phase: PhaseSettings) -> list[str]:
    """The names of a phase and of all behind it."""
    names = list(PHASES)
    return names[names.index(phase.name) :]


def _progress(
    message: ScanMessage, outcome: Outcome, kept: JsonObject | None, following: PhaseSettings | None, now: str
) -> list[Write]:
    """The writes that move the scan itself on."""
    changes: UpdateScanStatusChanges = {
        "phase_cursor": kept,
        # Of the phase that is through; the next one has not begun.
        "progress": outcome.progress if isinstance(outcome.next, NextSlice | WaitForBatch) else None,
    }
    if outcome.pr_count is not None:
        changes["pr_count"] = outcome.pr_count
    if outcome.dupe_group_count is not None:
        changes["dupe_group_count"] = outcome.dupe_group_count
    if outcome.warnings:
        # The message was read when the step was free, and this is written only if it still is.
        changes["warnings"] = merged(message.warnings, outcome.warnings)
    moved = []
    tokens = (outcome.input_tokens, outcome.output_tokens, outcome.embedding_tokens)
    if any(tokens):
        moved.append(writes.add_scan_tokens(message.scan_id, *tokens))
    if following is None:
        changes["completed_at"] = now
        moved.append(writes.clear_scratch(message.repo_id))
    status = ScanStatus(following.status) if following else ScanStatus.DONE
    if isinstance(outcome.next, Fail):
        status, changes["error"] = ScanStatus.FAILED, outcome.next.error[:_MAX_ERROR]
    elif following is None:
        moved.append(writes.update_repo_last_scan_at(message.repo_id, now))
    return [*moved, writes.update_scan_status(message.scan_id, status, changes)]
