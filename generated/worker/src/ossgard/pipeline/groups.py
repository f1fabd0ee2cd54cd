"""Groups of pull requests that a chat model is asked about, a slice at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from pydantic import BaseModel

from ossgard.concurrency import gather_bounded
from ossgard.pipeline.control import ask_control
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.prompts import Prompt
from ossgard.providers.chat import ChatAnswer, ChatLimits, ChatModel, UnusableAnswer
from ossgard.providers.factory import Providers
from ossgard.providers.structured import ask
from ossgard.spec.cursors import RankCursor, VerifyCursor
from ossgard.spec.entities import PR, CandidateGroup

M = TypeVar("M", bound=BaseModel)
# What the phases that ask about groups go by.
GroupsCursor = VerifyCursor | RankCursor


@dataclass(frozen=True)
class Question(Generic[M]):
    """What a phase asks about every group of a stage.

    Args:
        phase: the phase's name.
        stage: which groups it asks about.
        prompt: makes the question about pull requests of a repository (`owner/name`).
        answer_type: what it wants to know.
    """

    phase: str
    stage: str
    prompt: Callable[[str, Sequence[PR], ChatLimits], Prompt]
    answer_type: type[M]


@dataclass(frozen=True)
class Asked(Generic[M]):
    """What a model said about a group.

    `pulls` are the open members, and `shown` those that the question had room for. There is no answer when fewer than
    two members are open, and when the model gave none that is of use: then `error` says why.
    """

    group: CandidateGroup
    pulls: Sequence[PR]
    shown: Sequence[PR] = ()
    answer: M | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    error: str | None = None


@dataclass(frozen=True)
class Answers(Generic[M]):
    """What a model said about a slice of groups, and the tokens that took.

    `works` tells whether the model has answered any question of the scan so far, or at least one of our own; `problem`
    is why the scan fails: not even that one.
    """

    asked: Sequence[Asked[M]]
    works: bool
    problem: str | None
    input_tokens: int
    output_tokens: int


async def ask_about(slice: Slice[GroupsCursor], question: Question[M], groups: Sequence[CandidateGroup]) -> Answers[M]:
    """Ask about groups; what came in a batch already is a first answer.

    The cursor's `works` says what `Answers.works` said in the slice before.
    """
    pulls = await slice.open_pulls(member_ids(groups))
    answers = await _batch_answers(slice, question.phase, groups)
    providers = Providers(slice.services, slice.config)
    model = providers.chat_model()
    questions = [
        partial(_ask, slice, model, question, group, members_of(group, pulls), answers.get(group.position))
        for group in groups
    ]
    asked = await gather_bounded(questions, providers.at_once)
    input_tokens = sum(one.input_tokens for one in asked)
    output_tokens = sum(one.output_tokens for one in asked)
    works = slice.cursor.works or any(one.answer is not None for one in asked)
    if works or all(one.error is None for one in asked):
        return Answers(asked, works, None, input_tokens, output_tokens)
    problem = None
    try:
        control = await ask_control(model)
        input_tokens, output_tokens = input_tokens + control.input_tokens, output_tokens + control.output_tokens
    except UnusableAnswer as error:
        input_tokens, output_tokens = input_tokens + error.input_tokens, output_tokens + error.output_tokens
        problem = (
            f"{model.name} has not given a usable answer to any question: {error}. "
            "Use another llm.model in the account's configuration, then start the scan again"
        )
    return Answers(asked, problem is None, problem, input_tokens, output_tokens)


def member_ids(groups: Iterable[CandidateGroup]) -> Iterator[int]:
    """The members of all groups, open or not."""
    return (id for group in groups for id in group.pr_ids)


def members_of(group: CandidateGroup, pulls: Mapping[int, PR]) -> list[PR]:
    """The members of a group that are still open, in its order."""
    return [pulls[id] for id in group.pr_ids if id in pulls]


async def _ask(
    slice: Slice[GroupsCursor],
    model: ChatModel,
    question: Question[M],
    group: CandidateGroup,
    pulls: Sequence[PR],
    first: ChatAnswer | None,
) -> Asked[M]:
    if len(pulls) < 2:
        return Asked(group, pulls)
    prompt = question.prompt(f"{slice.owner}/{slice.name}", pulls, model.limits)
    try:
        answered = await ask(model, prompt.system, prompt.user, question.answer_type, first)
    except UnusableAnswer as error:
        return Asked(group, pulls, prompt.pulls, None, error.input_tokens, error.output_tokens, str(error))
    return Asked(group, pulls, prompt.pulls, answered.value, answered.input_tokens, answered.output_tokens)


async def _batch_answers(
    slice: Slice[GroupsCursor], phase: str, groups: Sequence[CandidateGroup]
) -> dict[int, ChatAnswer]:
    """What was answered in batches, by position; without batches, nothing."""
    if not groups or slice.cursor.batch is None:
        return {}
    first, last = groups[0].position, groups[-1].position
    stored = await slice.services.db.list_batch_answers(slice.scan_id, phase, first, last)
    return {one.position: ChatAnswer(one.text, one.input_tokens, one.output_tokens, one.problem) for one in stored}
