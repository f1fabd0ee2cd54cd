"""The job queue port over `LocalJobQueue`."""

from bun_host.javascript import HostFunctions
from ossgard.spec.messages import PipelineMessage


class BunJobQueue:
    """Implements `JobQueue`; of two jobs with one id, only the first is kept."""

    def __init__(self, host: HostFunctions) -> None:
        self._host = host

    async def enqueue(self, job_id: str, message: PipelineMessage, delay_seconds: int = 0) -> None:
        """Hand a message over for delivery."""
        payload = message.model_dump_json(by_alias=True)
        await self._host.enqueue(job_id, message.type, payload, delay_seconds)
