"""What every embedding model does alike: cutting, batching, order, and refusing vectors that must not be stored."""

import asyncio
import base64
import struct
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossgard.errors import PermanentError, RetryableError
from ossgard.outgoing import EMBEDDING, LOCAL_EMBEDDING
from ossgard.ports import HttpResponse
from ossgard.providers.embeddings import EmbeddingLimits, Embeddings, divided, embedding_limits, prepare
from ossgard.providers.http_api import RequestRefused
from ossgard.providers.ollama import OllamaEmbeddings, ollama_api
from ossgard.providers.openai import OpenAIEmbeddings, openai_api
from ossgard.providers.tokens import byte_size, estimate_tokens
from tests.core.providers.scripted import ScriptedClient, access, response


def embed(
    texts: Sequence[str], *answers: HttpResponse, dimensions: int | None = 2, model: str = "some-model"
) -> tuple[ScriptedClient, Embeddings]:
    client = ScriptedClient(*answers)
    api = openai_api(access(client, "https://api.openai.com/v1", model, "sk"), EMBEDDING)
    return client, asyncio.run(OpenAIEmbeddings(api, dimensions=dimensions).embed(texts))


def answer(*vectors: object, tokens: int = 5) -> HttpResponse:
    data: list[Any] = [{"index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    return response(200, {"data": data, "usage": {"prompt_tokens": tokens}})


def listed(found: Embeddings) -> list[list[float] | None]:
    return [None if vector is None else list(vector) for vector in found.vectors]


def packed(*numbers: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def test_vectors_come_in_the_order_of_the_texts_whatever_the_order_of_the_answer() -> None:
    data = [{"index": index, "embedding": packed(index, 0.5)} for index in (2, 0, 1)]
    _, found = embed(["a", "b", "c"], response(200, {"data": data, "usage": {"prompt_tokens": 9}}))
    assert listed(found) == [[0, 0.5], [1, 0.5], [2, 0.5]]
    assert found.input_tokens == 9


def test_a_server_may_send_lists_of_numbers() -> None:
    _, found = embed(["a", "b"], answer([1, 2], [0.5, 0]))
    assert listed(found) == [[1, 2], [0.5, 0]]


def test_only_models_that_can_are_asked_for_a_size() -> None:
    client, _ = embed(["a"], answer([1, 2]), model="text-embedding-3-small")
    assert client.sent[0][2]["dimensions"] == 2
    client, _ = embed(["a"], answer([1, 2]))
    assert "dimensions" not in client.sent[0][2]


@pytest.mark.parametrize(
    ("answers", "dimensions", "words"),
    [
        ([answer([1, 2])], 2, "answered 2 texts with 1 vectors"),
        ([answer([1, 2], [1, 2], [1, 2])], 2, "answered 2 texts with 3 vectors"),
        ([answer([1, 2, 3], [1, 2, 3])], 2, "vectors of 3 dimensions where 2 are needed"),
        ([answer([1, 2], [1, 2, 3])], None, "vectors of 2 and 3 dimensions"),
        ([answer([], [])], 2, "vectors of 0 dimensions"),
    ],
)
def test_wrong_vectors_are_refused_with_advice(answers: list[HttpResponse], dimensions: int | None, words: str) -> None:
    with pytest.raises(PermanentError, match=rf"OpenAI model 'some-model' .*{words}.*account's configuration"):
        embed(["a", "b"], *answers, dimensions=dimensions)


@pytest.mark.parametrize(
    "found",
    [
        response(200, {"data": None}),
        response(200, {"data": [1]}),
        response(200, {"data": [{"index": 5, "embedding": [1, 2]}]}),
        answer(None),
        answer(["1", "2"]),
        answer([1e39 * 10, 2]),
        answer("not base64!"),
        answer(base64.b64encode(b"abc").decode()),
        answer(packed(float("nan"), 1)),
    ],
)
def test_malformed_vectors_can_be_asked_for_again(found: HttpResponse) -> None:
    with pytest.raises(RetryableError, match="malformed"):
        embed(["a"], found)


def test_the_size_of_a_known_model_is_expected_even_where_any_would_do() -> None:
    client = ScriptedClient(response(200, {"embeddings": [[1, 2]]}))
    api = ollama_api(access(client, "http://ollama", "nomic-embed-text:v1.5"), LOCAL_EMBEDDING)
    with pytest.raises(PermanentError, match="768 are needed"):
        asyncio.run(OllamaEmbeddings(api).embed(["a"]))


def test_an_empty_text_is_not_sent() -> None:
    client, _ = embed(["", " \n"], answer([1, 2], [1, 2]))
    assert client.sent[0][2]["input"] == ["(empty)", "(empty)"]


def test_no_texts_are_no_request() -> None:
    client, found = embed([])
    assert (client.sent, found.vectors) == ([], [])


def test_a_text_that_is_too_long_after_all_is_cut_to_what_cannot_be() -> None:
    text = "x9" * 20_000
    client, found = embed([text, "b"], response(400, {"error": {"message": "too long"}}), answer([1, 2], [3, 4]))
    first, second = (content["input"][0] for _, _, content in client.sent)
    assert byte_size(second) <= 512 < byte_size(first)
    assert text.startswith(second)
    assert len(found.vectors) == 2


# ---- texts that the provider refuses


class Refusing(ScriptedClient):
    """Refuses requests with certain texts; every vector is the length of its text, and half of it."""

    def __init__(self, refuses: Callable[[str], bool]) -> None:
        super().__init__()
        self._refuses = refuses

    def _next(self, method: str, url: str) -> HttpResponse:
        texts = self.sent[-1][2]["input"]
        if any(map(self._refuses, texts)):
            return response(400, {"error": {"message": "Bad input"}})
        return answer(*([len(text), len(text) / 2] for text in texts), tokens=len(texts))


def embed_refusing(texts: Sequence[str], refuses: Callable[[str], bool]) -> tuple[ScriptedClient, Embeddings]:
    client = Refusing(refuses)
    api = openai_api(access(client, "https://api.openai.com/v1", "some-model", "sk"), EMBEDDING)
    return client, asyncio.run(OpenAIEmbeddings(api, dimensions=2).embed(texts))


@given(st.lists(st.sampled_from(["fine", "good", "bad"]), min_size=1, max_size=40))
def test_a_text_that_is_refused_costs_no_other_its_vector(texts: list[str]) -> None:
    client, found = embed_refusing(texts, lambda text: text == "bad")
    assert listed(found) == [None if text == "bad" else [4, 2] for text in texts]
    assert found.input_tokens == len(texts) - texts.count("bad")
    assert (found.refusal is None) == ("bad" not in texts)
    assert len(client.sent) <= 2 * len(texts)


def test_one_of_many_is_found_in_a_few_requests() -> None:
    client, found = embed_refusing(["fine"] * 20 + ["bad"] + ["fine"] * 29, lambda text: text == "bad")
    assert [place for place, vector in enumerate(found.vectors) if vector is None] == [20]
    assert "Bad input" in str(found.refusal)
    assert len(client.sent) <= 14


@pytest.mark.parametrize("texts", [["a"], ["a", "b", "c"]])
def test_a_refusal_of_every_text_is_not_that_of_the_texts(texts: list[str]) -> None:
    """They, and one that nobody can have anything against: it stops there."""
    answers = [response(400, {"error": {"message": "Bad input"}}), response(400, {"error": {"message": "Also bad"}})]
    with pytest.raises(RequestRefused, match="Bad input"):
        embed(texts, *answers)


TEXTS = st.lists(st.text(max_size=50).map(lambda text: text * 20), max_size=40)
LIMITS = st.builds(EmbeddingLimits, st.integers(2, 300), st.integers(1, 10), st.integers(300, 2000))


@given(TEXTS, LIMITS)
def test_parts_hold_everything_in_order_and_inside_the_limits(texts: list[str], limits: EmbeddingLimits) -> None:
    prepared = [prepare(text, limits) for text in texts]
    found = list(divided(prepared, limits))
    assert [text for part in found for text in part] == prepared
    for part in found:
        assert 1 <= len(part) <= limits.texts
        assert sum(map(estimate_tokens, part)) <= limits.request_tokens
        assert all(estimate_tokens(text) <= max(0.95 * limits.text_tokens, 5) for text in part)


@pytest.mark.parametrize(
    ("provider", "model", "tokens"),
    [
        ("openai", "text-embedding-3-small", 8191),
        ("openai", "somebody/bge-m3", 8192),
        ("openai", "unknown", 512),
        ("ollama", "nomic-embed-text:latest", 2048),
        ("ollama", "all-minilm", 256),
    ],
)
def test_limits_of_models(provider: str, model: str, tokens: int) -> None:
    assert embedding_limits(provider, model).text_tokens == tokens
