"""Sends a phase's questions through a provider's batches: claims, submits, waits, collects, one round after the other.

A round is one batch. Its steps are slices of the phase like any others, and what is under way stands in the scan's
cursor (see `states`), so that each step can be stopped anywhere and done again:

1. claim: a random key is committed;
2. submit: the questions are gathered and sent under the key. An attempt leaves a mark before it sends them, and who
   finds such a mark looks whether the provider has a batch of that key already. The batch's id is committed, and the
   phase waits;
3. collect: what was answered is streamed and stored in pieces, and the next round is claimed if there is more.

What batches leave open, failed items and a question that would be alone in its batch, is left to the ordinary way.
"""

import logging
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from ossgard.cursor import BatchCursor
from ossgard.errors import PermanentError, RetryableError
from ossgard.log import log
from ossgard.pipeline.batch.states import Claimed, Failing, Over, Round, RoundState, Submitted, kept, state_of
from ossgard.pipeline.outcome import NextSlice, Outcome, WaitForBatch
from ossgard.pipeline.phase import Slice
from ossgard.providers.batch.api import BatchApi, BatchItemResult, BatchState, SubmittedBatch
from ossgard.providers.batch.request_file import RequestFile
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

_ENDS = {
    BatchState.FAILED: "failed",
    BatchState.EXPIRED: "expired before it was done",
    BatchState.CANCELLED: "was cancelled at the provider",
}


@dataclass(frozen=True)
class Ordinary:
    """There is nothing to do with batches (any more): the phase asks in the ordinary way."""


@dataclass(frozen=True)
class Collected:
    """What was made of a round's results: rows to write with the outcome, tokens of embeddings, and what came of it.

    `refused` names the options of requests because of which everything failed; `cursor` is the phase's, when storing
    them has changed it.
    """

    answered: int
    failed: int
    writes: Sequence[Write] = ()
    embedding_tokens: int = 0
    refused: Collection[str] = ()
    cursor: BatchCursor | None = None


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

    async def gather(self, file: RequestFile, round: Claimed) -> int | None:
        """Put questions into a file, from the position after `round.after`, as long as they fit.

        The last position that is done with; None when that was the last of all.
        """
        ...

    async def collect(self, results: AsyncIterator[BatchItemResult], round: Submitted) -> Collected | Outcome:
        """Store results in pieces; an outcome when something else has to be done first."""
        ...


async def run_batches(
    slice: Slice[BatchCursor], work: BatchWork, is_wanted: bool, progress: Progress
) -> Outcome | Ordinary:
    """Take the next step with batches, until the rounds are over.

    Args:
        slice: the slice of the phase.
        work: what the phase asks, and does with the answers.
        is_wanted: whether the account still wants batches; else one that is under way is the last.
        progress: how far the phase is.
    """
    match state_of(slice.cursor.batch):
        case None:
            return Outcome(_next_slice(slice, _claim(slice, work.api)), progress=progress)
        case Over():
            return Ordinary()
        case state:
            progress = progress.model_copy(update={"done": min(state.done, progress.total)})
    if state.model != work.api.name:
        batch = state.id if isinstance(state, Submitted) else None
        log(logging.WARNING, "the model was changed while a batch was under way", scan=slice.scan_id, batch=batch)
        return Outcome(_next_slice(slice, _claim(slice, work.api, state)), progress=progress)
    match state:
        case Claimed():
            return await _submit(slice, work, state, is_wanted, progress)
        case Failing():
            raise PermanentError(state.problem)
        case Submitted():
            try:
                return await _continue(slice, work, state, progress)
            except RetryableError as error:
                # A batch of hours is not given up for an outage of minutes: so it counts as a wait that the provider
                # asks for.
                wait = max(error.retry_after or 0, COLLECT_RETRY_SECONDS)
                raise RetryableError(str(error), wait, error.rate_limited) from error


