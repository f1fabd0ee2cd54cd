"""The official clients accept the stand-ins for OpenAI and Anthropic; Ollama and AI Gateway answer as documented."""

import json
from collections.abc import Mapping
from typing import Any

import anthropic
import httpx
import numpy as np
import openai
import pytest

from tests.outside.llm import Behaviour
from tests.outside.text_vectors import embed
from tests.outside.world import World

VERIFY = (
    'Which are duplicates? Answer JSON: {"groups": [{"prIds", "label", "confidence", "relationship"}], "unrelated"}'
)
RANK = 'Rank them. Answer JSON: {"rankings": [{"prNumber", "score", "codeQuality", "completeness", "rationale"}]}'


def client_of_openai(outside: World, key: str = "sk-proj-world") -> openai.OpenAI:
    return openai.OpenAI(base_url=outside.openai_url, api_key=key, max_retries=0, timeout=5)


def client_of_anthropic(outside: World, key: str = "sk-ant-world") -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=outside.anthropic_url, api_key=key, max_retries=0, timeout=5)


def prompt(outside: World, group: int = 0, strangers: int = 2) -> tuple[str, list[int]]:
    """A planted group and some others, and the ids of the group."""
    repository = outside.repository
    numbers = repository.planted_groups[group]
    planted = {number for one in repository.planted_groups for number in one}
    others = sorted(repository.open_numbers - planted)[:strangers]
    pulls = [
        {
            "prId": 7_000 + number,
            "prNumber": number,
            "title": repository.pulls[number].title,
            "body": repository.pulls[number].body,
            "filePaths": [file.path for file in repository.pulls[number].files],
        }
        for number in [*numbers, *others]
    ]
    text = "Here are the pull requests.\n\n" + json.dumps({"repo": "acme/widgets", "pullRequests": pulls})
    return text, [7_000 + number for number in numbers]


def ask_openai(outside: World, system: str, user: str, **more: Any) -> Any:
    return client_of_openai(outside).chat.completions.create(
        model="gpt-4o-mini",
        temperature=0,
        response_format={"type": "json_object"},
        messages=[{"role": "system", "content": system}, {"role": "user", "content": user}],
        **more,
    )


def test_openai_chat(outside: World) -> None:
    text, ids = prompt(outside)
    completion = ask_openai(outside, VERIFY, text)
    answer = json.loads(completion.choices[0].message.content)
    assert [sorted(group["prIds"]) for group in answer["groups"]] == [ids]
    assert len(answer["unrelated"]) == 2
    assert completion.usage.prompt_tokens > 100
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    ranked = json.loads(ask_openai(outside, RANK, text).choices[0].message.content)
    assert len(ranked["rankings"]) == len(ids) + 2
    assert outside.count("openai.chat").calls == 2


def test_openai_cuts_an_answer_at_the_limit(outside: World) -> None:
    completion = ask_openai(outside, VERIFY, prompt(outside)[0], max_completion_tokens=20)
    assert completion.choices[0].finish_reason == "length"
    assert completion.usage.completion_tokens <= 20


def test_openai_embeddings(outside: World) -> None:
    texts = ["src/a.py", "src/a.py", "docs/readme.md"]
    made = client_of_openai(outside).embeddings.create(model="text-embedding-3-small", input=texts, dimensions=256)
    assert [item.index for item in made.data] == [0, 1, 2]
    assert np.allclose([item.embedding for item in made.data], embed(texts, 256), atol=1e-6)
    # The official client asks for base64 unless told otherwise.
    assert outside.requests("openai.embeddings")[0].json()["encoding_format"] == "base64"
    plain = client_of_openai(outside).embeddings.create(
        model="text-embedding-3-small", input="one text", encoding_format="float"
    )
    assert len(plain.data[0].embedding) == 1536
    assert plain.usage.total_tokens == 2
    assert outside.count("openai.embeddings").inputs == 4


@pytest.mark.parametrize(
    ("request_body", "expected"),
    [
        ({"input": ["x"] * 2_049}, "array too long"),
        ({"input": ["fine", "word " * 8_193]}, "Invalid 'input[1]': maximum input length is 8192 tokens."),
        ({"input": ["word " * 8_000] * 38}, "max 300000 tokens per request"),
        ({"input": ["", "x"]}, "'$.input' is invalid"),
        ({"input": []}, "'$.input' is invalid"),
        ({"input": "x", "dimensions": 1_537}, "Invalid value for 'dimensions'"),
    ],
)
def test_openai_refuses_embeddings(outside: World, request_body: Mapping[str, Any], expected: str) -> None:
    with pytest.raises(openai.BadRequestError, match="(?i)" + expected.replace("$", r"\$").replace("[", r"\[")):
        client_of_openai(outside).embeddings.create(model="text-embedding-3-small", **request_body)


