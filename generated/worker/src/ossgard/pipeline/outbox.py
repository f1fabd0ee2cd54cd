"""Sending a scan's messages: every message is a row of `scan_steps` first, and stays there unsent until it is sent."""

import math
import uuid
from datetime import timedelta

from ossgard.services import Services
from ossgard.spec.messages import PipelineMessage
from ossgard.spec.settings import MAX_DELAY_SECONDS
from ossgard.times import from_text, to_text

_JOBS = uuid.UUID("5f0c2f5e-5d0b-4f5a-9a51-0f6f1c1d7a3e")


def job_id(scan_id: int, step: int) -> str:
    """The id of a message's job: the same each time, so that a queue with memory knows a message sent twice."""
    return str(uuid.uuid5(_JOBS, f"{scan_id}/{step}"))


async def send_step(
    services: Services, scan_id: int, step: int, phase: str, due_at: str, batch_id: str | None = None
) -> None:
    """Hand a message of the outbox to the queue, or to a poller when it waits for a batch; then mark it sent.

    Stopping between the two sends it twice, which is harmless; the other order could lose it.
    """
    now = services.clock.now()
    message = PipelineMessage(type=phase, scan_id=scan_id, step=step)
    if batch_id is not None:
        await services.batches.start(batch_id, message)
    else:
        delay = math.ceil((from_text(due_at) - now) / timedelta(seconds=1))
        await services.queue.enqueue(job_id(scan_id, step), message, min(max(delay, 0), MAX_DELAY_SECONDS))
    await services.db.mark_step_sent(scan_id, step, to_text(now))
