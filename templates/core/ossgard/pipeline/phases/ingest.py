"""Phase `ingest`: reads the open pull requests of a repository from GitHub, and notices which have been closed.

Three stages, each in slices: `list` reads the pages of the listing, `read` the files and diffs of what is new or
changed, `close` looks up one by one what is stored as open but was not listed. Pages shift while they are read, so an
open pull request may slip through; the last stage finds it, and has it read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from ossgard.concurrency import gather_bounded
from ossgard.model import JsonObject
from ossgard.pipeline.cursor import flag, number
from ossgard.pipeline.outcome import NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.texts import diff_hash
from ossgard.providers.factory import Providers
from ossgard.providers.github import PAGE_SIZE, Diff, GitHub, NotModified, Pull, PullGone
from ossgard.spec import writes
from ossgard.spec.entities import ListedPR, PendingPR, PRInput, Progress, PRState, PRStateChange
from ossgard.spec.phases import PHASES

SLICE_SIZE = PHASES["ingest"].slice_size


class IngestPhase:
    """Brings the stored pull requests up to date."""

    async def run(self, slice: Slice) -> Outcome:
        """Work on a slice of the stage that the cursor names."""
        match slice.cursor.get("stage"):
            case "read":
                return await _read(slice)
            case "close":
                return await _close(slice)
            case _:
                return await _list(slice)


async def _list(slice: Slice) -> Outcome:
    """Record one page of the listing."""
    page, limit = number(slice.cursor, "page", 1), number(slice.cursor, "maxPrs")
    github = Providers(slice.services, slice.config).github()
    listing = await github.list_open_pulls(slice.owner, slice.name, page)
    before = (page - 1) * PAGE_SIZE
    pulls = listing.pulls[: limit - before] if limit else listing.pulls
    listed = before + len(pulls)
    rows = [writes.insert_listed_prs(slice.scan_id, slice.repo_id, flag(slice.cursor, "full"), _listed(pulls))]
    progress = Progress(done=0, total=listed, note="listing pull requests")
    if listing.has_next and not (limit and listed >= limit):
        return Outcome(NextSlice({**slice.cursor, "page": page + 1}), rows, progress=progress, pr_count=listed)
    return Outcome(_stage(slice, "read"), rows, progress=progress, pr_count=listed)


async def _read(slice: Slice) -> Outcome:
    """Read the files and diffs of some pull requests that are new or changed."""
    db = slice.services.db
    after = number(slice.cursor, "afterNumber")
    pending = await db.list_pending_prs(slice.scan_id, slice.repo_id, after, SLICE_SIZE)
    providers = Providers(slice.services, slice.config)
    reader = _Reader(slice, providers.github())
    found = await gather_bounded([partial(reader.read, pull) for pull in pending], providers.at_once)
    if any(isinstance(pull, PRStateChange) for pull in found):
        # Gone, or the repository is: that ends the scan.
        await reader.github.check_repository(slice.owner, slice.name)
    counts = await db.count_listed_prs(slice.scan_id)
    done = counts.listed - counts.pending + len(pending)
    rows = [
        writes.upsert_prs(slice.repo_id, [pull for pull in found if isinstance(pull, PRInput)]),
        writes.close_prs(slice.repo_id, [pull for pull in found if isinstance(pull, PRStateChange)]),
        writes.mark_prs_read(slice.scan_id, [pull.number for pull in pending]),
    ]
    progress = Progress(done=done, total=counts.listed, note=None)
    if len(pending) == SLICE_SIZE:
        following: NextSlice | NextPhase = _stage(slice, "read", afterNumber=pending[-1].number)
    elif number(slice.cursor, "maxPrs") or flag(slice.cursor, "closed"):
        # Part of a listing cannot tell what is missing from it.
        following = _embed(slice)
    else:
        following = _stage(slice, "close")
    return Outcome(following, rows if pending else [], progress=progress, pr_count=counts.listed)


async def _close(slice: Slice) -> Outcome:
    """Look up some pull requests that are stored as open but were not listed."""
    db = slice.services.db
    after, slipped = number(slice.cursor, "afterNumber"), flag(slice.cursor, "slipped")
    numbers = await db.list_unlisted_prs(slice.scan_id, slice.repo_id, after, SLICE_SIZE)
    providers = Providers(slice.services, slice.config)
    reader = _Reader(slice, providers.github())
    found = await gather_bounded([partial(reader.look_up, number) for number in numbers], providers.at_once)
    closed = [pull for pull in found if isinstance(pull, PRStateChange)]
    still_open = [pull for pull in found if isinstance(pull, Pull)]
    rows = [
        writes.close_prs(slice.repo_id, closed),
        writes.insert_listed_prs(slice.scan_id, slice.repo_id, flag(slice.cursor, "full"), _listed(still_open)),
    ]
    slipped = slipped or bool(still_open)
    counts = await db.count_listed_prs(slice.scan_id)
    listed = counts.listed + len(still_open)
    progress = Progress(done=listed, total=listed, note="looking up closed pull requests")
    if len(numbers) == SLICE_SIZE:
        following: NextSlice | NextPhase = _stage(slice, "close", afterNumber=numbers[-1], slipped=slipped)
    elif slipped:
        following = _stage(slice, "read", closed=True)
    else:
        following = _embed(slice)
    return Outcome(following, rows if numbers else [], progress=progress, pr_count=listed)


@dataclass(frozen=True)
class _Reader:
    """Reads single pull requests of a slice's repository."""

    slice: Slice
    github: GitHub

    async def read(self, pull: PendingPR) -> PRInput | PRStateChange:
        """A listed pull request with its files and the hash of its diff."""
        owner, name = self.slice.owner, self.slice.name
        etag = None if flag(self.slice.cursor, "full") else pull.github_etag
        try:
            paths = await self.github.files(owner, name, pull.number)
            diff = await self.github.diff(owner, name, pull.number, etag)
        except PullGone:
            return PRStateChange(number=pull.number, state=PRState.CLOSED)
        if isinstance(diff, NotModified):
            hash, etag = pull.diff_hash, pull.github_etag
        elif isinstance(diff, Diff):
            hash, etag = diff_hash(diff.text), diff.etag
        else:
            hash, etag = None, None
        return PRInput(
            number=pull.number,
            title=pull.title,
            body=pull.body,
            author=pull.author,
            diff_hash=hash,
            file_paths=paths,
            state=PRState.OPEN,
            github_etag=etag,
            created_at=pull.created_at,
            updated_at=pull.updated_at,
        )

    async def look_up(self, number: int) -> Pull | PRStateChange:
        """What became of a pull request; the pull request itself when it is still open."""
        try:
            pull = await self.github.pull(self.slice.owner, self.slice.name, number)
        except PullGone:
            # Gone alone, or with its repository: that ends the scan.
            await self.github.check_repository(self.slice.owner, self.slice.name)
            return PRStateChange(number=number, state=PRState.CLOSED)
        return pull if pull.state is PRState.OPEN else PRStateChange(number=number, state=pull.state)


def _listed(pulls: Sequence[Pull]) -> list[ListedPR]:
    return [
        ListedPR(
            number=pull.number,
            title=pull.title,
            body=pull.body,
            author=pull.author,
            created_at=pull.created_at,
            updated_at=pull.updated_at,
        )
        for pull in pulls
    ]


def _embed(slice: Slice) -> NextPhase:
    """The phase that follows; a full scan goes on as one."""
    return NextPhase({"full": flag(slice.cursor, "full")})


def _stage(slice: Slice, stage: str, **cursor: int | bool) -> NextSlice:
    """The next slice, of this stage; what the user asked for stays in the cursor."""
    asked: JsonObject = {key: slice.cursor[key] for key in ("full", "maxPrs", "closed") if key in slice.cursor}
    return NextSlice({**asked, "stage": stage, **cursor})
