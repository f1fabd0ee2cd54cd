"""Phase `rank`: asks the chat model to score the members of each verified group, and stores the groups."""

from ossgard.pipeline.answers import RankAnswer, ranked
from ossgard.pipeline.batch.chat import ask_in_batches
from ossgard.pipeline.cursor import number
from ossgard.pipeline.groups import Asked, Question, ask_about
from ossgard.pipeline.outcome import NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.phases.verify import VERIFIED
from ossgard.pipeline.prompts import rank_prompt
from ossgard.providers.chat import UnusableAnswer
from ossgard.spec import writes
from ossgard.spec.entities import Progress, RankedMember
from ossgard.spec.phases import PHASES
from ossgard.write import Write

SLICE_SIZE = PHASES["rank"].slice_size
QUESTION = Question("rank", VERIFIED, rank_prompt, RankAnswer)


class RankPhase:
    """Ranks groups, best member first; one whose answer is of no use is recorded and skipped."""

    async def run(self, slice: Slice) -> Outcome:
        """Rank some groups, after all of them have been asked about in batches if the account wants that.

        The last slice ends the scan.
        """
        db = slice.services.db
        position, done = number(slice.cursor, "position"), number(slice.cursor, "done")
        total = number(slice.cursor, "total") or await db.count_candidate_groups(slice.scan_id, VERIFIED)
        waiting = await ask_in_batches(slice, QUESTION, total)
        if waiting is not None:
            return waiting
        groups = await db.list_candidate_groups(slice.scan_id, VERIFIED, position, SLICE_SIZE)
        asked = await ask_about(slice, QUESTION, groups)
        recorded = [_record(slice, one) for one in asked]
        # An earlier attempt's groups are replaced, not added to.
        rows = [] if position else [writes.delete_dupe_groups_by_scan(slice.scan_id)]
        rows += [row for row, _ in recorded if row is not None]
        stored = number(slice.cursor, "stored") + sum(1 for _, is_stored in recorded if is_stored)
        tokens = sum(one.input_tokens for one in asked), sum(one.output_tokens for one in asked)
        if len(groups) < SLICE_SIZE:
            rows.append(writes.clear_scratch(slice.repo_id))
            return Outcome(NextPhase(), rows, *tokens, dupe_group_count=stored)
        done += len(groups)
        cursor = {**slice.cursor, "position": groups[-1].position, "done": done, "total": total, "stored": stored}
        progress = Progress(done=min(done, total), total=total, note=None)
        return Outcome(NextSlice(cursor), rows, *tokens, progress=progress, dupe_group_count=stored)


def _record(slice: Slice, asked: Asked[RankAnswer]) -> tuple[Write | None, bool]:
    """What is written about a group, and whether that is the group itself."""
    error = asked.error
    if asked.answer is not None:
        try:
            members = [
                RankedMember(pr_id=one.pr_id, rank=one.rank, score=one.score, rationale=one.rationale)
                for one in ranked(asked.answer, asked.pulls)
            ]
            return writes.insert_ranked_group(slice.scan_id, slice.repo_id, asked.group.label, members), True
        except UnusableAnswer as unusable:
            error = str(unusable)
    if error is None:
        return None, False
    return writes.record_group_error(slice.scan_id, VERIFIED, asked.group.position, error), False
