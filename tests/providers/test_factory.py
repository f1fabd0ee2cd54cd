"""What a host cannot serve is refused before anything is asked of anyone, and the message says what to use."""

import pytest

from ossgard.errors import PermanentError
from ossgard.services import CLOUD_HOST
from tests.providers.conftest import providers
from tests.standins.world import World


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"llm": "ollama"}, "'ollama' is not available here: use 'anthropic' or 'openai'"),
        ({"embedding": "ollama"}, "use 'openai' with text-embedding-3-small"),
        ({"changes": {"embedding": {"model": "text-embedding-3-large"}}}, "use text-embedding-3-small"),
    ],
)
def test_the_cloud_refuses_what_it_cannot_serve(outside: World, config: dict[str, object], words: str) -> None:
    with pytest.raises(PermanentError, match=f"{words}.*PUT /accounts/me"):
        providers(outside, CLOUD_HOST, **config)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["sk-naïve", "sk-two\nlines"])
def test_a_key_that_cannot_be_sent_is_named(outside: World, key: str) -> None:
    with pytest.raises(PermanentError, match=r"llm\.api_key has characters that no key has") as caught:
        providers(outside, changes={"llm": {"api_key": key}})
    assert key not in str(caught.value)


def test_the_number_of_requests_at_once_is_the_accounts(outside: World) -> None:
    assert providers(outside).at_once == 6
    assert providers(outside, changes={"scan": {"concurrency": 2}}).at_once == 2