def test_openai_errors(outside: World) -> None:
    with pytest.raises(openai.AuthenticationError, match="Incorrect API key"):
        client_of_openai(outside, "sk-wrong-key").embeddings.create(model="text-embedding-3-small", input="x")
    with pytest.raises(openai.NotFoundError) as missing:
        client_of_openai(outside).embeddings.create(model="no-such-model", input="x")
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="must contain the word 'json'"):
        ask_openai(outside, "Hello", "you")
    with pytest.raises(openai.BadRequestError) as long:
        ask_openai(outside, VERIFY, "word " * 130_000)
    assert long.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError) as thinking:
        client_of_openai(outside).chat.completions.create(
            model="gpt-5-mini", temperature=0, messages=[{"role": "user", "content": "?"}]
        )
    assert (thinking.value.param, thinking.value.code) == ("temperature", "unsupported_value")
    outside.fail("openai.*", 429, retry_after=3, times=1)
    with pytest.raises(openai.RateLimitError) as limited:
        ask_openai(outside, VERIFY, "json")
    assert (limited.value.response.headers["retry-after"], limited.value.code) == ("3", "rate_limit_exceeded")
    outside.fail("openai.*", 500, times=1)
    with pytest.raises(openai.InternalServerError):
        ask_openai(outside, VERIFY, "json")


def test_anthropic_messages_with_a_cached_system_prompt(outside: World) -> None:
    text, ids = prompt(outside, 1)
    system = VERIFY + " Be careful." * 600

    def ask() -> Any:
        return client_of_anthropic(outside).messages.create(
            model="claude-haiku-4-5",
            max_tokens=8_192,
            system=[{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}],
            messages=[{"role": "user", "content": text}],
        )

    first, second = ask(), ask()
    assert [sorted(group["prIds"]) for group in json.loads(first.content[0].text)["groups"]] == [ids]
    assert first.stop_reason == "end_turn"
    assert first.usage.cache_creation_input_tokens == second.usage.cache_read_input_tokens > 1_024
    assert second.usage.cache_creation_input_tokens == first.usage.cache_read_input_tokens == 0
    assert first.usage.input_tokens == second.usage.input_tokens > 100
    assert first._request_id.startswith("req_")


def test_anthropic_errors(outside: World) -> None:
    def ask(key: str = "sk-ant-world", **more: Any) -> Any:
        body: dict[str, Any] = {
            "model": "claude-haiku-4-5",
            "max_tokens": 10,
            "messages": [{"role": "user", "content": "?"}],
        }
        return client_of_anthropic(outside, key).messages.create(**{**body, **more})

    with pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"):
        ask("sk-ant-wrong")
    with pytest.raises(anthropic.NotFoundError, match="claude-nothing"):
        ask(model="claude-nothing")
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long"):
        ask(messages=[{"role": "user", "content": "word " * 201_000}])
    begun = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "{"}]
    with pytest.raises(anthropic.BadRequestError, match="prefill"):
        ask(model="claude-sonnet-5-5", messages=begun)
    sampling: dict[str, Any] = {"extra_body": {"temperature": 0}}
    with pytest.raises(anthropic.BadRequestError, match="temperature: Extra inputs are not permitted"):
        ask(**sampling)
    older = {"extra_headers": {"anthropic-version": "2023-06-01"}, **sampling}
    assert ask(**older).content
    with pytest.raises(anthropic.BadRequestError, match="`temperature` is deprecated for this model"):
        ask(model="claude-sonnet-5-5", **older)
    with pytest.raises(anthropic.BadRequestError, match="max_tokens: 100000 > 64000"):
        ask(max_tokens=100_000)
    outside.fail("anthropic.messages", 529, times=1)
    with pytest.raises(anthropic.APIStatusError) as overloaded:
        ask()
    assert overloaded.value.status_code == 529
    assert overloaded.value.body["error"]["type"] == "overloaded_error"  # type: ignore[index]
    outside.fail("anthropic.messages", 429, retry_after=9, times=1)
    with pytest.raises(anthropic.RateLimitError):
        ask()
    outside.cut("anthropic.messages", "body", times=1)
    with pytest.raises(anthropic.APIConnectionError):
        ask()
    # Directly: the header that is older than the client's.
    headers = {"x-api-key": "sk-ant-world"}
    refused = httpx.post(f"{outside.anthropic_url}/v1/messages", json={}, headers=headers)
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, "anthropic-version: header is required")


def test_ollama(outside: World) -> None:
    with httpx.Client(base_url=outside.ollama_url, timeout=5) as client:
        assert client.get("/").text == "Ollama is running"
        models = {model["name"] for model in client.get("/api/tags").json()["models"]}
        assert {"llama3.2:latest", "nomic-embed-text:latest"} <= models
        made = client.post("/api/embed", json={"model": "nomic-embed-text", "input": ["one", "two"]}).json()
        assert [len(vector) for vector in made["embeddings"]] == [768, 768]
        assert made["prompt_eval_count"] == 2
        long = {"model": "nomic-embed-text", "input": "word " * 3_000}
        assert client.post("/api/embed", json=long).status_code == 200
        assert client.post("/api/embed", json={**long, "truncate": False}).status_code == 400
        missing = client.post("/api/embed", json={"model": "nothing", "input": "x"})
        assert (missing.status_code, missing.json()) == (
            404,
            {"error": 'model "nothing" not found, try pulling it first'},
        )


