"""Phase `verify`: asks the chat model which members of each candidate group are duplicates of each other."""

from ossgard.pipeline.answers import VerifyAnswer, confirmed_groups
from ossgard.pipeline.batch.chat import ask_in_batches
from ossgard.pipeline.cursor import number
from ossgard.pipeline.groups import Asked, Question, ask_about
from ossgard.pipeline.outcome import NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.phases.cluster import CANDIDATE
from ossgard.pipeline.prompts import verify_prompt
from ossgard.spec import writes
from ossgard.spec.entities import CandidateInput, Progress
from ossgard.spec.phases import PHASES
from ossgard.write import Write

SLICE_SIZE = PHASES["verify"].slice_size
# The groups that candidate `n` is split into stand at `n * SPREAD` and behind.
SPREAD = 100

VERIFIED = "verified"
QUESTION = Question("verify", CANDIDATE, verify_prompt, VerifyAnswer)


class VerifyPhase:
    """Confirms or splits candidate groups; one whose answer is of no use is recorded and skipped."""

    async def run(self, slice: Slice) -> Outcome:
        """Ask about some groups, after all of them have been asked about in batches if the account wants that."""
        position, total = number(slice.cursor, "position"), number(slice.cursor, "total")
        waiting = await ask_in_batches(slice, QUESTION, total)
        if waiting is not None:
            return waiting
        candidates = await slice.services.db.list_candidate_groups(slice.scan_id, CANDIDATE, position, SLICE_SIZE)
        asked = await ask_about(slice, QUESTION, candidates)
        rows = [row for one in asked for row in _record(slice.scan_id, one)]
        input_tokens = sum(one.input_tokens for one in asked)
        output_tokens = sum(one.output_tokens for one in asked)
        if len(candidates) < SLICE_SIZE:
            return Outcome(NextPhase(), rows, input_tokens, output_tokens)
        last = candidates[-1].position
        progress = Progress(done=min(last, total), total=total, note=None)
        cursor = NextSlice({**slice.cursor, "position": last})
        return Outcome(cursor, rows, input_tokens, output_tokens, progress=progress)


def _record(scan_id: int, asked: Asked[VerifyAnswer]) -> list[Write]:
    position = asked.group.position
    if asked.error is not None:
        return [writes.record_group_error(scan_id, CANDIDATE, position, asked.error)]
    if asked.answer is None:
        return []
    confirmed = confirmed_groups(asked.answer, [pull.id for pull in asked.shown])
    groups = [
        CandidateInput(position=position * SPREAD + place, pr_ids=list(group.pr_ids), label=group.label)
        for place, group in enumerate(confirmed)
    ]
    return [writes.insert_candidate_groups(scan_id, VERIFIED, groups)] if groups else []
