"""Phase `verify`: asks the chat model which members of each candidate group are duplicates of each other."""

from collections.abc import Sequence
from dataclasses import replace

from ossgard.pipeline.answers import VerifyAnswer, confirmed_groups, equal_diffs
from ossgard.pipeline.batch.chat import ask_in_batches
from ossgard.pipeline.groups import Asked, Question, ask_about
from ossgard.pipeline.outcome import Fail, NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.phases.cluster import CANDIDATE
from ossgard.pipeline.prompts import verify_prompt
from ossgard.pipeline.warnings import warning
from ossgard.spec import writes
from ossgard.spec.cursors import RankCursor, VerifyCursor
from ossgard.spec.entities import CandidateInput, Progress, ScanWarning, WarningCode
from ossgard.spec.phases import PHASES
from ossgard.write import Write

SLICE_SIZE = PHASES["verify"].slice_size
# The groups that candidate `n` is split into stand at `n * SPREAD` and behind.
SPREAD = 100

VERIFIED = "verified"
QUESTION = Question("verify", CANDIDATE, verify_prompt, VerifyAnswer)


class VerifyPhase:
    """Confirms or splits candidate groups; of one whose answer is of no use, those with equal diffs stay together."""

    async def run(self, slice: Slice[VerifyCursor]) -> Outcome:
        """Ask about some groups, after all of them have been asked about in batches if the account wants that."""
        position, total = slice.cursor.position, slice.cursor.total
        step = await ask_in_batches(slice, QUESTION, total)
        if isinstance(step, Outcome):
            return step
        candidates = await slice.services.db.list_candidate_groups(slice.scan_id, CANDIDATE, position, SLICE_SIZE)
        answers = await ask_about(slice, QUESTION, candidates)
        rows = [row for one in answers.asked for row in _record(slice.scan_id, one)]
        progress = None
        if answers.problem is not None:
            next: Fail | NextPhase | NextSlice = Fail(answers.problem)
        elif len(candidates) < SLICE_SIZE:
            next = NextPhase(RankCursor(works=answers.works))
        else:
            last = candidates[-1].position
            progress = Progress(done=min(last, total), total=total, note=None)
            next = NextSlice(replace(slice.cursor, position=last, works=answers.works))
        return Outcome(
            next,
            rows,
            input_tokens=answers.input_tokens,
            output_tokens=answers.output_tokens,
            progress=progress,
            warnings=_warnings(answers.asked),
        )


def _record(scan_id: int, asked: Asked[VerifyAnswer]) -> list[Write]:
    position, rows = asked.group.position, []
    if asked.error is not None:
        rows.append(writes.record_group_error(scan_id, CANDIDATE, position, asked.error))
        confirmed = equal_diffs(asked.pulls)
    elif asked.answer is not None:
        confirmed = confirmed_groups(asked.answer, [pull.id for pull in asked.shown])
    else:
        confirmed = []
    groups = [
        CandidateInput(position=position * SPREAD + place, pr_ids=list(group.pr_ids), label=group.label)
        for place, group in enumerate(confirmed)
    ]
    if groups:
        rows.append(writes.insert_candidate_groups(scan_id, VERIFIED, groups))
    return rows


def _warnings(asked: Sequence[Asked[VerifyAnswer]]) -> list[ScanWarning]:
    warnings = []
    failed = [one for one in asked if one.error is not None]
    if failed:
        numbers = [pull.number for one in failed for pull in one.pulls]
        warnings.append(warning(WarningCode.NOT_VERIFIED, numbers, failed[-1].error, len(failed)))
    without_room = [pull.number for one in asked if one.answer is not None for pull in one.pulls[len(one.shown) :]]
    if without_room:
        warnings.append(warning(WarningCode.NOT_ASKED_ABOUT, without_room))
    return warnings
