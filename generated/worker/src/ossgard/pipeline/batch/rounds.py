"""Sends a phase's questions through a provider's batches: claims, submits, waits, collects, one round after the other.

A round is one batch. Its steps are slices of the phase like any others, and what is under way stands in the scan's
cursor (`BatchCursor`), so that each step can be stopped anywhere and done again:

1. claim: a random key is committed;
2. submit: the questions are gathered and sent under the key. An attempt leaves a mark before it sends them, and who
   finds such a mark looks whether the provider has a batch of that key already. The batch's id is committed, and the
   phase waits;
3. collect: what was answered is streamed and stored in pieces, and the next round is claimed if there is more.

What batches leave open, failed items and a question that would be alone in its batch, is left to the ordinary way.
"""

import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from ossgard.errors import PermanentError, RetryableError
from ossgard.log import log
from ossgard.model import CamelModel, JsonObject
from ossgard.pipeline.outcome import NextSlice, Outcome, WaitForBatch
from ossgard.pipeline.phase import Slice
from ossgard.providers.batch.api import BatchApi, BatchResult, BatchState, RequestFile, SubmittedBatch
from ossgard.spec.entities import Progress
from ossgard.times import from_text, to_text
from ossgard.write import Write

WAITING = "waiting for provider batch"
WAITING_FOR_ROOM = "waiting for room in the provider's batch queue"

CLAIM_BYTES = 8
# How much of a token limit is used, since tokens are estimated.
SHARE_OF_TOKEN_LIMIT = 0.9
# How long to wait, and how often, when other batches of the account take up the provider's limit: two days in all.
ROOM_WAIT_SECONDS = 600
MAX_ROOM_WAITS = 288
# After this long, an attempt to submit is over: uploading and creating have three minutes each.
LONGEST_SUBMISSION = timedelta(minutes=7)
# How long to wait, at least, before the results of a batch are asked for again.
COLLECT_RETRY_SECONDS = 120

_UNSUBMITTED = {"id": None, "found": False, "submitted_at": None, "until": None, "tokens": 0}
_ENDS = {
    BatchState.FAILED: "failed",
    BatchState.EXPIRED: "expired before it was done",
    BatchState.CANCELLED: "was cancelled at the provider",
}


class BatchCursor(CamelModel):
    """How far a phase is with its batches.

    `claim` is the key of the present round, empty when the rounds are over; `id` its batch, once that is known to be
    accepted. `after` is the position after which the round begins, `until` its last one; None: it holds all the rest.
    """

    claim: str
    claimed_at: str
    # Provider and model that the round is for.
    model: str = ""
    after: int = 0
    # How many items have come back in the rounds so far.
    done: int = 0
    # Lowered when the provider names a limit.
    tokens_limit: int | None = None
    room_waits: int = 0
    # What requests leave out, since the model has refused it.
    left_out: tuple[str, ...] = ()
    # Batches that looked like ours, and were not.
    foreign: tuple[str, ...] = ()
    # By when our own was submitted at the latest, if it was, and one of those was taken for it.
    tried_at: str | None = None
    id: str | None = None
    # Whether the batch was found at the provider, so that it may be another's.
    found: bool = False
    submitted_at: str | None = None
    until: int | None = None
    tokens: int = 0
    # Why the scan is about to fail, now that the results that there are have been stored.
    problem: str = ""


@dataclass(frozen=True)
class Collected:
    """What was made of a round's results: rows to write with the outcome, tokens of embeddings, and what came of it.

    `refused` names the options of requests because of which everything failed; `keys` go into the phase's cursor.
    """

    answered: int
    failed: int
    writes: Sequence[Write] = ()
    embedding_tokens: int = 0
    refused: Collection[str] = ()
    keys: Mapping[str, str] = field(default_factory=dict)


class BatchWork(Protocol):
    """What a phase does with batches."""

    @property
    def api(self) -> BatchApi:
        """The batches of the phase's provider."""
        ...

    @property
    def is_lasting(self) -> bool:
        """Whether what is collected is of use to later scans, too."""
        ...

    async def gather(self, file: RequestFile, cursor: BatchCursor) -> int | None:
        """Put questions into a file, from the position after `cursor.after`, as long as they fit.

        The last position that is done with; None when that was the last of all.
        """
        ...

    async def collect(self, results: AsyncIterator[BatchResult], cursor: BatchCursor) -> Collected | Outcome:
        """Store results in pieces; an outcome when something else has to be done first."""
        ...


