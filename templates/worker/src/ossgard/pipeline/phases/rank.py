"""Phase `rank`: asks the chat model to score the members of each verified group, and stores the groups."""

from dataclasses import dataclass
from functools import partial

from ossgard import writes
from ossgard.concurrency import gather_bounded
from ossgard.entities import PR, CandidateGroup, Progress, RankedMember
from ossgard.phases import PHASES
from ossgard.pipeline.answers import RankAnswer, RankedPR, ranked
from ossgard.pipeline.cursor import number
from ossgard.pipeline.outcome import NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.phases.verify import VERIFIED, open_pulls
from ossgard.pipeline.prompts import rank_prompt
from ossgard.providers.chat import ChatModel, UnusableAnswer
from ossgard.providers.factory import Providers
from ossgard.providers.structured import ask
from ossgard.write import Write

SLICE_SIZE = PHASES["rank"].slice_size


@dataclass(frozen=True)
class Scored:
    """What the model made of one group; `error` when its answer was of no use."""

    group: CandidateGroup
    members: list[RankedPR]
    input_tokens: int
    output_tokens: int
    error: str | None = None


class RankPhase:
    """Ranks groups, best member first; one whose answer is of no use is recorded and skipped."""

    async def run(self, slice: Slice) -> Outcome:
        """Rank some groups; the last slice ends the scan."""
        db = slice.services.db
        position, done = number(slice.cursor, "position"), number(slice.cursor, "done")
        groups = await db.list_candidate_groups(slice.scan_id, VERIFIED, position, SLICE_SIZE)
        total = number(slice.cursor, "total") or await db.count_candidate_groups(slice.scan_id, VERIFIED)
        pulls = await open_pulls(slice, groups)
        providers = Providers(slice.services, slice.config)
        model = providers.chat_model()
        questions = [partial(_score, slice, model, group, pulls) for group in groups]
        scored = await gather_bounded(questions, providers.at_once)
        # An earlier attempt's groups are replaced, not added to.
        rows = [] if position else [writes.delete_dupe_groups_by_scan(slice.scan_id)]
        rows += [row for one in scored for row in _record(slice, one)]
        stored = number(slice.cursor, "stored") + sum(1 for one in scored if one.members)
        tokens = sum(one.input_tokens for one in scored), sum(one.output_tokens for one in scored)
        if len(groups) < SLICE_SIZE:
            rows.append(writes.clear_scratch(slice.repo_id))
            return Outcome(NextPhase(), rows, *tokens, dupe_group_count=stored)
        done += len(groups)
        cursor = NextSlice({"position": groups[-1].position, "done": done, "total": total, "stored": stored})
        progress = Progress(done=min(done, total), total=total, note=None)
        return Outcome(cursor, rows, *tokens, progress=progress, dupe_group_count=stored)


async def _score(slice: Slice, model: ChatModel, group: CandidateGroup, pulls: dict[int, PR]) -> Scored:
    members = [pulls[id] for id in group.pr_ids if id in pulls]
    if len(members) < 2:
        return Scored(group, [], 0, 0)
    prompt = rank_prompt(f"{slice.owner}/{slice.name}", members, model.limits)
    try:
        answered = await ask(model, prompt.system, prompt.user, RankAnswer)
    except UnusableAnswer as error:
        return Scored(group, [], error.input_tokens, error.output_tokens, str(error))
    try:
        best_first, error_text = ranked(answered.value, members), None
    except UnusableAnswer as error:
        best_first, error_text = [], str(error)
    return Scored(group, best_first, answered.input_tokens, answered.output_tokens, error_text)


def _record(slice: Slice, scored: Scored) -> list[Write]:
    if scored.error is not None:
        return [writes.record_group_error(slice.scan_id, VERIFIED, scored.group.position, scored.error)]
    if not scored.members:
        return []
    members = [
        RankedMember(pr_id=one.pr_id, rank=one.rank, score=one.score, rationale=one.rationale) for one in scored.members
    ]
    return [writes.insert_ranked_group(slice.scan_id, slice.repo_id, scored.group.label, members)]
