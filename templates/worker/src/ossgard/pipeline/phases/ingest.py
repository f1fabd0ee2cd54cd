"""Phase `ingest`: reads open pull requests from GitHub. Not built yet."""

from ossgard.errors import PermanentError
from ossgard.pipeline.outcome import Outcome
from ossgard.pipeline.phase import Slice


class IngestPhase:
    """Ends every scan with a message that says why."""

    async def run(self, slice: Slice) -> Outcome:
        """Refuse."""
        raise PermanentError(
            "Reading pull requests (phase 'ingest') is not available yet in this version; "
            "update ossgard and start the scan again"
        )
