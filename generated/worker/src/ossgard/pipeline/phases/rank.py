"""Phase `rank`: asks the chat model to score the members of each verified group, and stores the groups."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ossgard.pipeline.answers import RankAnswer, Scored, ranked, unranked
from ossgard.pipeline.batch.chat import batch_groups
from ossgard.pipeline.groups import GroupAnswer, Question, ask_groups, kept, member_ids
from ossgard.pipeline.lineage import GroupOrigin
from ossgard.pipeline.outcome import Fail, NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.phases.verify import VERIFIED
from ossgard.pipeline.prompts import rank_prompt
from ossgard.pipeline.relations import kept_first, related
from ossgard.pipeline.warnings import warning
from ossgard.providers.chat import UnusableAnswer
from ossgard.spec import writes
from ossgard.spec.cursors import RankCursor
from ossgard.spec.entities import Progress, RankedMember, ScanWarning, Verdict, WarningCode
from ossgard.spec.phases import PHASES
from ossgard.write import Write

SLICE_SIZE = PHASES["rank"].slice_size
QUESTION = Question("rank", VERIFIED, rank_prompt, RankAnswer, is_lasting=True)
LEFT_OVER = "The best pull request of this group, #{}, has been merged."


class RankPhase:
    """Ranks groups, best member first; the members of one whose answer is of no use are shown in order of number."""

    async def run(self, slice: Slice[RankCursor]) -> Outcome:
        """Rank some groups, after all of them have been asked about in batches if the account wants that.

        The last slice ends the scan.
        """
        db = slice.db
        position, done = slice.cursor.position, slice.cursor.done
        total = slice.cursor.total or await db.count_candidate_groups(slice.scan_id, VERIFIED)
        step = await batch_groups(slice, QUESTION, total)
        if isinstance(step, Outcome):
            return step
        groups = await db.list_candidate_groups(slice.scan_id, VERIFIED, position, SLICE_SIZE)
        answers = await ask_groups(slice, QUESTION, groups)
        found = [one for one in map(_rank, answers.asked) if one is not None]
        verdicts = await db.list_verdicts_among(sorted(set(member_ids(groups)))) if groups else []
        # An earlier attempt's groups are replaced, not added to.
        rows = [] if position else [writes.delete_dupe_groups_by_scan(slice.scan_id)]
        rows += [_stored(slice, one, verdicts) for one in found]
        rows += kept(slice, [one.asked for one in found if one.error is None])
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

    asked: GroupAnswer[RankAnswer]
    origin: GroupOrigin
    members: Sequence[Scored]
    error: str | None = None


def _rank(asked: GroupAnswer[RankAnswer]) -> _Ranked | None:
    """The members of a group in order; None when it is none any more."""
    origin = GroupOrigin.model_validate(asked.group.notes or {})
    if len(asked.pulls) < 2:
        if not asked.pulls or origin.merged_number is None:
            return None
        return _Ranked(asked, origin, [Scored(asked.pulls[0], 0.0, LEFT_OVER.format(origin.merged_number))])
    error = asked.error
    if asked.answer is not None:
        try:
            return _Ranked(asked, origin, ranked(asked.answer, asked.pulls))
        except UnusableAnswer as unusable:
            error = str(unusable)
    return _Ranked(asked, origin, unranked(asked.pulls), error)


def _stored(slice: Slice[RankCursor], found: _Ranked, verdicts: Sequence[Verdict]) -> Write:
    """The write of a group with what was said of its members."""
    ids = {one.pull.id for one in found.members}
    among = [verdict for verdict in verdicts if ids.issuperset((verdict.pr_id, verdict.other_id))]
    ordered = kept_first(found.members, among)
    origin = found.origin
    members = []
    for rank, one in enumerate(ordered, 1):
        relation = related(one.pull, [other.pull for other in ordered], among, origin)
        members.append(
            RankedMember(
                pr_id=one.pull.id,
                rank=rank,
                score=one.score,
                rationale=one.rationale,
                relationship=relation.relationship,
                confidence=relation.confidence,
                reason=relation.reason,
                is_new=one.pull.id not in origin.known,
            )
        )
    label = found.asked.group.label
    return writes.insert_ranked_group(slice.scan_id, slice.repo_id, label, origin.number, origin.merged_number, members)


def _warnings(groups: Sequence[_Ranked]) -> list[ScanWarning]:
    warnings = []
    failed = [one for one in groups if one.error is not None]
    if failed:
        numbers = [pull.number for one in failed for pull in one.asked.pulls]
        warnings.append(warning(WarningCode.NOT_RANKED, numbers, failed[-1].error, len(failed)))
    ranked = [one.asked for one in groups if one.error is None]
    without_room = [pull.number for one in ranked if one.answer for pull in one.pulls[len(one.shown) :]]
    if without_room:
        warnings.append(warning(WarningCode.NOT_ASKED_ABOUT, without_room))
    return warnings
