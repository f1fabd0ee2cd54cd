"""Phase `verify`: asks the chat model which members of each candidate group are duplicates of each other."""

from dataclasses import dataclass
from functools import partial

from ossgard import writes
from ossgard.concurrency import gather_bounded
from ossgard.entities import PR, CandidateGroup, CandidateInput, Progress, PRState
from ossgard.phases import PHASES
from ossgard.pipeline.answers import ConfirmedGroup, VerifyAnswer, confirmed_groups
from ossgard.pipeline.cursor import number
from ossgard.pipeline.outcome import NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.phases.cluster import CANDIDATE
from ossgard.pipeline.prompts import verify_prompt
from ossgard.providers.chat import ChatModel, UnusableAnswer
from ossgard.providers.factory import Providers
from ossgard.providers.structured import ask
from ossgard.write import Write

SLICE_SIZE = PHASES["verify"].slice_size
# The groups that candidate `n` is split into stand at `n * SPREAD` and behind.
SPREAD = 100

VERIFIED = "verified"


@dataclass(frozen=True)
class Checked:
    """What the model made of one candidate; `error` when its answer was of no use."""

    candidate: CandidateGroup
    groups: list[ConfirmedGroup]
    input_tokens: int
    output_tokens: int
    error: str | None = None


class VerifyPhase:
    """Confirms or splits candidate groups; one whose answer is of no use is recorded and skipped."""

    async def run(self, slice: Slice) -> Outcome:
        """Ask about some groups."""
        position = number(slice.cursor, "position")
        candidates = await slice.services.db.list_candidate_groups(slice.scan_id, CANDIDATE, position, SLICE_SIZE)
        total = number(slice.cursor, "total")
        pulls = await open_pulls(slice, candidates)
        providers = Providers(slice.services, slice.config)
        model = providers.chat_model()
        questions = [partial(_check, slice, model, candidate, pulls) for candidate in candidates]
        checked = await gather_bounded(questions, providers.at_once)
        rows = [row for one in checked for row in _record(slice.scan_id, one)]
        input_tokens = sum(one.input_tokens for one in checked)
        output_tokens = sum(one.output_tokens for one in checked)
        if len(candidates) < SLICE_SIZE:
            return Outcome(NextPhase(), rows, input_tokens, output_tokens)
        last = candidates[-1].position
        progress = Progress(done=min(last, total), total=total, note=None)
        cursor = NextSlice({"position": last, "total": total})
        return Outcome(cursor, rows, input_tokens, output_tokens, progress=progress)


async def open_pulls(slice: Slice, groups: list[CandidateGroup]) -> dict[int, PR]:
    """The members of groups that are still open, by id."""
    ids = sorted({id for group in groups for id in group.pr_ids})
    pulls = await slice.db.get_prs_by_ids(ids) if ids else []
    return {pull.id: pull for pull in pulls if pull.state is PRState.OPEN}


async def _check(slice: Slice, model: ChatModel, candidate: CandidateGroup, pulls: dict[int, PR]) -> Checked:
    members = [pulls[id] for id in candidate.pr_ids if id in pulls]
    if len(members) < 2:
        return Checked(candidate, [], 0, 0)
    prompt = verify_prompt(f"{slice.owner}/{slice.name}", members, model.limits)
    try:
        answered = await ask(model, prompt.system, prompt.user, VerifyAnswer)
    except UnusableAnswer as error:
        return Checked(candidate, [], error.input_tokens, error.output_tokens, str(error))
    groups = confirmed_groups(answered.value, [pull.id for pull in prompt.pulls])
    return Checked(candidate, groups, answered.input_tokens, answered.output_tokens)


def _record(scan_id: int, checked: Checked) -> list[Write]:
    position = checked.candidate.position
    if checked.error is not None:
        return [writes.record_group_error(scan_id, CANDIDATE, position, checked.error)]
    groups = [
        CandidateInput(position=position * SPREAD + place, pr_ids=list(group.pr_ids), label=group.label)
        for place, group in enumerate(checked.groups)
    ]
    return [writes.insert_candidate_groups(scan_id, VERIFIED, groups)] if groups else []
