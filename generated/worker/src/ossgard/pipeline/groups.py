"""Groups of pull requests that a chat model is asked about, a slice at a time; what is known is not asked again."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from ossgard.concurrency import gather_bounded
from ossgard.pipeline.control import ask_control
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.prompts import Prompt
from ossgard.pipeline.text_cleaning import clean_body
from ossgard.providers.chat import ChatAnswer, ChatLimits, ChatModel, UnusableAnswer
from ossgard.providers.structured import ask_structured
from ossgard.spec import writes
from ossgard.spec.cursors import RankCursor, VerifyCursor
from ossgard.spec.entities import PR, CandidateGroup, GroupAnswerInput
from ossgard.times import to_text
from ossgard.write import Write

M = TypeVar("M", bound=BaseModel)
Pulls = Mapping[int, PR]
# What the phases that ask about groups go by.
GroupsCursor = VerifyCursor | RankCursor


def members_of(group: CandidateGroup, pulls: Pulls) -> list[PR]:
    """The members of a group that are still open, in its order."""
    return [pulls[id] for id in group.pr_ids if id in pulls]


@dataclass(frozen=True)
class Question(Generic[M]):
    """What a phase asks about every group of a kind.

    Args:
        name: the question's name, under which its answers in batches are kept.
        kind: which groups it asks about.
        prompt: makes the question about pull requests of a repository (`owner/name`).
        answer_type: what it wants to know.
        members: whom of a group it asks about.
        is_lasting: whether an answer is kept for later scans, which then do not ask the same again.
    """

    name: str
    kind: str
    prompt: Callable[[str, Sequence[PR], ChatLimits], Prompt]
    answer_type: type[M]
    members: Callable[[CandidateGroup, Pulls], list[PR]] = members_of
    is_lasting: bool = False


@dataclass(frozen=True)
class GroupAnswer(Generic[M]):
    """What a model said about a group.

    `pulls` are the open members, and `shown` those that the question had room for. There is no answer when fewer than
    two members are open, and when the model gave none that is of use: then `error` says why. One that `is_known` was
    given in an earlier scan.
    """

    group: CandidateGroup
    pulls: Sequence[PR]
    shown: Sequence[PR] = ()
    answer: M | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    error: str | None = None
    question_hash: str = ""
    is_known: bool = False


@dataclass(frozen=True)
class Answers(Generic[M]):
    """What a model said about a slice of groups, and the tokens that took.

    `works` tells whether the model has answered any question of the scan so far, or at least one of our own; `problem`
    is why the scan fails: not even that one.
    """

    asked: Sequence[GroupAnswer[M]]
    works: bool
    problem: str | None
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class Asking(Generic[M]):
    """A question about some groups before anybody is asked, all by position.

    `prompts` are missing where fewer than two members are open; `known` are the answers that earlier scans have got.
    """

    pulls: Mapping[int, Sequence[PR]]
    prompts: Mapping[int, Prompt]
    hashes: Mapping[int, str]
    known: Mapping[int, M]


async def prepare_question(
    slice: Slice[GroupsCursor], question: Question[M], groups: Sequence[CandidateGroup], limits: ChatLimits
) -> Asking[M]:
    """Make the prompts about groups, and look for what is known of them already."""
    found = {pull.id: pull for pull in await cleaned(slice, (await slice.open_pulls(member_ids(groups))).values())}
    pulls = {group.position: question.members(group, found) for group in groups}
    repository = f"{slice.owner}/{slice.name}"
    prompts = {
        position: question.prompt(repository, members, limits)
        for position, members in pulls.items()
        if len(members) > 1
    }
    if not question.is_lasting or not prompts:
        return Asking(pulls, prompts, {}, {})
    hashes = {position: prompt.digest(model_key(slice)) for position, prompt in prompts.items()}
    stored = await slice.db.list_group_answers(slice.repo_id, sorted(set(hashes.values())))
    answers = {one.question_hash: one.answer for one in stored}
    known = {}
    for position, hash in hashes.items():
        try:
            known[position] = question.answer_type.model_validate(answers[hash])
        except (KeyError, ValidationError):
            # Never asked, or answered in another form than today's.
            continue
    return Asking(pulls, prompts, hashes, known)


async def ask_groups(slice: Slice[GroupsCursor], question: Question[M], groups: Sequence[CandidateGroup]) -> Answers[M]:
    """Ask about groups; what came in a batch already is a first answer, and what is known needs none.

    The cursor's `works` says what `Answers.works` said in the slice before.
    """
    providers = slice.providers
    model = providers.chat_model()
    asking = await prepare_question(slice, question, groups, model.limits)
    answers = await _batch_answers(slice, question.name, groups)
    questions = [partial(_ask, model, question, asking, group, answers.get(group.position)) for group in groups]
    asked = await gather_bounded(questions, providers.at_once)
    input_tokens = sum(one.input_tokens for one in asked)
    output_tokens = sum(one.output_tokens for one in asked)
    works = slice.cursor.works or any(one.answer is not None and not one.is_known for one in asked)
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


def kept(slice: Slice[GroupsCursor], asked: Iterable[GroupAnswer[M]]) -> list[Write]:
    """The writes that keep answers for later scans, or record that they were of use again."""
    answers = [
        GroupAnswerInput(question_hash=one.question_hash, answer=one.answer.model_dump(mode="json", by_alias=True))
        for one in asked
        if one.answer is not None and one.question_hash
    ]
    if not answers:
        return []
    return [writes.store_group_answers(slice.repo_id, to_text(slice.services.clock.now()), answers)]


async def cleaned(slice: Slice[GroupsCursor], pulls: Iterable[PR]) -> list[PR]:
    """Pull requests as questions tell of them: with what their authors have written themselves."""
    shared = await slice.shared_lines()
    return [pull.model_copy(update={"body": clean_body(pull.body, shared)}) for pull in pulls]


def model_key(slice: Slice[GroupsCursor]) -> str:
    """The account's chat model, as verdicts and answers name it."""
    return f"{slice.config.llm.provider}/{slice.config.llm.model}"


def member_ids(groups: Iterable[CandidateGroup]) -> Iterator[int]:
    """The members of all groups, open or not."""
    return (id for group in groups for id in group.pr_ids)


async def _ask(
    model: ChatModel, question: Question[M], asking: Asking[M], group: CandidateGroup, first: ChatAnswer | None
) -> GroupAnswer[M]:
    position = group.position
    pulls, prompt, hash = asking.pulls[position], asking.prompts.get(position), asking.hashes.get(position, "")
    if prompt is None:
        return GroupAnswer(group, pulls)
    if position in asking.known:
        return GroupAnswer(group, pulls, prompt.pulls, asking.known[position], question_hash=hash, is_known=True)
    try:
        answered = await ask_structured(model, prompt.system, prompt.user, question.answer_type, first)
    except UnusableAnswer as error:
        return GroupAnswer(group, pulls, prompt.pulls, None, error.input_tokens, error.output_tokens, str(error))
    return GroupAnswer(
        group, pulls, prompt.pulls, answered.value, answered.input_tokens, answered.output_tokens, question_hash=hash
    )


async def _batch_answers(
    slice: Slice[GroupsCursor], name: str, groups: Sequence[CandidateGroup]
) -> dict[int, ChatAnswer]:
    """What was answered in batches, by position; without batches, nothing."""
    if not groups or slice.cursor.batch is None:
        return {}
    first, last = groups[0].position, groups[-1].position
    stored = await slice.db.list_batch_answers(slice.scan_id, name, first, last)
    return {one.position: ChatAnswer(one.text, one.input_tokens, one.output_tokens, one.problem) for one in stored}