async def run_batches(slice: Slice, work: BatchWork, is_wanted: bool, progress: Progress) -> Outcome | None:
    """Take the next step with batches; None when the rounds are over.

    Args:
        slice: the slice of the phase; its cursor holds the `BatchCursor` as `batch`, if there is one yet.
        work: what the phase asks, and does with the answers.
        is_wanted: whether the account still wants batches; else one that is under way is the last.
        progress: how far the phase is.
    """
    cursor = batch_cursor(slice.cursor)
    if cursor is None:
        return Outcome(_claim(slice, BatchCursor(claim="", claimed_at=""), work.api), progress=progress)
    if not cursor.claim:
        return None
    progress = progress.model_copy(update={"done": min(cursor.done, progress.total)})
    if cursor.model != work.api.name:
        log(logging.WARNING, "the model was changed while a batch was under way", scan=slice.scan_id, batch=cursor.id)
        return Outcome(_claim(slice, cursor, work.api), progress=progress)
    if cursor.id is None:
        return await _submit(slice, work, cursor, is_wanted, progress)
    if cursor.problem:
        raise PermanentError(cursor.problem)
    try:
        return await _continue(slice, work, cursor, cursor.id, progress)
    except RetryableError as error:
        # A batch of hours is not given up for an outage of minutes: so it counts as a wait that the provider asks for.
        wait = max(error.retry_after or 0, COLLECT_RETRY_SECONDS)
        raise RetryableError(str(error), wait, error.rate_limited) from error


async def _continue(slice: Slice, work: BatchWork, cursor: BatchCursor, id: str, progress: Progress) -> Outcome:
    """Go on with a batch that is known to be accepted."""
    status = await work.api.status(id)
    if status.state is BatchState.ENDED:
        return await _collect(slice, work, cursor, id, "", progress)
    if status.state is BatchState.RUNNING:
        return _wait(slice, cursor, SubmittedBatch(id, status.expires_at), progress)
    if status.token_limit is not None:
        return _make_room(slice, work.api, cursor, status.token_limit, progress)
    problem = (
        f"Batch {id} of {work.api.name} {_ENDS[status.state]}{f': {status.problem}' if status.problem else ''}. "
        "Start the scan again, or turn batch mode off in the account's configuration"
    )
    # What was done in time is paid for: where it outlasts the scan, it is stored before that fails. And whether a batch
    # that was found is ours, only its results tell.
    if cursor.found or (status.succeeded and work.is_lasting):
        return await _collect(slice, work, cursor, id, problem, progress)
    raise PermanentError(problem)


def batch_cursor(cursor: JsonObject) -> BatchCursor | None:
    """How far a phase is with its batches, by its cursor; None when it has not begun any."""
    value = cursor.get("batch")
    return None if value is None else BatchCursor.model_validate(value)


def stored(cursor: BatchCursor) -> JsonObject:
    """How far a phase is with its batches, as its cursor holds it."""
    return cursor.model_dump(mode="json", by_alias=True, exclude_defaults=True)


async def _submit(slice: Slice, work: BatchWork, cursor: BatchCursor, is_wanted: bool, progress: Progress) -> Outcome:
    """Have a round's questions accepted by the provider, once."""
    file = work.api.new_file(cursor.claim, cursor.tokens_limit)
    until = await work.gather(file, cursor)
    if file.requests < 2:
        # One question alone is asked in the ordinary way, in the end.
        return Outcome(_next_round(slice, work.api, cursor, until), progress=progress)
    accepted = await _accepted(slice, work.api, cursor, file, is_wanted)
    if accepted is None:
        return Outcome(_next_round(slice, work.api, cursor, None), progress=progress)
    batch, is_found = accepted
    submitted = {
        "id": batch.id,
        "found": is_found,
        "submitted_at": to_text(slice.services.clock.now()),
        "until": until,
        "tokens": file.tokens,
    }
    return _wait(slice, cursor.model_copy(update=submitted), batch, progress)


async def _accepted(
    slice: Slice, api: BatchApi, cursor: BatchCursor, file: RequestFile, is_wanted: bool
) -> tuple[SubmittedBatch, bool] | None:
    """Submit a file, unless an earlier attempt has; the batch, and whether it was found; None when it is not wanted.

    What became of an earlier attempt can be seen at the provider only; and while it may still be under way, not even
    there. An attempt at another step has left no mark here, but the batches that looked like its own.
    """
    db, now = slice.services.db, slice.services.clock.now()
    is_first = await db.claim_submission(slice.scan_id, slice.step, to_text(now), None)
    if cursor.foreign or not is_first:
        # Who makes a batch of this size later than our last attempt is somebody else.
        until = from_text(cursor.tried_at) if is_first and cursor.tried_at else now
        since = from_text(cursor.claimed_at)
        found = await api.find(cursor.claim, since, file.requests, cursor.foreign, until)
        if found is not None:
            log(logging.WARNING, "found a batch that was not recorded", scan=slice.scan_id, batch=found.id)
            return found, True
    stale_at = to_text(now - LONGEST_SUBMISSION)
    if not is_first and not await db.claim_submission(slice.scan_id, slice.step, to_text(now), stale_at):
        raise RetryableError(f"Another attempt is submitting a batch to {api.name}", LONGEST_SUBMISSION.total_seconds())
    if not is_wanted:
        return None
    try:
        return await api.submit(cursor.claim, file), False
    except (RetryableError, PermanentError) as error:
        if isinstance(error, RetryableError) and not error.rate_limited:
            # The provider may have accepted the batch, or be about to: whoever tries next waits, and looks for it.
            raise RetryableError(str(error), LONGEST_SUBMISSION.total_seconds()) from error
        await db.forget_submission(slice.scan_id, slice.step)
        raise


