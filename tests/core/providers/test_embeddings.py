"""Embedding models of every provider, over real HTTP."""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from ossgard.errors import ConnectionFailure, PermanentError, RetryableError
from ossgard.providers.embeddings import Embeddings
from ossgard.services import CLOUD_HOST
from ossgard.spec.settings import VECTOR_DIMENSIONS
from tests.core.providers.conftest import providers
from tests.outside.endpoints import EMBEDDINGS
from tests.outside.openai_api import EMBEDDING_MODELS
from tests.outside.text_vectors import embed as true_vectors
from tests.outside.world import World

ALL = pytest.mark.parametrize("embedding", ["openai", "ollama"])
TEXTS = ["Fix the parser of chunks", "Add a cache to the reader", "src/parser/chunks.py\nsrc/reader.py", "日本語の説明"]


def embed(outside: World, texts: Sequence[str] = TEXTS, **config: Any) -> Embeddings:
    return asyncio.run(providers(outside, **config).embedding_model().embed(texts))


@pytest.mark.parametrize(("embedding", "dimensions"), [("openai", 1536), ("ollama", 768)])
def test_texts_become_vectors_in_their_order(outside: World, embedding: str, dimensions: int) -> None:
    found = embed(outside, embedding=embedding)
    assert np.allclose(np.array(found.vectors), true_vectors(TEXTS, dimensions), atol=1e-6)
    assert 10 < found.input_tokens < 100
    assert providers(outside, embedding=embedding).embedding_model().dimensions == dimensions


def test_the_index_of_the_cloud_decides_the_size(outside: World) -> None:
    for model in ("text-embedding-3-small", "text-embedding-3-large"):
        found = embed(outside, host=CLOUD_HOST, changes={"embedding": {"model": model}})
        assert np.allclose(np.array(found.vectors), true_vectors(TEXTS, VECTOR_DIMENSIONS), atol=1e-6)
        assert outside.requests(EMBEDDINGS)[-1].json()["dimensions"] == VECTOR_DIMENSIONS
    batch = providers(outside, CLOUD_HOST, batch=True).batch_embedding_model()
    assert batch is not None
    assert batch.body(TEXTS)["dimensions"] == VECTOR_DIMENSIONS


def test_a_large_model_has_its_own_size_on_the_local_host(outside: World) -> None:
    found = embed(outside, changes={"embedding": {"model": "text-embedding-3-large"}})
    assert {len(vector or ()) for vector in found.vectors} == {3072}


def test_a_model_without_sizes_is_asked_for_none(outside: World) -> None:
    found = embed(outside, changes={"embedding": {"model": "text-embedding-ada-002"}})
    assert {len(vector or ()) for vector in found.vectors} == {1536}
    assert "dimensions" not in outside.requests(EMBEDDINGS)[0].json()


def test_a_server_that_takes_no_size_is_asked_without_and_its_vectors_are_checked(
    outside: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EMBEDDING_MODELS, "text-embedding-3-small", (1536, False))
    with pytest.raises(PermanentError, match=r"of 1536 dimensions where 768 are needed.*embedding\.model"):
        embed(outside, host=CLOUD_HOST)


@pytest.mark.parametrize(
    "unit",
    [
        "The reader hangs. ",
        "src/module_7/handlers.test.ts\n",
        "| step 7 of 84 | passed after 588 ms |\n",
        "0f9c4d2e",
        "a b c d ",
        "修复缓冲区已满时解析器忘记最后一个字节的问题",
        "👩‍💻🐛",
        "{}[]();,.",
    ],
)
@ALL
def test_texts_of_any_length_and_script_are_taken(outside: World, embedding: str, unit: str) -> None:
    texts = [unit * (70_000 // len(unit)), "short"]
    found = embed(outside, texts, embedding=embedding)
    assert len(found.vectors) == 2
    assert len(outside.requests(EMBEDDINGS)) <= 2


def test_fifty_of_the_longest_texts_take_two_requests(outside: World) -> None:
    found = embed(outside, [f"{number} " + "words and paths/of/things " * 3000 for number in range(50)])
    assert len(found.vectors) == 50
    requests = outside.requests(EMBEDDINGS)
    assert len(requests) == 2
    assert found.input_tokens > 100_000


@ALL
def test_an_empty_text_has_a_vector(outside: World, embedding: str) -> None:
    assert len(embed(outside, ["", "text"], embedding=embedding).vectors) == 2


def test_an_account_with_a_gateway_asks_through_it_without_a_cache(outside: World) -> None:
    embed(outside, gateway=True, changes={"ai_gateway": {"cache_ttl": 3600}})
    [request] = outside.requests(EMBEDDINGS)
    assert request.endpoint == "gateway.openai.embeddings"
    assert "cf-aig-cache-ttl" not in request.headers


@ALL
def test_wrong_dimensions_are_refused(outside: World, embedding: str) -> None:
    outside.shrink_vectors()
    with pytest.raises(PermanentError, match=r"dimensions where (1536|768) are needed.*embedding\.model"):
        embed(outside, embedding=embedding)


@ALL
def test_failures_can_be_tried_again(outside: World, embedding: str) -> None:
    outside.fail(EMBEDDINGS, 503, times=1)
    with pytest.raises(RetryableError, match="status 503"):
        embed(outside, embedding=embedding)
    outside.garble(EMBEDDINGS, times=1)
    with pytest.raises(RetryableError, match="malformed"):
        embed(outside, embedding=embedding)
    outside.cut(EMBEDDINGS, times=1)
    with pytest.raises(ConnectionFailure):
        embed(outside, embedding=embedding)
    assert len(embed(outside, embedding=embedding).vectors) == len(TEXTS)


def test_a_wrong_key_and_an_unknown_model_are_named(outside: World) -> None:
    with pytest.raises(PermanentError, match=r"refuses the API key \(embedding\.api_key\)"):
        embed(outside, changes={"embedding": {"api_key": "sk-not-the-right-one"}})
    with pytest.raises(PermanentError, match=r"model 'no-such-model' was not found.*embedding\.model"):
        embed(outside, embedding="ollama", changes={"embedding": {"model": "no-such-model"}})


def test_a_model_that_does_not_embed_is_refused_for_good(outside: World) -> None:
    with pytest.raises(PermanentError, match="does not support embeddings"):
        embed(outside, embedding="ollama", changes={"embedding": {"model": "llama3.2"}})
