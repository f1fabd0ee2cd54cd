"""What the existing wizard and other clients send: it goes on working, here or with a word about what does not."""

import copy
from typing import Any

import httpx
import pytest

from ossgard.spec.settings import VECTOR_DIMENSIONS
from tests.outside.world import GATEWAY_ACCOUNT, GATEWAY_NAME, World
from tests.whole.conformance.client import Account
from tests.whole.conformance.conftest import Target

Config = dict[str, Any]

OWN_ADDRESSES = {"anthropic": "https://api.anthropic.com", "openai": "https://api.openai.com/v1"}
GATEWAY = {"account_id": GATEWAY_ACCOUNT, "gateway_name": GATEWAY_NAME}
BLANK = pytest.mark.parametrize("blank", ["", None, "  ", ...])


def wizard(outside: World, llm: str, embedding: str, with_keys: bool) -> Config:
    """What the wizard sends: no URL for hosted providers, and a vector store always."""
    config = outside.config(llm, embedding, token=outside.github.add_token())
    for part in ("llm", "embedding"):
        if config[part]["provider"] != "ollama":
            config[part]["url"] = ""
            config[part]["api_key"] = config[part]["api_key"] if with_keys else ""
    config["vector_store"] = {"url": outside.qdrant_url, "api_key": ""}
    return config


def send(account: Account, route: str, config: Config) -> httpx.Response:
    return account.request(*route.split(" "), json={"config": config})


def stored(account: Account, answer: httpx.Response) -> Config:
    """The configuration of the account that was registered, or changed."""
    key = answer.json().get("apiKey", account.api_key)
    shown: Config = account.get("/accounts/me", headers={"Authorization": f"Bearer {key}"}).json()["config"]
    return shown


@pytest.mark.parametrize("route", ["POST /accounts", "PUT /accounts/me"])
@pytest.mark.parametrize("with_keys", [True, False])
@pytest.mark.parametrize("embedding", ["ollama", "openai"])
@pytest.mark.parametrize("llm", ["ollama", "anthropic"])
def test_what_the_wizard_sends(
    account: Account, outside: World, target: Target, llm: str, embedding: str, with_keys: bool, route: str
) -> None:
    config = {**wizard(outside, llm, embedding, with_keys), "ai_gateway": GATEWAY}
    answer = send(account, route, config)
    parts = {"llm": llm, "embedding": embedding}
    if target.is_cloud and "ollama" in parts.values():
        assert answer.status_code == 400
        told = answer.json()["error"]["fieldErrors"]["config"]
        refused = [part for part, provider in parts.items() if provider == "ollama"]
        assert [text.partition(" ")[0] for text in told] == [f"{part}.provider" for part in refused]
        assert all("use '" in text for text in told)
        return
    assert answer.status_code in (200, 201), answer.text
    warnings = [text for text in answer.json()["warnings"] if "vectors of 768 dimensions" not in text]
    expected = ["vector_store is ignored: this host keeps vectors in its own index"] if target.is_cloud else []
    if not with_keys:
        hosted = [part for part, provider in parts.items() if provider != "ollama"]
        expected += [f"{part}.api_key is empty: {parts[part]} answers nobody without a key" for part in hosted]
    assert warnings == expected
    shown = stored(account, answer)
    for part, provider in parts.items():
        assert shown[part]["url"] == OWN_ADDRESSES.get(provider, outside.ollama_url)
    assert shown["vector_store"] == config["vector_store"]


@pytest.mark.parametrize("route", ["POST /accounts", "PUT /accounts/me"])
@BLANK
def test_a_blank_url_is_the_providers_own_address_and_is_asked_there(
    account: Account, outside: World, blank: Any, route: str
) -> None:
    """The gateway stands for the providers' own addresses, and for no other."""
    config = {**outside.config("anthropic", token=outside.github.add_token()), "ai_gateway": GATEWAY}
    for part in ("llm", "embedding"):
        config[part].pop("url") if blank is ... else config[part].update(url=blank)
    asked = len(outside.requests("gateway.*"))
    answer = send(account, route, config)
    assert answer.json()["warnings"] == []
    endpoints = {request.endpoint for request in outside.requests("gateway.*")[asked:]}
    assert endpoints == {"gateway.anthropic.messages", "gateway.openai.embeddings"}
    shown = stored(account, answer)
    assert [shown["llm"]["url"], shown["embedding"]["url"]] == list(OWN_ADDRESSES.values())
    # What is shown can be sent back.
    again = {**shown, "github": config["github"]}
    for part in ("llm", "embedding"):
        again[part]["api_key"] = config[part]["api_key"]
    assert send(account, route, again).json()["warnings"] == []


def test_a_scan_asks_at_the_providers_own_address(account: Account, outside: World) -> None:
    config = {**outside.config("anthropic", token=outside.github.add_token()), "ai_gateway": GATEWAY}
    config["llm"]["url"] = config["embedding"]["url"] = ""
    config["vector_store"] = {"url": "", "api_key": ""}
    assert send(account, "PUT /accounts/me", config).status_code == 200
    asked = len(outside.requests("gateway.*"))
    scan = account.ended_scan(account.post("/repos/acme/widgets/scan").json()["scanId"], within_seconds=120)
    assert (scan["status"], scan["error"]) == ("done", None)
    endpoints = {request.endpoint for request in outside.requests("gateway.*")[asked:]}
    assert endpoints == {"gateway.anthropic.messages", "gateway.openai.embeddings"}


STORES = [{}, {"url": ""}, {"url": None}, {"url": " ", "api_key": None}, None]
JUNK = ["text", 5, [], True, {"url": "localhost:6333"}, {"url": 5}, {"url": "ftp://x"}, {"api_key": "x" * 5000}]
MASKED = {"url": "http://127.0.0.1:9", "api_key": "****zzzz"}


