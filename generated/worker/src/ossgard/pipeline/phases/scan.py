"""Phase `scan`: checks that the repository and the account's services are usable before anything is spent on it."""

from ossgard.pipeline.outcome import NextPhase, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.providers.factory import Providers


class ScanPhase:
    """Opens the scan."""

    async def run(self, slice: Slice) -> Outcome:
        """Pass the scan on when this host can serve the account, and GitHub the repository."""
        github = Providers(slice.services, slice.config).github()
        await github.check_repository(slice.owner, slice.name)
        return Outcome(NextPhase({**slice.cursor, "page": 1}))
