"""Phase `rank`: asks the chat model to score the members of each verified group, and stores the groups."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ossgard.pipeline.answers import RankAnswer, ranked, unranked
from ossgard.pipeline.batch.chat import ask_in_batches
from ossgard.pipeline.groups import Asked, Question, ask_about
from ossgard.pipeline.outcome import Fail, NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.phases.verify import VERIFIED
from ossgard.pipeline.prompts import rank_prompt
from ossgard.pipeline.warnings import warning
from ossgard.providers.chat import UnusableAnswer
from ossgard.spec import writes
from ossgard.spec.cursors import RankCursor
from ossgard.spec.entities import Progress, RankedMember, ScanWarning, WarningCode
from ossgard.spec.phases import PHASES

SLICE_SIZE = PHASES["rank"].slice_size
QUESTION = Question("rank", VERIFIED, rank_prompt, RankAnswer)


class RankPhase:
    """Ranks groups, best member first; the members of one whose answer is of no use are shown in order of number."""

    async def run(self, slice: Slice[RankCursor]) -> Outcome:
        """Rank some groups, after all of them have been asked about in batches if the account wants that.

        The last slice ends the scan.
        """
        db = slice.services.db
        position, done = slice.cursor.position, slice.cursor.done
        total = slice.cursor.total or await db.count_candidate_groups(slice.scan_id, VERIFIED)
        step = await ask_in_batches(slice, QUESTION, total)
        if isinstance(step, Outcome):
            return step
        groups = await db.list_candidate_groups(slice.scan_id, VERIFIED, position, SLICE_SIZE)
        answers = await ask_about(slice, QUESTION, groups)
        found = [_rank(one) for one in answers.asked if len(one.pulls) > 1]
        # An earlier attempt's groups are replaced, not added to.
        rows = [] if position else [writes.delete_dupe_groups_by_scan(slice.scan_id)]
        rows += [
            writes.insert_ranked_group(slice.scan_id, slice.repo_id, one.asked.group.label, one.members)
            for one in found
        ]
        stored = slice.cursor.stored + len(found)
        progress = None
        if answers.problem is not None:
            next: Fail | NextPhase | NextSlice = Fail(answers.problem)
        elif len(groups) < SLICE_SIZE:
            next = NextPhase()
        else:
            done += len(groups)
            progress = Progress(done=min(done, total), total=total, note=None)
            last = groups[-1].position
            next = NextSlice(
                replace(slice.cursor, position=last, done=done, total=total, stored=stored, works=answers.works)
            )
        return Outcome(
            next,
            rows,
            input_tokens=answers.input_tokens,
            output_tokens=answers.output_tokens,
            progress=progress,
            dupe_group_count=stored,
            warnings=_warnings(found),
        )


@dataclass(frozen=True)
class _Ranked:
    """What was asked about a group, and its members in order; `error` is why that order is nobody's opinion."""

    asked: Asked[RankAnswer]
    members: Sequence[RankedMember]
    error: str | None = None


def _rank(asked: Asked[RankAnswer]) -> _Ranked:
    error = asked.error
    if asked.answer is not None:
        try:
            return _Ranked(asked, ranked(asked.answer, asked.pulls))
        except UnusableAnswer as unusable:
            error = str(unusable)
    return _Ranked(asked, unranked(asked.pulls), error)


def _warnings(groups: Sequence[_Ranked]) -> list[ScanWarning]:
    failed = [one for one in groups if one.error is not None]
    if not failed:
        return []
    numbers = [pull.number for one in failed for pull in one.asked.pulls]
    return [warning(WarningCode.NOT_RANKED, numbers, failed[-1].error, len(failed))]
