"""What a host cannot serve is refused before anything is asked of anyone, and the message says what to use."""

import asyncio
from typing import Any, Literal

import pytest

from ossgard.errors import PermanentError
from ossgard.providers.factory import Providers
from ossgard.services import CLOUD_HOST
from ossgard.spec.models import Config
from ossgard.spec.settings import VECTOR_DIMENSIONS
from tests.core.providers.conftest import providers
from tests.core.providers.scripted import ScriptedClient, response
from tests.core.world import World as Core
from tests.outside.world import World


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"llm": "ollama"}, "'ollama' is not available here: use 'anthropic' or 'openai'"),
        ({"embedding": "ollama"}, "use 'openai' with text-embedding-3-small"),
        (
            {"changes": {"embedding": {"model": "text-embedding-ada-002"}}},
            "1536 dimensions.*use text-embedding-3-small",
        ),
        ({"changes": {"embedding": {"model": "OpenAI/Text-Embedding-Ada-002"}}}, "1536 dimensions"),
        ({"changes": {"embedding": {"model": "all-minilm:l6-v2"}}}, "384 dimensions"),
    ],
)
def test_the_cloud_refuses_what_it_cannot_serve(outside: World, config: dict[str, object], words: str) -> None:
    with pytest.raises(PermanentError, match=f"account's configuration.*{words}"):
        providers(outside, CLOUD_HOST, **config)


@pytest.mark.parametrize(
    "model", ["text-embedding-3-small", "text-embedding-3-large", "nomic-embed-text", "unheard-of"]
)
def test_the_cloud_takes_models_that_have_the_size_of_its_index_or_can_be_asked_for_it(
    outside: World, model: str
) -> None:
    made = providers(outside, CLOUD_HOST, changes={"embedding": {"model": model}})
    assert made.embedding_model().dimensions == VECTOR_DIMENSIONS


@pytest.mark.parametrize("key", ["sk-naïve", "sk-two\nlines"])
def test_a_key_that_cannot_be_sent_is_named(outside: World, key: str) -> None:
    with pytest.raises(PermanentError, match=r"llm\.api_key has characters that no key has") as caught:
        providers(outside, changes={"llm": {"api_key": key}})
    assert key not in str(caught.value)


def test_the_number_of_requests_at_once_is_the_accounts(outside: World) -> None:
    assert providers(outside).at_once == 6
    assert providers(outside, changes={"scan": {"concurrency": 2}}).at_once == 2


def test_models_can_be_asked_in_batches_also_when_batch_mode_was_turned_off(outside: World) -> None:
    for made in (providers(outside, batch=True), providers(outside)):
        assert made.batch_chat_model() is not None
        assert made.batch_embedding_model() is not None


def test_ollama_has_no_batches(outside: World) -> None:
    made = providers(outside, llm="ollama", embedding="ollama", batch=True)
    assert (made.batch_chat_model(), made.batch_embedding_model()) == (None, None)
    assert (made.batches("llm"), made.batches("embedding")) == (None, None)


def test_a_batch_under_way_can_be_polled_when_batch_mode_was_turned_off(outside: World) -> None:
    made = providers(outside, llm="anthropic")
    found = [made.batches("llm"), made.batches("embedding")]
    assert [api.name for api in found if api] == [
        "Anthropic model 'claude-haiku-4-5'",
        "OpenAI model 'text-embedding-3-small'",
    ]


@pytest.mark.parametrize(
    ("llm", "service", "url"),
    [
        ("openai", "llm", "https://api.openai.com/v1/batches/b"),
        ("openai", "embedding", "https://api.openai.com/v1/batches/b"),
        ("anthropic", "llm", "https://api.anthropic.com/v1/messages/batches/b"),
    ],
)
def test_batches_go_around_the_gateway(
    outside: World, llm: str, service: Literal["llm", "embedding"], url: str
) -> None:
    client = ScriptedClient(response(200, {"id": "b", "status": "validating", "processing_status": "in_progress"}))
    config: dict[str, Any] = outside.config(llm, gateway=True, batch=True)
    config["ai_gateway"]["cache_ttl"] = 60
    api = Providers(Core(http=client, config=config).services, Config.model_validate(config)).batches(service)
    assert api is not None
    asyncio.run(api.status("b"))
    assert client.calls == [f"GET {url}"]
    assert "cf-aig-cache-ttl" not in client.sent[0][1]
