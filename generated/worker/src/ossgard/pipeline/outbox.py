"""Sending a scan's messages: every message is a row of `scan_steps` first, and stays there unsent until it is sent."""

import math
import uuid
from datetime import datetime, timedelta

from ossgard.services import Services
from ossgard.spec.entities import Failing
from ossgard.spec.messages import PipelineMessage
from ossgard.spec.settings import MAX_DELAY_SECONDS
from ossgard.times import from_text, to_text

_JOBS = uuid.UUID("5f0c2f5e-5d0b-4f5a-9a51-0f6f1c1d7a3e")


def job_id(scan_id: int, step: int, tries: int = 0) -> str:
    """The id of a message's job: the same each time, so that a queue with memory knows a message sent twice.

    A step that is put off is another job each time, since the one before has not ended while it is sent.
    """
    return str(uuid.uuid5(_JOBS, f"{scan_id}/{step}/{tries}" if tries else f"{scan_id}/{step}"))


async def send_step(
    services: Services,
    scan_id: int,
    step: int,
    phase: str,
    due_at: str,
    batch_id: str | None = None,
    failing: Failing | None = None,
) -> None:
    """Hand a message of the outbox to the queue, or to a poller when it waits for a batch; then mark it sent.

    Stopping between the two sends it twice, which is harmless; the other order could lose it. One that is due after the
    queue's longest delay comes too early, and is put back then.
    """
    now = services.clock.now()
    message = PipelineMessage(type=phase, scan_id=scan_id, step=step)
    if batch_id is not None:
        await services.pollers.start(batch_id, message)
    else:
        id = job_id(scan_id, step, failing.tries if failing else 0)
        await services.queue.enqueue(id, message, delay_until(due_at, now))
    await services.db.mark_step_sent(scan_id, step, to_text(now))


def delay_until(due_at: str, now: datetime) -> int:
    """The whole seconds until a message is due, as far as a queue can delay one."""
    delay = math.ceil((from_text(due_at) - now) / timedelta(seconds=1))
    return min(max(delay, 0), MAX_DELAY_SECONDS)
