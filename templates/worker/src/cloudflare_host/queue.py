"""The job queue over Cloudflare Queues."""

from typing import Any

from ossgard.spec.messages import PipelineMessage
from ossgard.spec.settings import MAX_DELAY_SECONDS


class CloudflareQueue:
    """Implements `JobQueue` over a queue's producer binding.

    Queues do not know a message sent twice by its job id; the runner does, by the message's step.
    """

    def __init__(self, binding: Any) -> None:
        self._binding = binding

    async def enqueue(self, job_id: str, message: PipelineMessage, delay_seconds: int = 0) -> None:
        """Send a message; a delay longer than the platform's longest is cut to that."""
        body = message.model_dump(mode="json", by_alias=True)
        await self._binding.send(body, delaySeconds=min(max(delay_seconds, 0), MAX_DELAY_SECONDS))
