"""Phase `scan`: checks that the repository and the account's services are usable before anything is spent on it.

GitHub tells which repository it is, by an id, and what it is called now. What is tracked under several names, since it
was renamed or transferred, becomes one here; a name that another repository has got since is noticed.
"""

from ossgard.errors import PermanentError
from ossgard.pipeline.outcome import NextPhase, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.providers.github import KnownRepository
from ossgard.spec import writes
from ossgard.spec.cursors import IngestCursor, ScanCursor
from ossgard.spec.entities import RepoIdentity
from ossgard.write import Write


class ScanPhase:
    """Opens the scan."""

    async def run(self, slice: Slice[ScanCursor]) -> Outcome:
        """Pass the scan on when this host can serve the account, and GitHub the repository."""
        github = slice.providers.github()
        found = await github.check_repository(slice.owner, slice.name)
        same = await slice.account_db.list_same_repos(slice.repo_id, found.id, found.owner, found.name)
        ingest = IngestCursor(full=slice.cursor.full, max_prs=slice.cursor.max_prs, page=1)
        return Outcome(NextPhase(ingest), _identify(slice, found, same))


def _identify(slice: Slice[ScanCursor], found: KnownRepository, tracked: list[RepoIdentity]) -> list[Write]:
    """Record what GitHub calls the repository, and merge what is tracked of it under another name.

    Args:
        slice: the slice of the scan phase.
        found: the repository that GitHub knows by the scanned one's name.
        tracked: the scanned one, and those that may be the same: by their id, or by their name.
    """
    known = {one.id: one for one in tracked}
    this = known.pop(slice.repo_id, None)
    if this is None:
        # Deleted just now, and the scan with it.
        return []
    if this.github_id not in (None, found.id):
        raise PermanentError(
            f"{slice.owner}/{slice.name} is another repository on GitHub now (id {found.id}) than the one whose pull "
            f"requests are stored (id {this.github_id}). Delete it here and add it again, or first scan the old one by "
            "its new name"
        )
    # One that has the name, but was another repository when it was scanned last, keeps both until it is scanned again.
    same = [one for one in known.values() if one.github_id in (None, found.id)]
    for one in same:
        if one.active_scan_id is not None:
            raise PermanentError(
                f"{slice.owner}/{slice.name} is the same repository on GitHub as {one.owner}/{one.name}, and scan "
                f"{one.active_scan_id} of that is active. Start the scan again when it has ended"
            )
    # The one that was scanned last under its id has the vectors; of others, the oldest.
    stays = min((this, *same), key=lambda one: (one.github_id is None, one.id))
    merged = [writes.merge_repo(one.id, stays.id) for one in (this, *same) if one.id != stays.id]
    is_free = len(same) == len(known)
    owner, name = (found.owner, found.name) if is_free else (stays.owner, stays.name)
    return [*merged, writes.identify_repo(stays.id, found.id, owner, name)]
