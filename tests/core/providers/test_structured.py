"""Data out of what chat models say: found in any wrapping, checked, and asked for once more."""

import asyncio
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossgard import json_text
from ossgard.outgoing import CHAT
from ossgard.pipeline.answers import VerifyAnswer
from ossgard.providers import structured
from ossgard.providers.chat import ChatAnswer, UnusableAnswer
from ossgard.providers.openai import OpenAIChat, openai_api
from ossgard.providers.structured import ask_structured
from ossgard.providers.tokens import estimate_tokens
from tests.core.providers.scripted import ScriptedClient, access, response

GOOD = json.dumps({"groups": [{"prIds": [1, 2], "label": "Same"}], "unrelated": []}, indent=2)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"  \n{GOOD}\n",
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}\n```",
        f"Here you are:\n\n```json\n{GOOD}\n```\n\nAnything else?",
        f"The answer is {GOOD} and that is all.",
        f'<think>maybe {{1, 2}} or {{"groups": 3}}?</think>{GOOD}',
        f"```python\nprint({{}})\n```\n```json\n{GOOD}\n```",
        f"\ufeff{GOOD}",
    ],
)
def test_the_object_is_found_in_any_wrapping(text: str) -> None:
    client, answered = talk((text, "stop"))
    assert len(client.sent) == 1
    assert answered.value.groups[0].pr_ids == [1, 2]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no JSON object"),
        ("I cannot do that.", "no JSON object"),
        ("[1, 2]", "no JSON object"),
        (GOOD[: len(GOOD) // 2], "no JSON object|groups is required"),
        ("{" * 100_000, "no JSON object"),
        ('{"a":' * 30_000, "no JSON object"),
        (" " * 300_000, "more than 200000 characters"),
        ('{"answer": []}', "groups is required"),
        ('{"groups": [{"label": "x"}]}', r"groups\.0\.prIds is required"),
        ('{"groups": [{"prIds": ["one"]}]}', r"groups\.0\.prIds\.0 must be a whole number"),
    ],
)
def test_what_is_wrong_is_said(text: str, problem: str) -> None:
    _, error = talk((text, "stop"), (text, "stop"))
    assert isinstance(error, UnusableAnswer)
    assert re.search(problem, str(error))


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    _, error = talk((text, "stop"), (text, "stop"))
    assert isinstance(error, UnusableAnswer)


def talk(
    *answers: tuple[str, str], model: str = "gpt-4o", user: str = "Which?", first: ChatAnswer | None = None
) -> tuple[ScriptedClient, object]:
    """Ask a model that gives these answers (text, finish reason), each for 100 + 10 tokens, perhaps after a `first`."""
    client = ScriptedClient(
        *(
            response(
                200,
                {
                    "choices": [{"message": {"content": text}, "finish_reason": finish}],
                    "usage": {"prompt_tokens": 100, "completion_tokens": 10},
                },
            )
            for text, finish in answers
        )
    )
    chat = OpenAIChat(openai_api(access(client, "https://api.openai.com/v1", model, "sk"), CHAT))
    try:
        return client, asyncio.run(ask_structured(chat, "Answer in JSON.", user, VerifyAnswer, first))
    except UnusableAnswer as error:
        return client, error


def test_a_good_answer_is_asked_for_once() -> None:
    client, answered = talk((GOOD, "stop"))
    assert (len(client.sent), answered.input_tokens, answered.output_tokens) == (1, 100, 10)  # type: ignore[attr-defined]
    assert client.sent[0][2]["max_tokens"] == 8192


def test_an_answer_out_of_a_batch_is_not_asked_for() -> None:
    client, answered = talk(first=ChatAnswer(GOOD, 7, 3))
    assert (len(client.sent), answered.input_tokens, answered.output_tokens) == (0, 7, 3)  # type: ignore[attr-defined]


def test_a_wrong_answer_out_of_a_batch_is_repaired_like_any_other() -> None:
    client, answered = talk((GOOD, "stop"), first=ChatAnswer(GOOD, 7, 3, "the answer was cut off"))
    assert (len(client.sent), answered.input_tokens, answered.output_tokens) == (1, 107, 13)  # type: ignore[attr-defined]
    assert "the answer was cut off" in client.sent[0][2]["messages"][1]["content"]


def test_a_wrong_answer_is_shown_with_what_is_wrong_and_both_are_paid() -> None:
    client, answered = talk(('{"groups": 7}', "stop"), (GOOD, "stop"))
    assert (answered.input_tokens, answered.output_tokens) == (200, 20)  # type: ignore[attr-defined]
    first, second = (content["messages"] for _, _, content in client.sent)
    assert second[0] == first[0]
    again = second[1]["content"]
    assert again.startswith("Which?")
    assert '{"groups": 7}' in again
    assert "groups must be a list" in again


def test_two_wrong_answers_are_enough() -> None:
    client, error = talk(("no", "stop"), ("still no", "stop"), (GOOD, "stop"))
    assert isinstance(error, UnusableAnswer)
    assert (len(client.sent), error.input_tokens, error.output_tokens) == (2, 200, 20)
    assert "OpenAI model 'gpt-4o'" in str(error)
    assert "no JSON object" in str(error)


@pytest.mark.parametrize(("finish", "words"), [("length", "too long"), ("content_filter", "content filter")])
def test_an_answer_that_is_not_whole_is_not_believed(finish: str, words: str) -> None:
    client, answered = talk((GOOD, finish), (GOOD, "stop"))
    assert not isinstance(answered, UnusableAnswer)
    assert words in client.sent[1][2]["messages"][1]["content"]


def test_a_repair_fits_the_context_too() -> None:
    # This model holds 8,192 tokens, half of them kept for the answer.
    user = "word " * 1500
    client, _ = talk(("x, " * 10_000, "stop"), (GOOD, "stop"), model="gpt-4", user=user)
    first, again = (content["messages"][1]["content"] for _, _, content in client.sent)
    assert estimate_tokens(first) < estimate_tokens(again) <= 4096
    assert client.sent[1][2]["max_tokens"] == 4096


DRAFT = json.dumps({"groups": [{"prIds": [8, 9], "label": "A draft"}]})


@pytest.mark.parametrize(
    "text",
    [
        f"<think>{DRAFT}</think>\n{GOOD}",
        f"<think>{DRAFT}</think>\nThe answer:\n```json\n{GOOD}\n```",
        f"{DRAFT} is what I thought.</think>{GOOD}",
        f"<think>a <think>{DRAFT}</think> {DRAFT}</think>{GOOD}",
        f"<think>one {DRAFT}</think>two<think>three {DRAFT}</think>{GOOD}",
        f"{GOOD}<think>or rather {DRAFT}",
        f"<thinking>{DRAFT}</thinking>{GOOD}",
        f"<reasoning>{DRAFT}</reasoning>{GOOD}",
        f"<seed:think>{DRAFT}</seed:think>{GOOD}",
        f"[THINK]{DRAFT}[/THINK]{GOOD}",
        f"◁think▷{DRAFT}◁/think▷{GOOD}",
        f"<|begin_of_thought|>{DRAFT}<|end_of_thought|>{GOOD}",
        f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>{GOOD}",
    ],
)
def test_a_draft_is_not_the_answer(text: str) -> None:
    client, answered = talk((text, "stop"))
    assert (len(client.sent), answered.value.groups[0].pr_ids) == (1, [1, 2])  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", [f"<think>{DRAFT}", f"<think>{DRAFT}</think>", f"<think>a</think><think>{DRAFT}"])
def test_a_draft_alone_is_no_answer(text: str) -> None:
    _, error = talk((text, "stop"), (text, "stop"))
    assert isinstance(error, UnusableAnswer)


def test_marks_of_thinking_in_the_answer_itself_do_no_harm() -> None:
    text = json.dumps({"groups": [{"prIds": [1, 2], "label": "Strip <think> and </think> from answers"}]})
    client, _ = talk((text, "stop"))
    assert len(client.sent) == 1


@pytest.mark.parametrize(
    "unit",
    [
        "\n",
        "{",
        "}",
        '{"',
        '{"a":',
        '{"a":[',
        '"',
        "\\",
        "```",
        "```json\n",
        "<think>",
        "</think>",
        "{ ",
        "[",
        "x",
        '{}"{',
    ],
)
@pytest.mark.parametrize("head", ["", "```json", "<think>", '{"groups": ['])
def test_the_search_for_objects_takes_time_that_grows_with_the_text(unit: str, head: str) -> None:
    # What is looked at, in characters: the parser's calls and the scanner's, whose own time is linear in that.
    small, large = (looked_at(head + unit * (size // len(unit))) for size in (20_000, 80_000))
    assert large <= 6 * small


def looked_at(text: str) -> int:
    """How many characters are looked at in search of objects in a text."""
    total = len(text)

    def decode(part: str) -> None:
        nonlocal total
        total += len(part)
        raise ValueError

    def end(part: str, start: int, most: int) -> int | None:
        nonlocal total
        total += min(most, len(part) - start) if (found := find_end(part, start, most)) is None else found - start
        return found

    find_end = structured._end
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "decode", decode)
        patch.setattr(structured, "_end", end)
        assert list(structured._objects(text)) == []
    return total
