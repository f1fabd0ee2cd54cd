"""Phase `scan`: checks that the repository and the account's services are usable before anything is spent on it."""

from ossgard import writes
from ossgard.config import unserved
from ossgard.errors import PermanentError
from ossgard.pipeline.outcome import NextPhase, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.providers.github import GitHub


class ScanPhase:
    """Opens the scan."""

    async def run(self, slice: Slice) -> Outcome:
        """Pass the scan on when this host can serve the account, and GitHub the repository."""
        problems = unserved(slice.config, slice.services.host)
        if problems:
            raise PermanentError(
                f"The account's configuration does not fit this host: {'; '.join(problems)}. "
                "Change it with PUT /accounts/me, then start the scan again"
            )
        services = slice.services
        github = GitHub(services.http, services.clock, services.settings.github_api_url, slice.config.github.token)
        await github.check_repository(slice.owner, slice.name)
        # What an earlier scan left behind when it failed is in nobody's way, but takes room.
        return Outcome(NextPhase({**slice.cursor, "page": 1}), [writes.clear_scratch(slice.repo_id)])