@pytest.mark.parametrize("route", ["POST /accounts", "PUT /accounts/me"])
@pytest.mark.parametrize("store", STORES)
def test_a_vector_store_without_a_url_is_none(
    account: Account, config: Config, target: Target, store: Any, route: str
) -> None:
    answer = send(account, route, {**config, "vector_store": store})
    ignored = ["vector_store is ignored: this host keeps vectors in its own index"]
    assert answer.json()["warnings"] == (ignored if target.is_cloud and store is not None else [])
    assert "vector_store" not in stored(account, answer)


@pytest.mark.parametrize("route", ["POST /accounts", "PUT /accounts/me"])
@pytest.mark.parametrize("store", JUNK)
def test_the_cloud_host_looks_at_no_vector_store(
    account: Account, config: Config, target: Target, store: Any, route: str
) -> None:
    answer = send(account, route, {**config, "vector_store": store})
    if target.is_cloud:
        assert answer.json()["warnings"] == ["vector_store is ignored: this host keeps vectors in its own index"]
        assert "vector_store" not in stored(account, answer)
    else:
        assert answer.status_code == 400
        assert all(text.startswith("vector_store") for text in answer.json()["error"]["fieldErrors"]["config"])


def test_a_masked_key_of_a_vector_store_is_the_matter_of_hosts_that_use_one(
    account: Account, config: Config, target: Target
) -> None:
    answer = account.put("/accounts/me", json={"config": {**config, "vector_store": MASKED}})
    assert answer.status_code == (200 if target.is_cloud else 400)


def test_white_space_around_values_and_nulls_do_no_harm(account: Account, outside: World, config: Config) -> None:
    spaced = copy.deepcopy(config)
    spaced["github"]["token"] = f" {config['github']['token']}\n"
    for part in ("llm", "embedding"):
        for field in ("url", "model", "api_key"):
            spaced[part][field] = f"\t{config[part][field]} \r\n"
    spaced |= {"vector_store": None, "scan": None, "ai_gateway": None}
    answer = account.put("/accounts/me", json={"label": None, "config": spaced})
    assert (answer.status_code, answer.json()["warnings"]) == (200, [])
    shown = account.get("/accounts/me").json()["config"]
    assert (shown["llm"]["url"], shown["llm"]["model"]) == (config["llm"]["url"], config["llm"]["model"])
    for part in ("llm", "embedding"):
        spaced[part] = {**config[part], "url": config[part]["url"] + "/"}
    assert account.put("/accounts/me", json={"config": spaced}).json()["warnings"] == []


def test_a_null_key_is_an_empty_one(account: Account, config: Config) -> None:
    config["llm"]["api_key"] = None
    answer = account.put("/accounts/me", json={"config": config})
    assert answer.status_code == 200
    assert account.get("/accounts/me").json()["config"]["llm"]["api_key"] == ""
    [warning] = answer.json()["warnings"]
    assert warning.startswith("The chat model failed a test: OpenAI refuses the API key (llm.api_key)")


TESTS: list[tuple[str, str, Any, str]] = [
    ("llm", "model", "gpt-next", "The chat model failed a test: OpenAI model 'gpt-next' was not found"),
    ("llm", "api_key", "sk-wrong", "The chat model failed a test: OpenAI refuses the API key (llm.api_key)"),
    ("llm", "model", "text-embedding-3-small", "The chat model failed a test"),
    ("embedding", "model", "gpt-4o", "The embedding model failed a test"),
    (
        "embedding",
        "api_key",
        "sk-wrong",
        "The embedding model failed a test: OpenAI refuses the API key (embedding.api",
    ),
]


@pytest.mark.parametrize(("part", "field", "value", "told"), TESTS)
def test_a_model_that_does_not_answer_a_test_is_a_warning_that_names_the_field(
    account: Account, config: Config, part: str, field: str, value: str, told: str
) -> None:
    config[part][field] = value
    answer = account.put("/accounts/me", json={"config": config})
    assert answer.status_code == 200
    [warning] = answer.json()["warnings"]
    assert warning.startswith(told)
    assert f"{part}.{field}" in warning


def test_vectors_of_another_size_than_the_index_are_warned_about(
    account: Account, config: Config, target: Target, outside: World
) -> None:
    size = VECTOR_DIMENSIONS if target.is_cloud else 1536
    fault = outside.shrink_vectors(key=config["embedding"]["api_key"], times=1)
    [warning] = account.put("/accounts/me", json={"config": config}).json()["warnings"]
    assert fault.hits == 1
    assert f"{size // 2} dimensions where {size} are needed" in warning
    assert "embedding.model" in warning


@pytest.mark.parametrize(
    "answer", [{"body": "<html>hello</html>"}, {"body": []}, {"body": None, "status": 503}, {"body": {"choices": []}}]
)
def test_odd_answers_to_a_test_are_warnings(
    account: Account, config: Config, outside: World, answer: dict[str, Any]
) -> None:
    outside.fail("openai.*", **{"status": 200, **answer}, times=2)
    told = account.put("/accounts/me", json={"config": config})
    assert told.status_code == 200
    chat, embedding = told.json()["warnings"]
    assert chat.startswith("The chat model failed a test: ")
    assert embedding.startswith("The embedding model failed a test: ")
    assert "llm.url" in chat
    assert "embedding.url" in embedding


def test_no_more_is_asked_than_once_each(account: Account, config: Config, outside: World) -> None:
    outside.reset()
    assert account.put("/accounts/me", json={"config": config}).json()["warnings"] == []
    mine = [
        one.endpoint for one in outside.requests() if one.key in (config["github"]["token"], config["llm"]["api_key"])
    ]
    assert sorted(mine) == ["github.user", "openai.chat", "openai.embeddings"]