async def _continue(slice: Slice[BatchCursor], work: BatchWork, round: Submitted, progress: Progress) -> Outcome:
    """Go on with a batch that is known to be accepted."""
    status = await work.api.status(round.id)
    if status.state is BatchState.ENDED:
        return await _collect(slice, work, round, "", progress)
    if status.state is BatchState.RUNNING:
        return _wait(slice, round, SubmittedBatch(round.id, status.expires_at), progress)
    if status.token_limit is not None:
        return _make_room(slice, work.api, round, status.token_limit, progress)
    problem = (
        f"Batch {round.id} of {work.api.name} {_ENDS[status.state]}{f': {status.problem}' if status.problem else ''}. "
        "Start the scan again, or turn batch mode off in the account's configuration"
    )
    # What was done in time is paid for: where it outlasts the scan, it is stored before that fails. And whether a batch
    # that was found is ours, only its results tell.
    if round.found or (status.succeeded and work.is_lasting):
        return await _collect(slice, work, round, problem, progress)
    raise PermanentError(problem)


async def _submit(
    slice: Slice[BatchCursor], work: BatchWork, round: Claimed, is_wanted: bool, progress: Progress
) -> Outcome:
    """Have a round's questions accepted by the provider, once."""
    file = work.api.new_file(round.claim, round.tokens_limit)
    until = await work.gather(file, round)
    if file.requests < 2:
        # One question alone is asked in the ordinary way, in the end.
        return Outcome(_next_slice(slice, _next_round(slice, work.api, round, until)), progress=progress)
    accepted = await _accepted(slice, work.api, round, file, is_wanted)
    if isinstance(accepted, Ordinary):
        return Outcome(_next_slice(slice, Over()), progress=progress)
    batch, is_found = accepted
    submitted_at = to_text(slice.services.clock.now())
    submitted = Submitted(
        **round.as_round(), id=batch.id, found=is_found, submitted_at=submitted_at, until=until, tokens=file.tokens
    )
    return _wait(slice, submitted, batch, progress)


async def _accepted(
    slice: Slice[BatchCursor], api: BatchApi, round: Claimed, file: RequestFile, is_wanted: bool
) -> tuple[SubmittedBatch, bool] | Ordinary:
    """Submit a file, unless an earlier attempt has, or it is not wanted any more; the batch, and whether it was found.

    What became of an earlier attempt can be seen at the provider only; and while it may still be under way, not even
    there. An attempt at another step has left no mark here, but the batches that looked like its own.
    """
    db, now = slice.db, slice.services.clock.now()
    is_first = await db.claim_submission(slice.scan_id, slice.step, to_text(now), None)
    if round.foreign or not is_first:
        # Who makes a batch of this size later than our last attempt is somebody else.
        until = from_text(round.tried_at) if is_first and round.tried_at else now
        since = from_text(round.claimed_at)
        found = await api.find(round.claim, since, file.requests, round.foreign, until)
        if found is not None:
            log(logging.WARNING, "found a batch that was not recorded", scan=slice.scan_id, batch=found.id)
            return found, True
    stale_at = to_text(now - LONGEST_SUBMISSION)
    if not is_first and not await db.claim_submission(slice.scan_id, slice.step, to_text(now), stale_at):
        raise RetryableError(f"Another attempt is submitting a batch to {api.name}", LONGEST_SUBMISSION.total_seconds())
    if not is_wanted:
        return Ordinary()
    try:
        return await api.submit(round.claim, file), False
    except (RetryableError, PermanentError) as error:
        if isinstance(error, RetryableError) and not error.rate_limited:
            # The provider may have accepted the batch, or be about to: whoever tries next waits, and looks for it.
            raise RetryableError(str(error), LONGEST_SUBMISSION.total_seconds()) from error
        await db.forget_submission(slice.scan_id, slice.step)
        raise


