"""Answers of chat models as data: found in the text, checked against a model, and asked for once more when wrong."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from ossgard.providers.chat import ChatAnswer, ChatModel, UnusableAnswer
from ossgard.providers.tokens import cut, estimate_tokens

M = TypeVar("M", bound=BaseModel)

_FENCE = re.compile(r"```[a-zA-Z]*\s*\n(.*?)```", re.DOTALL)
# Where an object may begin in a text that is more than JSON. Further ones are not tried: each costs time.
_MAX_STARTS = 50
_MAX_PROBLEMS = 8
_MAX_PROBLEM = 200
# Room for the words around the wrong answer and its problems when a model is asked again.
REPAIR_TOKENS = 1024

_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Answered(Generic[M]):
    """A valid answer, and what it took to get it."""

    value: M
    input_tokens: int
    output_tokens: int


class _Wrong(Exception):
    """What is wrong with a text, in words for the model that wrote it."""


async def ask(
    model: ChatModel, system: str, user: str, answer_type: type[M], first: ChatAnswer | None = None
) -> Answered[M]:
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
        return Answered(_read(first, answer_type), first.input_tokens, first.output_tokens)
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
        return Answered(_read(second, answer_type), input_tokens, output_tokens)
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
    problems = "there is no JSON object in it"
    for candidate in _objects(answer.text):
        try:
            return answer_type.model_validate(candidate)
        except ValidationError as error:
            problems = _problems(error)
    raise _Wrong(problems)


def _objects(text: str) -> Iterator[object]:
    """The JSON objects in a text: the whole of it, the contents of code fences, or what begins with a brace."""
    for part in (text, *_FENCE.findall(text)):
        found = _decode(part.strip())
        if found is not None:
            yield found[0]
    place = text.find("{")
    for _ in range(_MAX_STARTS):
        if place < 0:
            return
        found = _decode(text[place:])
        end = place + 1
        if found is not None:
            yield found[0]
            end = place + found[1]
        place = text.find("{", end)


def _decode(text: str) -> tuple[object, int] | None:
    """The JSON object that a text begins with, and its length."""
    try:
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return (value, end) if isinstance(value, dict) else None


def _problems(error: ValidationError) -> str:
    """What is wrong, field by field, as short as a model needs it."""
    found = [
        f"{'.'.join(str(part) for part in problem['loc']) or 'the object'}: {problem['msg']}"[:_MAX_PROBLEM]
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return "; ".join(found[:_MAX_PROBLEMS])