def test_ollama_chat_cuts_what_does_not_fit(outside: World) -> None:
    text, ids = prompt(outside, 2, strangers=30)
    question: dict[str, Any] = {
        "model": "llama3.2",
        "format": "json",
        "messages": [{"role": "system", "content": VERIFY}, {"role": "user", "content": text}],
    }
    with httpx.Client(base_url=outside.ollama_url, timeout=5) as client:
        whole = client.post("/api/chat", json={**question, "stream": False, "options": {"num_ctx": 65_536}}).json()
        assert [sorted(group["prIds"]) for group in json.loads(whole["message"]["content"])["groups"]] == [ids]
        assert whole["eval_count"] > 0
        assert whole["prompt_eval_count"] > 4_096
        cut = client.post("/api/chat", json={**question, "stream": False}).json()
        assert cut["prompt_eval_count"] <= 4_096
        assert "could not find" in cut["message"]["content"]
        lines = client.post("/api/chat", json={**question, "options": {"num_ctx": 65_536}}).text.splitlines()
        pieces = [json.loads(line) for line in lines]
        assert "".join(piece["message"]["content"] for piece in pieces) == whole["message"]["content"]
        assert [piece["done"] for piece in pieces[-2:]] == [False, True]


def test_the_gateway_passes_on_and_caches(outside: World) -> None:
    base = f"{outside.gateway_url}/some-account/some-gateway"
    asked = openai.OpenAI(base_url=f"{base}/openai", api_key="sk-proj-world", max_retries=0)
    made = asked.embeddings.create(model="text-embedding-3-small", input=["x", "y"])
    assert len(made.data) == 2
    claude = anthropic.Anthropic(base_url=f"{base}/anthropic", api_key="sk-ant-world", max_retries=0)

    def ask(lifetime: str) -> Any:
        return claude.messages.with_raw_response.create(
            model="claude-haiku-4-5",
            max_tokens=100,
            messages=[{"role": "user", "content": "hello"}],
            extra_headers={"cf-aig-cache-ttl": lifetime},
        )

    first, second = ask("300"), ask("300")
    assert [reply.headers["cf-aig-cache-status"] for reply in (first, second)] == ["MISS", "HIT"]
    assert first.parse().id == second.parse().id
    assert outside.count("gateway.openai.embeddings").inputs == 2
    assert outside.count("gateway.anthropic.messages").calls == 2


@pytest.mark.parametrize(
    "path",
    ["openai/v1/chat/completions", "anthropic/messages", "openai/models", "openai", "compat/chat/completions", ""],
)
def test_the_gateway_knows_no_other_path(outside: World, path: str) -> None:
    url = f"{outside.gateway_url}/account/gateway/{path}"
    assert httpx.post(url, json={}, headers={"authorization": "Bearer sk-proj-world"}).status_code == 404


def test_an_authenticated_gateway(outside: World) -> None:
    outside.gateway.token = "secret"
    url = f"{outside.gateway_url}/account/gateway/openai/embeddings"
    body = {"model": "text-embedding-3-small", "input": "x"}
    headers = {"authorization": "Bearer sk-proj-world"}
    try:
        assert httpx.post(url, json=body, headers=headers).status_code == 401
        headers["cf-aig-authorization"] = "Bearer secret"
        assert httpx.post(url, json=body, headers=headers).status_code == 200
    finally:
        outside.gateway.token = None


def test_the_model_can_misbehave(outside: World) -> None:
    text, ids = prompt(outside, 3)

    def ask() -> str:
        return str(ask_openai(outside, VERIFY, text).choices[0].message.content)

    try:
        outside.llm.behaviour = Behaviour(code_fence=1)
        assert "```json\n{" in ask()
        outside.llm.behaviour = Behaviour(invented_ids=1)
        answer = json.loads(ask())
        assert 999_999_001 in answer["groups"][0]["prIds"]
        assert set(ids) <= set(answer["groups"][0]["prIds"])
        text, ids = prompt(outside, 4)
        outside.llm.behaviour = Behaviour(broken_first=1)
        with pytest.raises(ValueError, match=r"line \d+ column \d+"):
            json.loads(ask())
        assert json.loads(ask())["groups"]
        outside.llm.behaviour = Behaviour(unusable_for={ids[0] - 7_000})
        assert "cannot compare" in ask()
        assert "cannot compare" in ask()
    finally:
        outside.llm.behaviour = Behaviour()
