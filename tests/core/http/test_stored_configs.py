"""Stored configurations that are not valid: a clear 400 wherever they are needed, and put right where they can be."""

import asyncio
import copy
from collections.abc import Callable
from typing import Any

import pytest

from ossgard.account_mending import mend_accounts, mended
from ossgard.model import JsonObject
from ossgard.services import CLOUD_HOST, LOCAL_HOST, HostProfile
from ossgard.spec.api import ROUTES
from tests.core.http.test_app import embedded, prepared, request, store_dupes
from tests.core.world import CONFIG

NEEDS_CONFIG = {"POST /repos/{owner}/{name}/scan", "GET /repos/{owner}/{name}/review/{prNumber}"}
PLACES = {"owner": "acme", "name": "rocket", "scanId": "2", "prNumber": "12", "otherPrNumber": "13"}


def without(*path: str) -> JsonObject:
    config = copy.deepcopy(CONFIG)
    values = config
    for part in path[:-1]:
        values = values[part]
    del values[path[-1]]
    return config


def changed(part: str, **values: Any) -> JsonObject:
    return {**CONFIG, part: {**CONFIG.get(part, {}), **values}}


INVALID: list[tuple[JsonObject, str]] = [
    ({}, "github is required"),
    (without("github"), "github is required"),
    (without("llm", "model"), "llm.model is required"),
    ({**CONFIG, "embedding": None}, "embedding must be an object"),
    ({**CONFIG, "llm": "gpt"}, "llm must be an object"),
    (changed("llm", url="localhost:11434"), "llm.url must be an absolute http or https URL"),
    (changed("llm", provider="skynet"), "llm.provider must be 'ollama', 'anthropic' or 'openai'"),
    (changed("github", token=5), "github.token must be a text"),
    (changed("scan", concurrency=40), "scan.concurrency must be at most 6"),
    (changed("scan", code_similarity_threshold=85), "scan.code_similarity_threshold must be at most 1.0"),
]


@pytest.mark.parametrize(("config", "problem"), INVALID)
@pytest.mark.parametrize("host", [LOCAL_HOST, CLOUD_HOST])
def test_no_route_fails_over_a_stored_configuration(config: JsonObject, problem: str, host: HostProfile) -> None:
    """Every route of the table; those that need the configuration say what is wrong with it."""
    asked = set()
    for route in ROUTES:
        for method in sorted((route.methods or set()) - {"HEAD"}):
            world = prepared(config=config, host=host)
            store_dupes(world)
            world.executor.connection.execute("UPDATE prs SET embed_hash = NULL WHERE number = 12")
            body = {"json": {"config": CONFIG}} if method == "PUT" else {}
            answer = request(world, method, route.path.format(**PLACES), **body)
            asked.add(f"{method} {route.path}")
            assert answer.status_code < 500, (method, route.path)
            if f"{method} {route.path}" in NEEDS_CONFIG:
                assert answer.status_code == 400
                assert answer.json()["error"].startswith("The account's stored configuration is not valid: ")
                assert problem in answer.json()["error"]
                assert world.rows("SELECT count(*) FROM scans") == [(3,)]
    assert asked >= NEEDS_CONFIG


def test_a_scan_that_runs_when_its_configuration_is_broken_fails_with_the_reason() -> None:
    world = prepared()
    assert request(world, "POST", "/repos/acme/rocket/scan").status_code == 202
    world.executor.connection.execute("UPDATE accounts SET config = '{}'")
    world.drain()
    assert world.scan()["status"] == "failed"
    assert world.scan()["error"].startswith("The account's stored configuration is not valid: github is required")


