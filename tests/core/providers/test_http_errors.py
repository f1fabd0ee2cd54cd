"""Errors of model providers, told apart by what can be done about them."""

import asyncio

import pytest

from ossgard.errors import PermanentError, RetryableError
from ossgard.outgoing import CHAT
from ossgard.ports import HttpResponse
from ossgard.providers.chat import QuestionRefused
from ossgard.providers.http_api import RequestRefused, reason, retry_after
from ossgard.providers.openai import OpenAIChat, openai_api
from tests.core.providers.scripted import CLOCK, ScriptedClient, access, response

KEY = "sk-0123456789abcdef"


def ask(*answers: HttpResponse) -> ScriptedClient:
    client = ScriptedClient(*answers)
    model = OpenAIChat(openai_api(access(client, "https://api.openai.com/v1", "gpt-4o", KEY), CHAT))
    asyncio.run(model.complete("Answer in JSON.", "What?", 100))
    return client


def openai_error(message: str, code: str = "") -> dict[str, object]:
    return {"error": {"message": message, "type": "some_error", "param": None, "code": code or None}}


@pytest.mark.parametrize("status", [408, 409, 425, 500, 502, 503, 504, 520, 529])
def test_a_passing_failure_can_be_tried_again(status: int) -> None:
    with pytest.raises(RetryableError, match="OpenAI model 'gpt-4o' failed: Overloaded") as caught:
        ask(response(status, openai_error("Overloaded."), retry_after="7"))
    assert caught.value.retry_after == 7
    assert not caught.value.rate_limited


def test_a_rate_limit_is_one() -> None:
    with pytest.raises(RetryableError, match="rate limit of OpenAI model 'gpt-4o' is reached: Slow down") as caught:
        ask(response(429, openai_error("Slow down", "rate_limit_exceeded"), retry_after_ms="1500", retry_after="2"))
    assert (caught.value.retry_after, caught.value.rate_limited) == (1.5, True)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (response(401, openai_error(f"Incorrect API key provided: {KEY}")), "llm.api_key.*account's configuration"),
        (response(403, openai_error("Country not supported")), "llm.api_key.*Country not supported"),
        (response(404, openai_error("The model does not exist")), "was not found at .*llm.model and llm.url"),
        (response(429, openai_error("You exceeded your quota", "insufficient_quota")), "plan and billing"),
        (response(402, {"error": {"message": "Payment required"}}), "plan and billing"),
    ],
)
def test_what_only_the_user_can_cure_says_how(answer: HttpResponse, words: str) -> None:
    with pytest.raises(PermanentError, match=words) as caught:
        ask(answer)
    assert "gpt-4o" in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("status", [302, 405, 501])
def test_a_refused_request_is_told_in_the_providers_words(status: int) -> None:
    with pytest.raises(RequestRefused, match=rf"refuses the request: Bad \"seed\" \(status {status}\)"):
        ask(response(status, openai_error('Bad\n "seed"', "invalid_value")))


@pytest.mark.parametrize("status", [400, 422])
def test_what_is_refused_for_no_known_reason_is_one_question(status: int) -> None:
    with pytest.raises(QuestionRefused, match=rf"refuses the request: Bad \"seed\" \(status {status}\)"):
        ask(response(status, openai_error('Bad\n "seed"', "invalid_value")))


@pytest.mark.parametrize(
    "answer",
    [
        response(400, openai_error("Too much", "context_length_exceeded")),
        response(400, openai_error("This model's maximum context length is 8192 tokens")),
        response(400, {"type": "error", "error": {"type": "x", "message": "prompt is too long: 9 tokens > 8 maximum"}}),
        response(413, {"type": "error", "error": {"type": "request_too_large", "message": "Request too large"}}),
    ],
)
def test_a_question_that_is_too_long_is_no_fault_of_the_account(answer: HttpResponse) -> None:
    with pytest.raises(QuestionRefused):
        ask(answer)


def test_a_model_without_temperature_is_asked_without() -> None:
    good = response(200, {"choices": [{"message": {"content": "{}"}}]})
    client = ask(response(400, openai_error("`temperature` is deprecated for this model.")), good)
    assert [content.get("temperature") for _, _, content in client.sent] == [0, None]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[" * 100_000, b"[]", b"null", {}, {"choices": []}, {"choices": [{"message": None}]}],
)
def test_a_malformed_answer_can_be_tried_again(body: object) -> None:
    with pytest.raises(RetryableError, match="OpenAI model 'gpt-4o' sent a malformed answer"):
        ask(response(200, body))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry_after": "30"}, 30),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after": "-3"}, 0),
        ({"retry_after": "inf"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "Mon, 23 Nov 2026 10:02:00 GMT"}, 120),
        ({"retry_after": "Mon, 23 Nov 2026 10:02:00 -0000"}, 120),
        ({"retry_after": "Mon, 23 Nov 2026 09:00:00 GMT"}, 0),
        ({"retry_after_ms": "250", "retry_after": "9"}, 0.25),
        ({"retry_after_ms": "x", "retry_after": "9"}, 9),
    ],
)
def test_the_time_to_wait_comes_in_several_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(response(429, None, **headers), CLOCK) == seconds


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": "Bad credentials", "errors": [{"message": "x"}]}, "Bad credentials"),
        ({"error": "model 'x' not found, try pulling it first"}, "model 'x' not found, try pulling it first"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "Overloaded"),
        ({"success": False, "errors": [{"code": 2009, "message": "Unauthorized"}]}, "Unauthorized"),
        (b"<html>Bad gateway</html>", "no explanation"),
        ({"error": {"message": "x" * 1000}}, "x" * 300),
    ],
)
def test_the_other_sides_words_are_found(body: object, words: str) -> None:
    assert reason(response(500, body)) == words
