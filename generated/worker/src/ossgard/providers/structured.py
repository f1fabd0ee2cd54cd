"""Answers of chat models as data: found in the text, checked against a model, and asked for once more when wrong."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from ossgard import json_text
from ossgard.providers.chat import ChatAnswer, ChatModel, UnusableAnswer
from ossgard.providers.tokens import cut, estimate_tokens
from ossgard.validation import problems

M = TypeVar("M", bound=BaseModel)

# What a model thinks before it answers, as models and their servers mark it. A group has matched where thinking ends.
_THINKING = re.compile(
    r"<(/)?(?:\w{1,20}:)?(?:think|thinking|thoughts?|reason|reasoning|reflection|analysis|scratchpad)(?:\s[^<>]{0,100})?>"
    r"|\[(/)?THINK\]"
    r"|\u25c1(/)?think\u25b7"
    r"|<unused94>|(<unused95>)"
    r"|<\|(?:begin_of_|start_|(end_of_|end_))(?:thought|thinking)\|>"
    r"|<\|channel\|>(?:analysis|commentary|(final))(?:<\|constrain\|>\w{1,20})?<\|message\|>",
    re.IGNORECASE,
)
# Where an object may begin in a text that is more than JSON.
_START = re.compile(r'\{\s*["}]')
# What changes how deep a place in JSON is, and strings, in which nothing does.
_MARKS = re.compile(r'[{}\[\]]|"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
# How much is looked at again in search of objects, in lengths of the text.
_PASSES = 10
# More than 8,192 tokens ever are.
_MAX_ANSWER = 200_000
_MAX_PROBLEMS = 8
_MAX_PROBLEM = 200
# Room for the words around the wrong answer and its problems when a model is asked again.
REPAIR_TOKENS = 1024


@dataclass(frozen=True)
class StructuredAnswer(Generic[M]):
    """A valid answer, and what it took to get it."""

    value: M
    input_tokens: int
    output_tokens: int


class _Wrong(Exception):
    """What is wrong with a text, in words for the model that wrote it."""


async def ask_structured(
    model: ChatModel, system: str, user: str, answer_type: type[M], first: ChatAnswer | None = None
) -> StructuredAnswer[M]:
    """Ask a model for data of a type; a wrong answer is shown to it once, with what is wrong.

    `first` is the first answer where it is at hand, from a batch.

    Raises:
        UnusableAnswer: the second answer is wrong, too, or there can be none.
        RetryableError: the provider cannot answer now.
        PermanentError: the provider does not accept the account's configuration.
    """
    max_tokens = model.limits.answer_tokens
    first = first or await model.complete(system, user, max_tokens)
    try:
        return StructuredAnswer(_read(first, answer_type), first.input_tokens, first.output_tokens)
    except _Wrong as wrong:
        again = repair_question(model, system, user, first.text, str(wrong))
    try:
        second = await model.complete(system, again, max_tokens)
    except UnusableAnswer as error:
        error.input_tokens += first.input_tokens
        error.output_tokens += first.output_tokens
        raise
    input_tokens = first.input_tokens + second.input_tokens
    output_tokens = first.output_tokens + second.output_tokens
    try:
        return StructuredAnswer(_read(second, answer_type), input_tokens, output_tokens)
    except _Wrong as wrong:
        raise UnusableAnswer(
            f"{model.name} did not answer in the form that was asked for, even when asked again: {wrong}",
            input_tokens,
            output_tokens,
        ) from None


def repair_question(model: ChatModel, system: str, user: str, answer: str, problems: str) -> str:
    """The question once more, with as much of the wrong answer as the model's context has room for."""
    limits = model.limits
    taken = estimate_tokens(system) + estimate_tokens(user) + estimate_tokens(problems) + limits.answer_tokens
    # Half of the reserve holds the words below, half of it stays unused, as the sizes are estimates.
    shown = cut(answer, max(0, limits.context_tokens - taken - REPAIR_TOKENS // 2))
    return (
        f"{user}\n\nYour previous answer to this cannot be used.\nThe answer began:\n{shown}\n\n"
        f"What is wrong with it: {problems}\n\n"
        "Answer again, with one JSON object of the form that the instructions describe and nothing else."
    )


def _read(answer: ChatAnswer, answer_type: type[M]) -> M:
    if answer.problem is not None:
        raise _Wrong(answer.problem)
    if len(answer.text) > _MAX_ANSWER:
        raise _Wrong(f"it has more than {_MAX_ANSWER} characters")
    wrong = "there is no JSON object in it"
    for candidate in _objects(answer.text):
        try:
            return answer_type.model_validate(candidate)
        except ValidationError as error:
            wrong = _problems(error)
    raise _Wrong(wrong)


def _objects(text: str) -> Iterator[object]:
    """The JSON objects in a text, without what was thought before it: in time that grows with its length.

    The whole of it, then the contents of code fences, then whatever begins with a brace.
    """
    whole = _decode(text)
    if whole is not None:
        yield whole
    said = _without_thinking(text)
    for fenced in said.split("```")[1::2]:
        # Its first line names the language.
        found = _decode(fenced.partition("\n")[2])
        if found is not None:
            yield found
    yield from _embedded(said)


def _without_thinking(text: str) -> str:
    """What follows the last mark that ends thinking, up to one that begins it anew; or what precedes all of it."""
    first = None
    said_from, said_to = 0, len(text)
    for mark in _THINKING.finditer(text):
        first = first or mark
        if any(mark.groups()):
            said_from, said_to = mark.end(), len(text)
        else:
            said_to = min(said_to, mark.start())
    said = text[said_from:said_to]
    if first is not None and not said.strip() and not any(first.groups()):
        return text[: first.start()]
    return said


def _embedded(text: str) -> Iterator[object]:
    """The objects that begin somewhere in a text; not one inside another, unless that is broken."""
    left = _PASSES * len(text)
    start = _START.search(text)
    while start is not None and left > 0:
        end = _end(text, start.start(), left)
        left -= (end or len(text)) - start.start()
        found = None if end is None else _decode(text[start.start() : end])
        if found is not None:
            yield found
        start = _START.search(text, start.start() + 1 if found is None else end or 0)


def _end(text: str, start: int, most: int) -> int | None:
    """Where the object ends that begins at a place; None when it does not, or later than `most` characters."""
    depth = 0
    for mark in _MARKS.finditer(text, start, start + most):
        if mark[0] in "{[":
            depth += 1
        elif mark[0] in "}]":
            depth -= 1
            if depth == 0:
                return mark.end()
    return None


def _decode(text: str) -> object | None:
    """The JSON object that a text is; None when it is none."""
    try:
        value = json_text.decode(text.strip())
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _problems(error: ValidationError) -> str:
    """What is wrong, field by field, as short as a model needs it and in words that a user may see, too."""
    return "; ".join(problem[:_MAX_PROBLEM] for problem in problems(error)[:_MAX_PROBLEMS])