async def _collect(
    slice: Slice, work: BatchWork, cursor: BatchCursor, id: str, problem: str, progress: Progress
) -> Outcome:
    """Store what a batch has given, and go on to the next round; or to failing, when there is a problem with it."""
    async with aclosing(work.api.results(cursor.claim, id)) as results:
        collected = await work.collect(results, cursor)
    if isinstance(collected, Outcome):
        return collected
    if collected.answered + collected.failed == 0:
        if not cursor.found:
            # Submitted again, it would only be paid for again.
            raise PermanentError(
                f"Batch {id} of {work.api.name} has no result for any request that it was submitted with. "
                "Turn batch mode off in the account's configuration, then start the scan again"
            )
        log(logging.WARNING, "a batch was another's", scan=slice.scan_id, batch=id)
        tried = {"foreign": (*cursor.foreign, id), "tried_at": cursor.tried_at or cursor.submitted_at}
        again = cursor.model_copy(update={**_UNSUBMITTED, **tried})
        return Outcome(_go_on(slice, again), progress=progress)
    if collected.failed:
        log(logging.WARNING, "items of a batch failed", scan=slice.scan_id, batch=id, count=collected.failed)
    cursor = cursor.model_copy(update={"done": cursor.done + collected.answered})
    if problem:
        next = _go_on(slice, cursor.model_copy(update={"problem": problem}))
    elif collected.refused:
        left_out = tuple(sorted({*cursor.left_out, *collected.refused}))
        next = _claim(slice, cursor.model_copy(update={"left_out": left_out}), work.api)
    else:
        next = _next_round(slice, work.api, cursor, cursor.until)
    next.cursor.update(collected.keys)
    return Outcome(next, collected.writes, embedding_tokens=collected.embedding_tokens, progress=progress)


def _make_room(slice: Slice, api: BatchApi, cursor: BatchCursor, limit: int, progress: Progress) -> Outcome:
    """Try again after a provider had too many tokens enqueued: with fewer, or later when others take up its limit."""
    usable = int((limit or cursor.tokens // 2) * SHARE_OF_TOKEN_LIMIT)
    if cursor.tokens > usable:
        return Outcome(_claim(slice, cursor.model_copy(update={"tokens_limit": usable}), api), progress=progress)
    waits = cursor.room_waits + 1
    if waits > MAX_ROOM_WAITS:
        raise PermanentError(
            f"Other batches have taken up the token limit of {cursor.model} for two days. Start the scan again when "
            "they are done, or turn batch mode off in the account's configuration"
        )
    next = _claim(slice, cursor.model_copy(update={"room_waits": waits, "tokens_limit": usable}), api)
    shown = progress.model_copy(update={"note": WAITING_FOR_ROOM})
    return Outcome(NextSlice(next.cursor, ROOM_WAIT_SECONDS), progress=shown)


def _wait(slice: Slice, cursor: BatchCursor, batch: SubmittedBatch, progress: Progress) -> Outcome:
    waiting = progress.model_copy(update={"note": WAITING})
    return Outcome(WaitForBatch(_go_on(slice, cursor).cursor, batch.id, batch.expires_at), progress=waiting)


def _next_round(slice: Slice, api: BatchApi, cursor: BatchCursor, until: int | None) -> NextSlice:
    """Claim the round that begins after a position; after the last, the rounds are over."""
    if until is None:
        return _go_on(slice, BatchCursor(claim="", claimed_at=""))
    return _claim(slice, cursor.model_copy(update={"after": until}), api)


def _claim(slice: Slice, cursor: BatchCursor, api: BatchApi) -> NextSlice:
    """Begin a round under a key of its own."""
    fresh = {
        **_UNSUBMITTED,
        "claim": slice.services.entropy.token(CLAIM_BYTES),
        "claimed_at": to_text(slice.services.clock.now()),
        "model": api.name,
        "foreign": (),
        "tried_at": None,
    }
    return _go_on(slice, cursor.model_copy(update=fresh))


def _go_on(slice: Slice, cursor: BatchCursor) -> NextSlice:
    return NextSlice({**slice.cursor, "batch": stored(cursor)})
