"""Phase `ingest`: reads the open pull requests of a repository from GitHub, and notices which have been closed.

Three parts, each in slices: `list` reads the pages of the listing, `read` the files and diffs of what is new or
changed, `close` looks up one by one what is stored as open but was not listed. Pages shift while they are read, so an
open pull request may slip through; the last part finds it, and has it read.

What GitHub does not give of one pull request costs only that one: it is passed over, tried again when the others are
done, and in the end left as it was stored. When GitHub gives nothing at all, the slice is tried again as a whole.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from ossgard.concurrency import gather_bounded
from ossgard.errors import RetryableError
from ossgard.pipeline.outcome import NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.reading import Failed, Reader
from ossgard.pipeline.warnings import warning
from ossgard.providers.github import PAGE_SIZE, Pull, UnreadableEntry
from ossgard.spec import writes
from ossgard.spec.cursors import EmbedCursor, IngestCursor
from ossgard.spec.entities import ListedPR, PRInput, Progress, PRStateChange, ScanWarning, WarningCode
from ossgard.spec.phases import PHASES, RETRIES

SLICE_SIZE = PHASES["ingest"].slice_size
# How long pull requests that could not be read are left alone before each further try.
TRY_AGAIN_SECONDS = (5, 30)
TRYING_AGAIN = "waiting to ask GitHub again for what it did not give"


class IngestPhase:
    """Brings the stored pull requests up to date."""

    async def run(self, slice: Slice[IngestCursor]) -> Outcome:
        """Work on a slice of the part that the cursor names."""
        match slice.cursor.part:
            case "read":
                return await _read(slice)
            case "close":
                return await _close(slice)
            case _:
                return await _list(slice)


async def _list(slice: Slice[IngestCursor]) -> Outcome:
    """Record one page of the listing."""
    page, limit = slice.cursor.page or 1, slice.cursor.max_prs
    github = slice.providers.github()
    listing = await github.list_open_pulls(slice.owner, slice.name, page)
    before = (page - 1) * PAGE_SIZE
    entries = listing.entries[: limit - before] if limit else listing.entries
    pulls = [entry for entry in entries if isinstance(entry, Pull)]
    unreadable = _unreadable(entries, {pull.number for pull in pulls})
    if page == 1 and unreadable and not pulls:
        # There is nothing to go on with, and it will hardly be the pull requests.
        raise RetryableError(unreadable[-1].reason)
    listed = before + len(entries)
    rows = [writes.insert_listed_prs(slice.scan_id, slice.repo_id, slice.cursor.full, _listed(pulls))]
    warnings = []
    if unreadable:
        numbers = [entry.number for entry in unreadable if entry.number is not None]
        rows.append(writes.insert_unreadable_prs(slice.scan_id, numbers))
        warnings.append(warning(WarningCode.PULL_UNREADABLE, numbers, unreadable[-1].reason, len(unreadable)))
    progress = Progress(done=0, total=listed, note="listing pull requests")
    if listing.has_next and not (limit and listed >= limit):
        next = NextSlice(replace(slice.cursor, page=page + 1))
    else:
        next = _part(slice, "read")
    return Outcome(next, rows, progress=progress, pr_count=listed, warnings=warnings)


def _unreadable(entries: Sequence[Pull | UnreadableEntry], readable: set[int]) -> list[UnreadableEntry]:
    """The entries of a page that cannot be read, each once, unless it stands there readably, too."""
    found: dict[int, UnreadableEntry] = {}
    for place, entry in enumerate(entries):
        if isinstance(entry, UnreadableEntry) and entry.number not in readable:
            found[entry.number or -place] = entry
    return list(found.values())


async def _read(slice: Slice[IngestCursor]) -> Outcome:
    """Read the files and diffs of some pull requests that are new or changed."""
    db = slice.db
    after = slice.cursor.after_number
    pending = await db.list_pending_prs(slice.scan_id, slice.repo_id, after, SLICE_SIZE)
    providers = slice.providers
    reader = Reader(slice, providers.github())
    found = await gather_bounded([partial(reader.read, pull) for pull in pending], providers.at_once)
    await reader.check_github(found, reader.read)
    later, lost, without_diff = _sorted(slice, found)
    read = [one for one in found if isinstance(one, PRInput)] + [one.rest for one in without_diff if one.rest]
    gone = [one for one in found if isinstance(one, PRStateChange)]
    if gone:
        # Gone, or the repository is: that ends the scan.
        await reader.github.check_repository(slice.owner, slice.name)
    counts = await db.count_listed_prs(slice.scan_id)
    waiting = {one.number for one in later}
    settled = [pull.number for pull in pending if pull.number not in waiting]
    rows = [
        writes.upsert_prs(slice.repo_id, read),
        writes.close_prs(slice.repo_id, gone),
        writes.mark_prs_read(slice.scan_id, settled),
    ]
    wait, note = _wait(slice, later), None
    if len(pending) == SLICE_SIZE:
        following: NextSlice | NextPhase = _next_slice(slice, pending[-1].number, wait)
    elif wait:
        following, note = _try_again(slice, wait), TRYING_AGAIN
    elif slice.cursor.max_prs or slice.cursor.closed:
        # Part of a listing cannot tell what is missing from it.
        following = _embed(slice)
    else:
        following = _part(slice, "close")
    progress = Progress(done=counts.listed - counts.pending + len(settled), total=counts.listed, note=note)
    return Outcome(
        following,
        rows if pending else [],
        progress=progress,
        pr_count=counts.listed,
        warnings=_warnings(WarningCode.PULL_UNREADABLE, lost) + _warnings(WarningCode.DIFF_UNAVAILABLE, without_diff),
    )


async def _close(slice: Slice[IngestCursor]) -> Outcome:
    """Look up some pull requests that are stored as open but were not listed."""
    db = slice.db
    after, slipped = slice.cursor.after_number, slice.cursor.slipped
    numbers = await db.list_unlisted_prs(slice.scan_id, slice.repo_id, after, SLICE_SIZE)
    providers = slice.providers
    reader = Reader(slice, providers.github())
    found = await gather_bounded([partial(reader.look_up, number) for number in numbers], providers.at_once)
    await reader.check_github(found, lambda pull: reader.look_up(pull.number))
    later, lost, _ = _sorted(slice, found)
    still_open = [one for one in found if isinstance(one, Pull)]
    rows = [
        writes.close_prs(slice.repo_id, [one for one in found if isinstance(one, PRStateChange)]),
        writes.insert_listed_prs(slice.scan_id, slice.repo_id, slice.cursor.full, _listed(still_open)),
    ]
    slipped = slipped or bool(still_open)
    counts = await db.count_listed_prs(slice.scan_id)
    listed = counts.listed + len(still_open)
    wait, note = _wait(slice, later), "looking up closed pull requests"
    if len(numbers) == SLICE_SIZE:
        following: NextSlice | NextPhase = _next_slice(slice, numbers[-1], wait, slipped=slipped)
    elif wait:
        following, note = _try_again(slice, wait, slipped=slipped), TRYING_AGAIN
    elif slipped:
        following = _part(slice, "read", closed=True)
    else:
        following = _embed(slice)
    return Outcome(
        following,
        rows if numbers else [],
        progress=Progress(done=listed, total=listed, note=note),
        pr_count=listed,
        warnings=_warnings(WarningCode.PULL_UNREADABLE, lost),
    )


def _sorted(slice: Slice[IngestCursor], found: Sequence[object]) -> tuple[list[Failed], list[Failed], list[Failed]]:
    """Those that failed: whom to try again later, and of the others those that are lost, and those without a diff."""
    failed = [one for one in found if isinstance(one, Failed)]
    later = [one for one in failed if one.may_pass and slice.cursor.round < len(TRY_AGAIN_SECONDS)]
    settled = [one for one in failed if one not in later]
    return later, [one for one in settled if one.rest is None], [one for one in settled if one.rest is not None]


def _wait(slice: Slice[IngestCursor], later: Sequence[Failed]) -> int:
    """The seconds for which those that failed in this round so far are left alone; 0 when there are none."""
    waits = [slice.cursor.wait]
    for one in later:
        asked = one.error.retry_after if isinstance(one.error, RetryableError) else None
        own = TRY_AGAIN_SECONDS[slice.cursor.round]
        waits.append(max(own, math.ceil(min(asked or 0, RETRIES.asked_seconds))))
    return max(waits)


def _warnings(code: WarningCode, failed: Sequence[Failed]) -> list[ScanWarning]:
    return [warning(code, [one.number for one in failed], str(failed[-1].error))] if failed else []


def _listed(pulls: Sequence[Pull]) -> list[ListedPR]:
    return [
        ListedPR(
            number=pull.number,
            title=pull.title,
            body=pull.body,
            author=pull.author,
            created_at=pull.created_at,
            updated_at=pull.updated_at,
            base_ref=pull.base_ref,
            head_ref=pull.head_ref,
            is_draft=pull.is_draft,
            pushed_at=pull.pushed_at,
        )
        for pull in pulls
    ]


def _embed(slice: Slice[IngestCursor]) -> NextPhase:
    """The phase that follows; a full scan goes on as one."""
    return NextPhase(EmbedCursor(full=slice.cursor.full))


def _part(slice: Slice[IngestCursor], part: str, *, closed: bool = False) -> NextSlice:
    """The first slice of another part; what the user asked for stays in the cursor."""
    asked = slice.cursor
    return NextSlice(IngestCursor(full=asked.full, max_prs=asked.max_prs, closed=closed or asked.closed, part=part))


def _next_slice(slice: Slice[IngestCursor], after_number: int, wait: int, *, slipped: bool = False) -> NextSlice:
    """The next slice of the same part and round; `wait` is for those that are to be tried again after it."""
    return NextSlice(replace(slice.cursor, after_number=after_number, wait=wait, slipped=slipped))


def _try_again(slice: Slice[IngestCursor], wait: int, *, slipped: bool = False) -> NextSlice:
    """The first slice of the same part's next round, after a while."""
    again = replace(slice.cursor, after_number=0, wait=0, round=slice.cursor.round + 1, slipped=slipped)
    return NextSlice(again, wait)