async def _collect(
    slice: Slice[BatchCursor], work: BatchWork, round: Submitted, problem: str, progress: Progress
) -> Outcome:
    """Store what a batch has given, and go on to the next round; or to failing, when there is a problem with it."""
    async with aclosing(work.api.results(round.claim, round.id)) as results:
        collected = await work.collect(results, round)
    if isinstance(collected, Outcome):
        return collected
    if collected.answered + collected.failed == 0:
        if not round.found:
            # Submitted again, it would only be paid for again.
            raise PermanentError(
                f"Batch {round.id} of {work.api.name} has no result for any request that it was submitted with. "
                "Turn batch mode off in the account's configuration, then start the scan again"
            )
        log(logging.WARNING, "a batch was another's", scan=slice.scan_id, batch=round.id)
        again = replace(
            Claimed(**round.as_round()),
            foreign=(*round.foreign, round.id),
            tried_at=round.tried_at or round.submitted_at,
        )
        return Outcome(_next_slice(slice, again), progress=progress)
    if collected.failed:
        log(logging.WARNING, "items of a batch failed", scan=slice.scan_id, batch=round.id, count=collected.failed)
    round = replace(round, done=round.done + collected.answered)
    state: RoundState
    if problem:
        state = Failing(**round.as_round(), problem=problem)
    elif collected.refused:
        left_out = tuple(sorted({*round.left_out, *collected.refused}))
        state = _claim(slice, work.api, replace(round, left_out=left_out))
    else:
        state = _next_round(slice, work.api, round, round.until)
    next = NextSlice(replace(collected.cursor or slice.cursor, batch=kept(state)))
    return Outcome(next, collected.writes, embedding_tokens=collected.embedding_tokens, progress=progress)


def _make_room(slice: Slice[BatchCursor], api: BatchApi, round: Submitted, limit: int, progress: Progress) -> Outcome:
    """Try again after a provider had too many tokens enqueued: with fewer, or later when others take up its limit."""
    usable = int((limit or round.tokens // 2) * SHARE_OF_TOKEN_LIMIT)
    if round.tokens > usable:
        smaller = _claim(slice, api, replace(round, tokens_limit=usable))
        return Outcome(_next_slice(slice, smaller), progress=progress)
    waits = round.room_waits + 1
    if waits > MAX_ROOM_WAITS:
        raise PermanentError(
            f"Other batches have taken up the token limit of {round.model} for two days. Start the scan again when "
            "they are done, or turn batch mode off in the account's configuration"
        )
    later = _claim(slice, api, replace(round, room_waits=waits, tokens_limit=usable))
    shown = progress.model_copy(update={"note": WAITING_FOR_ROOM})
    return Outcome(_next_slice(slice, later, ROOM_WAIT_SECONDS), progress=shown)


def _wait(slice: Slice[BatchCursor], round: Submitted, batch: SubmittedBatch, progress: Progress) -> Outcome:
    waiting = progress.model_copy(update={"note": WAITING})
    cursor = replace(slice.cursor, batch=kept(round))
    return Outcome(WaitForBatch(cursor, batch.id, batch.expires_at), progress=waiting)


def _next_round(slice: Slice[BatchCursor], api: BatchApi, round: Round, until: int | None) -> RoundState:
    """The round that begins after a position; after the last, the rounds are over."""
    return Over() if until is None else _claim(slice, api, replace(round, after=until))


def _claim(slice: Slice[BatchCursor], api: BatchApi, last: Round | None = None) -> Claimed:
    """A round under a key of its own; it goes on from the one before."""
    fresh = Claimed(
        claim=slice.services.entropy.token(CLAIM_BYTES),
        claimed_at=to_text(slice.services.clock.now()),
        model=api.name,
    )
    if last is None:
        return fresh
    return replace(
        fresh,
        after=last.after,
        done=last.done,
        tokens_limit=last.tokens_limit,
        room_waits=last.room_waits,
        left_out=last.left_out,
    )


def _next_slice(slice: Slice[BatchCursor], state: RoundState, wait_seconds: int = 0) -> NextSlice:
    return NextSlice(replace(slice.cursor, batch=kept(state)), wait_seconds)