MENDED: list[tuple[Callable[[], JsonObject], list[str]]] = [
    (lambda: changed("llm", url=""), ["llm.url was '' and is now 'https://api.openai.com/v1'"]),
    (lambda: changed("llm", url=None), ["llm.url was null and is now 'https://api.openai.com/v1'"]),
    (lambda: without("embedding", "url"), ["embedding.url was absent and is now 'https://api.openai.com/v1'"]),
    (lambda: changed("llm", provider="anthropic", url=" "), ["llm.url was ' ' and is now 'https://api.anthropic.com'"]),
    (lambda: changed("llm", provider="skynet"), ["llm.provider was 'skynet' and is now 'ollama'"]),
    (lambda: changed("llm", provider="OpenAI"), ["llm.provider was 'OpenAI' and is now 'ollama'"]),
    (lambda: changed("embedding", provider="anthropic"), ["embedding.provider was 'anthropic' and is now 'ollama'"]),
    (lambda: without("embedding", "provider"), ["embedding.provider was absent and is now 'ollama'"]),
    (lambda: changed("llm", provider=None), ["llm.provider was null and is now 'ollama'"]),
    (
        lambda: changed("llm", provider="", url=""),
        ["llm.provider was '' and is now 'ollama'", "llm.url was '' and is now 'http://127.0.0.1:11434'"],
    ),
    (lambda: changed("scan", concurrency=10), ["scan.concurrency was 10 and is now 6"]),
    (lambda: changed("scan", concurrency=0), ["scan.concurrency was 0 and is now 1"]),
    (lambda: changed("scan", concurrency=-3), ["scan.concurrency was -3 and is now 1"]),
    (lambda: changed("scan", concurrency="many"), ["scan.concurrency was 'many' and is left out"]),
    (lambda: changed("scan", concurrency=2.5), ["scan.concurrency was 2.5 and is left out"]),
    (lambda: changed("scan", concurrency=True), ["scan.concurrency was true and is left out"]),
    (lambda: changed("scan", code_similarity_threshold=85), ["scan.code_similarity_threshold was 85 and is now 1.0"]),
    (
        lambda: changed("scan", code_similarity_threshold=1.5, intent_similarity_threshold=-0.1),
        [
            "scan.code_similarity_threshold was 1.5 and is now 1.0",
            "scan.intent_similarity_threshold was -0.1 and is now 0.0",
        ],
    ),
    (
        lambda: changed("scan", intent_similarity_threshold="0.9"),
        ["scan.intent_similarity_threshold was '0.9' and is left out"],
    ),
    (lambda: {**CONFIG, "scan": []}, ["scan is left out"]),
    (lambda: changed("llm", batch="yes"), ["llm.batch was 'yes' and is left out"]),
    (lambda: changed("llm", api_key=None), []),
    (lambda: changed("llm", api_key=" sk-0123456789\n"), ["llm.api_key was '****789\\n' and is now '****6789'"]),
    (lambda: {**CONFIG, "vector_store": {"url": "", "api_key": "secret-secret"}}, ["vector_store is left out"]),
    (lambda: {**CONFIG, "vector_store": "http://secret@qdrant"}, ["vector_store is left out"]),
    (lambda: {**CONFIG, "vector_store": {"url": "localhost:6333"}}, ["vector_store is left out"]),
    (lambda: {**CONFIG, "vector_store": {"url": "http://localhost:6333", "api_key": ""}}, []),
    (lambda: {**CONFIG, "unknown": {"kept": True}}, []),
]


@pytest.mark.parametrize(("make", "changes"), MENDED)
def test_what_can_be_put_right_is_and_is_told(make: Callable[[], JsonObject], changes: list[str]) -> None:
    stored = make()
    config, told = mended(stored)
    assert told == changes
    world = prepared(config=config)
    assert request(world, "POST", "/repos/acme/rocket/scan").status_code == 202
    # What is right stays right, and what nobody knows stays.
    assert mended(config) == (config, [])
    assert set(stored) - set(config) <= {"vector_store", "scan"}


def test_what_cannot_be_put_right_does_not_keep_the_rest_from_it() -> None:
    stored: JsonObject = {"github": {}, "llm": "gpt", "embedding": {"provider": "x"}, "scan": {"concurrency": 99}}
    config, told = mended(stored)
    assert told == ["embedding.provider was 'x' and is now 'ollama'", "scan.concurrency was 99 and is now 6"]
    assert (config["github"], config["llm"]) == ({}, "gpt")
    assert mended({}) == ({}, [])


def test_accounts_are_mended_in_place_each_change_a_line() -> None:
    world = prepared(config=changed("scan", concurrency=10))
    for config in ("{}", "not json", "[]", "null"):
        world.executor.connection.execute("INSERT INTO accounts (api_key_hash, config) VALUES (?, ?)", (config, config))
    world.executor.connection.execute(
        "INSERT INTO accounts (api_key_hash, config)"
        " SELECT 'x', json_set(config, '$.llm.url', '') FROM accounts WHERE id = 1"
    )
    assert asyncio.run(mend_accounts(world.db)) == [
        "The configuration of account 1 was mended: scan.concurrency was 10 and is now 6.",
        "The configuration of account 6 was mended: llm.url was '' and is now 'https://api.openai.com/v1'.",
        "The configuration of account 6 was mended: scan.concurrency was 10 and is now 6.",
    ]
    assert world.rows("SELECT config ->> '$.scan.concurrency' FROM accounts WHERE id IN (1, 6)") == [(6,), (6,)]
    assert asyncio.run(mend_accounts(world.db)) == []


@pytest.mark.parametrize(
    ("config", "embed_hash"),
    [
        (changed("embedding", provider="anything"), "embedded"),
        ({**CONFIG, "vector_store": {"url": ""}}, "embedded"),
        ({**CONFIG, "vector_store": {"url": "localhost:6333"}}, None),
    ],
)
def test_only_vectors_that_are_elsewhere_are_forgotten(config: JsonObject, embed_hash: str | None) -> None:
    world = prepared(config=config)
    embedded(world)
    asyncio.run(mend_accounts(world.db))
    assert world.rows("SELECT embed_hash FROM prs") == [(embed_hash,)]
