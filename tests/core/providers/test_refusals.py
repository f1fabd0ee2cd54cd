"""What servers refuse of a request, in all the words that they have for it, and what is done about that."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ossgard.errors import PermanentError, RetryableError
from ossgard.outgoing import CHAT, EMBEDDING, LOCAL_CHAT, LOCAL_EMBEDDING
from ossgard.ports import HttpResponse
from ossgard.providers.anthropic import AnthropicChat, anthropic_api
from ossgard.providers.chat import QuestionRefused, chat_limits, count
from ossgard.providers.gateway import gateway_url
from ossgard.providers.ollama import OllamaChat, OllamaEmbeddings, ollama_api
from ossgard.providers.openai import OpenAIChat, OpenAIEmbeddings, openai_api
from ossgard.refusals import KnownRefusals
from ossgard.spec.models import AiGatewayConfig
from tests.core.providers.scripted import ScriptedClient, access, response

GOOD = response(200, {"choices": [{"message": {"content": "{}"}}]})
CLAUDE = response(200, {"content": [{"type": "text", "text": "{}"}], "stop_reason": "end_turn"})
LLAMA = response(200, {"message": {"content": "{}"}})
VECTOR = response(200, {"data": [{"index": 0, "embedding": [1.0, 0.0]}]})


def openai(client: ScriptedClient, refusals: KnownRefusals | None = None, model: str = "some-model") -> OpenAIChat:
    asked = access(client, "https://llm.example/v1?api-version=7", model, "sk-1", refusals)
    return OpenAIChat(openai_api(asked, CHAT))


def anthropic(client: ScriptedClient, url: str = "https://a.example", model: str = "claude-x") -> AnthropicChat:
    return AnthropicChat(anthropic_api(access(client, url, model, "k")))


def ollama(client: ScriptedClient, url: str = "http://a.example", context_tokens: int | None = None) -> OllamaChat:
    return OllamaChat(ollama_api(access(client, url, "llama"), LOCAL_CHAT), context_tokens)


def ask(*answers: HttpResponse) -> ScriptedClient:
    client = ScriptedClient(*answers)
    asyncio.run(openai(client).complete("Answer in JSON.", "What?", 100))
    return client


def sent(client: ScriptedClient) -> list[Any]:
    return [content for _, _, content in client.sent]


def error(message: str, code: str | int | None = None, **more: object) -> dict[str, object]:
    return {"error": {"message": message, "code": code, **more}}


@pytest.mark.parametrize(
    ("status", "body", "without"),
    [
        (400, error("'response_format' of type 'json_object' is not supported with this model."), {"response_format"}),
        (400, error("Unsupported value", "unsupported_value", param="response_format.type"), {"response_format"}),
        (400, error("This model does not support JSON mode"), {"response_format"}),
        (422, {"detail": [{"loc": ["body", "response_format"], "msg": "nope"}]}, {"response_format"}),
        (422, {"message": "Unprocessable", "fields": {"temperature": "unknown"}}, {"temperature"}),
        (400, error("Use 'max_completion_tokens' instead", param="max_tokens"), {"max_tokens"}),
        (400, {"detail": "Extra inputs are not permitted"}, {"response_format", "temperature", "max_tokens"}),
        (404, error("No endpoints found that can handle the requested parameters."), {"temperature", "max_tokens"}),
        (500, error("json_object is not supported by this backend"), {"response_format"}),
        (501, error("temperature is not implemented"), {"temperature"}),
        (400, b"temperature and response_format: no", {"response_format", "temperature"}),
    ],
)
def test_a_refused_option_is_left_out(status: int, body: object, without: set[str]) -> None:
    first, second = sent(ask(response(status, body), GOOD))
    assert without <= first.keys()
    assert not without & second.keys()


def test_each_option_can_be_refused_in_turn() -> None:
    client = ask(
        response(400, error("no response_format")),
        response(400, error("no temperature")),
        response(400, error("no max_tokens")),
        response(400, error("no max_completion_tokens")),
        GOOD,
    )
    assert sent(client)[-1].keys() == {"model", "messages"}


def test_what_a_model_refuses_is_remembered_for_it_and_for_no_other() -> None:
    refusals = KnownRefusals()
    client = ScriptedClient(response(400, error("no temperature")), GOOD, GOOD, GOOD)
    for model in ("one", "one", "two"):
        asyncio.run(openai(client, refusals, model).complete("s", "u", 9))
    assert ["temperature" in content for content in sent(client)] == [True, False, False, True]
    assert "temperature" not in openai(client, refusals, "one").body("s", "u", 9)
    assert "temperature" in openai(client, refusals, "two").body("s", "u", 9)


def test_what_was_not_the_reason_is_not_remembered() -> None:
    refusals = KnownRefusals()
    refused = response(400, error("The temperature of this prompt violates our usage policies", "invalid_prompt"))
    client = ScriptedClient(refused, refused, GOOD)
    with pytest.raises(QuestionRefused):
        asyncio.run(openai(client, refusals).complete("s", "u", 9))
    asyncio.run(openai(client, refusals).complete("s", "u", 9))
    assert "temperature" in sent(client)[-1]


def test_as_many_models_are_remembered_as_there_is_room_for() -> None:
    refusals = KnownRefusals()
    for number in range(1001):
        refusals.add("server", str(number), {"temperature"})
    assert refusals.of("server", "0") == frozenset()
    assert refusals.of("server", "1000") == {"temperature"}


def test_options_of_the_other_providers_are_treated_alike() -> None:
    client = ScriptedClient(
        response(400, error("system.0.cache_control: Extra inputs are not permitted")),
        response(400, error("`temperature` is deprecated for this model.")),
        CLAUDE,
    )
    asyncio.run(anthropic(client).complete("s", "u", 9))
    assert [content["system"] for content in sent(client)][1:] == ["s", "s"]
    assert [content.get("temperature") for content in sent(client)] == [0, 0, None]

    client = ScriptedClient(
        response(400, {"error": "invalid option: num_ctx"}), response(400, {"error": "no format"}), LLAMA
    )
    asyncio.run(ollama(client).complete("s", "u", 9))
    assert sent(client)[-1]["options"] == {"temperature": 0, "num_predict": 9}
    assert ["format" in content for content in sent(client)] == [True, True, False]

    client = ScriptedClient(response(400, {"error": "unknown field truncate"}), response(200, {"embeddings": [[1.0]]}))
    asyncio.run(OllamaEmbeddings(ollama_api(access(client, "http://a.example", "m"), LOCAL_EMBEDDING)).embed(["text"]))
    assert ["truncate" in content for content in sent(client)] == [True, False]

    client = ScriptedClient(
        response(400, error("encoding_format must be float")), response(422, error("x", param="dimensions")), VECTOR
    )
    api = openai_api(access(client, "http://a.example", "text-embedding-3-small", "k"), EMBEDDING)
    asyncio.run(OpenAIEmbeddings(api, dimensions=2).embed(["text"]))
    assert sent(client)[-1].keys() == {"model", "input"}


TOO_LONG: Mapping[str, tuple[int, Any]] = {
    "OpenAI": (400, error("This model's maximum context length is 8192 tokens.", "context_length_exceeded")),
    "OpenAI's text": (400, error("Invalid 'messages[1].content': string too long.", "string_above_max_length")),
    "OpenAI's newer": (400, error("Input tokens exceed the configured limit of 272000 tokens.")),
    "OpenAI's limit": (429, error("Request too large for gpt-4o on tokens per min (TPM)", "rate_limit_exceeded")),
    "Anthropic": (
        400,
        {"type": "error", "error": {"type": "x", "message": "prompt is too long: 9 tokens > 8 maximum"}},
    ),
    "Anthropic's sum": (400, error("input length and `max_tokens` exceed context limit: 9 + 9 > 10")),
    "Anthropic's bytes": (413, {"error": {"type": "request_too_large", "message": "Request exceeds the maximum size"}}),
    "vLLM": (
        400,
        {"object": "error", "message": "This model's maximum context length is 4096 tokens. You requested 5000"},
    ),
    "vLLM's newer": (400, error("The decoder prompt (length 5000) is longer than the maximum model length of 4096.")),
    "llama.cpp": (400, error("the request exceeds the available context size", type="exceed_context_size_error")),
    "llama.cpp's older": (
        500,
        error("the request exceeds the available context size. try increasing the context size"),
    ),
    "Ollama": (400, {"error": "the input length exceeds the context length"}),
    "LM Studio": (
        400,
        {"error": "The number of tokens to keep from the initial prompt is greater than the context length"},
    ),
    "OpenRouter": (
        400,
        error("This endpoint's maximum context length is 131072 tokens. However, you requested about 2"),
    ),
    "Gemini": (400, [error("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).")]),
    "Mistral": (
        400,
        {"message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context length"},
    ),
    "Groq": (413, error("Request too large for model `x` on tokens per minute", "rate_limit_exceeded")),
    "Groq's context": (
        400,
        error("Please reduce the length of the messages or completion.", "context_length_exceeded"),
    ),
    "xAI": (
        400,
        {"code": "x", "error": "This model's maximum prompt length is 131072 but the request contains 537812"},
    ),
    "Qwen": (400, error("Range of input length should be [1, 30720]")),
    "Zhipu": (400, error("Prompt exceeds max length", "1261")),
    "Bedrock": (400, {"message": "Input is too long for requested model."}),
    "TGI": (422, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097."}),
    "nginx": (413, b"<html>413 Request Entity Too Large</html>"),
}
UNWANTED: Mapping[str, tuple[int, Any]] = {
    "OpenAI": (
        400,
        error("Invalid prompt: your prompt was flagged as potentially violating our usage policy.", "invalid_prompt"),
    ),
    "Azure": (
        400,
        error("The response was filtered due to the prompt triggering content management policy", "content_filter"),
    ),
    "OpenRouter": (
        403,
        error("Your chosen model requires moderation and your input was flagged", metadata={"reasons": []}),
    ),
    "Qwen": (400, error("Input data may contain inappropriate content.", "data_inspection_failed")),
    "DeepSeek": (400, error("Content Exists Risk")),
    "unheard of": (422, {"oops": True}),
}


@pytest.mark.parametrize(("status", "body"), [*TOO_LONG.values(), *UNWANTED.values()], ids=[*TOO_LONG, *UNWANTED])
def test_one_question_that_is_refused_is_one_question(status: int, body: object) -> None:
    # Twice: a refusal that happens to name an option is tried without it.
    with pytest.raises(QuestionRefused, match="some-model"):
        ask(*[response(status, body)] * 5)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, error("The model `x` does not exist", "model_not_found")),
        (400, error("Your credit balance is too low to access the Anthropic API.")),
        (400, error("Invalid API key")),
        (401, error("No")),
        (403, error("Country, region, or territory not supported")),
        (404, error("The model does not exist")),
        (405, error("Method Not Allowed")),
    ],
)
def test_what_concerns_the_account_is_no_fault_of_the_question(status: int, body: object) -> None:
    with pytest.raises(PermanentError) as caught:
        ask(response(status, body))
    assert not isinstance(caught.value, QuestionRefused)


IN_A_GOOD_ANSWER: Sequence[tuple[Any, type[Exception], str]] = [
    (error("Provider returned error", 429), RetryableError, "rate limit .* Provider returned error"),
    (error("Overloaded", 503), RetryableError, "Overloaded"),
    (error("Upstream broke"), RetryableError, "Upstream broke"),
    ({"error": "model is loading"}, RetryableError, "model is loading"),
    (error("No auth credentials found", 401), PermanentError, "refuses the API key .*No auth credentials"),
    (error("Insufficient credits", 402), PermanentError, "plan and billing"),
    (error("Unknown", "model_not_found"), PermanentError, "was not found"),
    (error("Flagged", "invalid_prompt"), QuestionRefused, "Flagged"),
    (error("Bad", "400"), QuestionRefused, "Bad"),
    (
        {"choices": [{"error": {"code": 502, "message": "Broke off"}, "finish_reason": "error"}]},
        RetryableError,
        "Broke off",
    ),
    (
        {"choices": [{"message": {"content": "x"}, "error": {"code": 429, "message": "Slow"}}]},
        RetryableError,
        "rate limit",
    ),
]


@pytest.mark.parametrize(("body", "kind", "words"), IN_A_GOOD_ANSWER)
def test_an_error_in_a_good_answer_is_that_error(body: object, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        ask(response(200, body))


def test_a_query_stays_behind_the_path() -> None:
    client = ask(GOOD)
    assert client.sent[0][0] == "https://llm.example/v1/chat/completions?api-version=7"
    claude = ScriptedClient(CLAUDE)
    asyncio.run(anthropic(claude, "https://a.example/v1/?beta=1").complete("s", "u", 9))
    assert claude.sent[0][0] == "https://a.example/v1/messages?beta=1"
    llama = ScriptedClient(LLAMA)
    asyncio.run(ollama(llama, "http://a.example?k=1").complete("s", "u", 9))
    assert llama.sent[0][0] == "http://a.example/api/chat?k=1"
    gateway = AiGatewayConfig(account_id="acc", gateway_name="gate")
    assert gateway_url("https://api.openai.com/v1?x=1", gateway, "https://g.example/v1") == (
        "https://g.example/v1/acc/gate/openai?x=1"
    )


def test_batches_keep_the_query_too() -> None:
    client = ScriptedClient(response(200, {"id": "b", "status": "in_progress"}))
    asyncio.run(openai(client).batches.status("b"))
    assert client.calls == ["GET https://llm.example/v1/batches/b?api-version=7"]


@pytest.mark.parametrize("value", [-1, 10**30, True, 1.5, 7.0, "7", None, [7], float("inf")])
def test_odd_token_counts_are_not_believed(value: object) -> None:
    assert count({"a": value, "b": 3}, "a", "b") == 3


def test_the_context_of_a_model_can_be_told() -> None:
    assert (
        chat_limits("openai", "unheard-of", 8000).context_tokens,
        chat_limits("ollama", "x", 8000).answer_tokens,
    ) == (
        8000,
        4000,
    )
    client = ScriptedClient(LLAMA)
    asyncio.run(ollama(client, context_tokens=40_000).complete("s", "u", 9))
    assert sent(client)[0]["options"]["num_ctx"] == 40_000


def test_a_message_in_parts_is_read() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "draft"}]}, {"type": "text", "text": "{}"}]
    client = ScriptedClient(response(200, {"choices": [{"message": {"content": parts}}]}))
    assert asyncio.run(openai(client).complete("s", "u", 9)).text == "{}"
