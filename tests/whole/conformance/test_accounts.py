"""Registering an account, looking at it and changing it."""

import copy
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ossgard.spec.settings import VECTOR_DIMENSIONS
from tests.outside.github_api import GitHubApi
from tests.outside.world import World
from tests.whole.conformance.client import Account
from tests.whole.conformance.conftest import Target

Config = dict[str, Any]


def register(client: httpx.Client, config: Config, **more: Any) -> httpx.Response:
    return client.post("/accounts", json={"config": config, **more})


def test_a_new_account_gets_an_api_key(anonymous: httpx.Client, config: Config) -> None:
    answer = register(anonymous, config, label="me")
    assert answer.status_code == 201
    assert set(answer.json()) == {"apiKey", "warnings"}
    assert answer.json()["warnings"] == []
    me = anonymous.get("/accounts/me", headers={"Authorization": f"Bearer {answer.json()['apiKey']}"})
    assert me.status_code == 200
    assert set(me.json()) == {"id", "label", "config", "createdAt", "updatedAt"}
    assert me.json()["label"] == "me"


def test_every_api_key_is_another(register: Callable[[], Account]) -> None:
    assert len({register().api_key for _ in range(3)}) == 3


def test_the_token_is_shown_to_github_as_it_is_documented(
    anonymous: httpx.Client, config: Config, outside: World
) -> None:
    register(anonymous, config)
    [seen] = [request for request in outside.requests("github.*") if request.key == config["github"]["token"]]
    headers = seen.headers
    assert (seen.method, seen.endpoint) == ("GET", "github.user")
    assert headers["authorization"] == f"Bearer {seen.key}"
    assert headers["accept"] == "application/vnd.github+json"
    assert headers["x-github-api-version"] == "2022-11-28"
    assert headers["user-agent"] == "ossgard"


def test_secrets_show_their_last_four_characters(account: Account, config: Config) -> None:
    shown = account.get("/accounts/me").json()["config"]
    assert shown["github"]["token"] == "****" + account.config["github"]["token"][-4:]
    assert shown["llm"] == {**config["llm"], "api_key": "****cdef"}
    assert shown["embedding"] == {**config["embedding"], "api_key": "****cdef"}


def test_short_secrets_show_nothing(anonymous: httpx.Client, config: Config) -> None:
    config["llm"]["api_key"] = "sk-1234"
    config["embedding"]["api_key"] = ""
    key = register(anonymous, config).json()["apiKey"]
    shown = anonymous.get("/accounts/me", headers={"Authorization": f"Bearer {key}"}).json()["config"]
    assert (shown["llm"]["api_key"], shown["embedding"]["api_key"]) == ("****", "")


def test_everything_optional_is_kept(anonymous: httpx.Client, config: Config, outside: World) -> None:
    config["vector_store"] = {"url": outside.qdrant_url, "api_key": "qdrant-secret"}
    config["scan"] = {"concurrency": 2, "code_similarity_threshold": 1, "intent_similarity_threshold": 0.25}
    config["ai_gateway"] = {"account_id": "0123abcd", "gateway_name": "my-gateway"}
    config["llm"]["batch"] = True
    answer = register(anonymous, config)
    assert answer.status_code == 201, answer.text
    me = anonymous.get("/accounts/me", headers={"Authorization": f"Bearer {answer.json()['apiKey']}"}).json()
    assert me["config"]["scan"] == config["scan"]
    assert me["config"]["ai_gateway"] == config["ai_gateway"]
    assert me["config"]["vector_store"] == {"url": outside.qdrant_url, "api_key": "****cret"}
    assert me["config"]["llm"]["batch"] is True


def test_unknown_fields_are_ignored(anonymous: httpx.Client, config: Config) -> None:
    answer = register(anonymous, {**config, "surprise": {"secret": "x"}}, extra=1)
    assert answer.status_code == 201
    me = anonymous.get("/accounts/me", headers={"Authorization": f"Bearer {answer.json()['apiKey']}"}).json()
    assert "surprise" not in me["config"]


def test_a_token_that_github_refuses_is_refused(anonymous: httpx.Client, config: Config, github: GitHubApi) -> None:
    github.revoke(config["github"]["token"])
    answer = register(anonymous, config)
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "GitHub refuses the account's token: Bad credentials. Create one at https://github.com/settings/tokens",
        "code": "GITHUB_TOKEN_REFUSED",
    }


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "tschüß", "\u0000", "nul\u0000l"])
def test_a_token_that_no_header_can_carry_is_refused(anonymous: httpx.Client, config: Config, token: str) -> None:
    config["github"]["token"] = token
    answer = register(anonymous, config)
    assert answer.status_code == 400
    assert answer.json()["error"]["fieldErrors"] == {"config": ["github.token has characters that no token has"]}


UNCHECKED: list[tuple[dict[str, Any], str, str]] = [
    ({"status": 502}, "GitHub failed: Server Error (status 502)", "60"),
    ({"status": 429, "headers": {"retry-after": "30"}}, "rate limit", "30"),
    ({"status": 403, "body": {"message": "You have triggered an abuse detection mechanism."}}, "rate limit", "60"),
    ({"status": 404, "body": {"message": "Not Found"}}, "is not GitHub's REST API (status 404)", "60"),
    ({"status": 200, "body": {"hello": "world"}}, "is not GitHub's REST API (status 200)", "60"),
    ({"status": 200, "body": {"login": None}}, "is not GitHub's REST API (status 200)", "60"),
    ({"status": 403, "body": {"error": "go away"}}, "is not GitHub's REST API (status 403)", "60"),
]


@pytest.mark.parametrize(("fault", "reason", "wait"), UNCHECKED)
def test_a_token_that_github_cannot_check_is_a_warning_and_registers_nobody_in_the_cloud(
    anonymous: httpx.Client,
    config: Config,
    github: GitHubApi,
    target: Target,
    fault: dict[str, Any],
    reason: str,
    wait: str,
) -> None:
    github.fail(config["github"]["token"], "/user", times=1, **fault)
    answer = register(anonymous, config)
    assert answer.status_code == (503 if target.is_cloud else 201)
    told = answer.json()["error"] if target.is_cloud else " ".join(answer.json()["warnings"])
    assert told.startswith("The GitHub token could not be checked")
    assert reason in told
    assert answer.headers.get("retry-after") == (wait if target.is_cloud else None)
    assert (register(anonymous, config).status_code, register(anonymous, config).json()["warnings"]) == (201, [])


def test_a_change_is_only_warned_while_github_cannot_be_asked(account: Account, github: GitHubApi) -> None:
    github.fail(account.config["github"]["token"], "/user", status=503, times=1)
    answer = account.put("/accounts/me", json={"config": account.config})
    assert answer.status_code == 200
    assert answer.json()["warnings"][0].startswith("The GitHub token could not be checked: GitHub failed")


SSO = "https://github.com/orgs/acme/sso?authorization_request=AB12"
REFUSALS: list[tuple[dict[str, Any], str]] = [
    (
        {
            "status": 403,
            "body": {"message": "Resource protected by organization SAML enforcement."},
            "headers": {"x-github-sso": f"required; url={SSO}"},
        },
        f"SAML enforcement. Authorise it for single sign-on at {SSO}",
    ),
    (
        {"status": 403, "body": {"message": "Sorry. Your account was suspended."}},
        "Use a token of an account that is in",
    ),
    ({"status": 403, "body": {"message": "Your account has been blocked"}}, "Use a token of an account that is in"),
    (
        {"status": 403, "body": {"message": "`acme` forbids access via a personal access token (classic)"}},
        "forbids access via a personal access token (classic). Create one at https://github.com/settings/tokens",
    ),
    ({"status": 401, "body": {"message": "Requires authentication"}}, "Requires authentication. Create one at"),
]


@pytest.mark.parametrize(("fault", "told"), REFUSALS)
def test_refusals_of_a_token_are_told_apart(
    anonymous: httpx.Client, config: Config, github: GitHubApi, fault: dict[str, Any], told: str
) -> None:
    github.fail(config["github"]["token"], "/user", **fault)
    answer = register(anonymous, config)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("GitHub refuses the account's token: ")
    assert told in answer.json()["error"]


def test_a_token_that_stands_for_no_user_is_a_good_one(
    anonymous: httpx.Client, config: Config, github: GitHubApi
) -> None:
    body = {"message": "Resource not accessible by integration"}
    github.fail(config["github"]["token"], "/user", status=403, body=body)
    answer = register(anonymous, config)
    assert (answer.status_code, answer.json()["warnings"]) == (201, [])


def test_services_that_refuse_connections_are_warned_about(
    anonymous: httpx.Client, config: Config, closed_url: str
) -> None:
    config["llm"]["url"] = closed_url
    config["embedding"]["url"] = closed_url + "/v1"
    answer = register(anonymous, config)
    assert answer.status_code == 201
    chat, embedding = answer.json()["warnings"]
    assert chat.startswith(f"The chat model (llm.url) at {closed_url} could not be reached")
    assert embedding.startswith(f"The embedding model (embedding.url) at {closed_url}/v1 could not be reached")


def test_services_that_never_answer_are_warned_about_in_time(
    anonymous: httpx.Client, config: Config, silent_url: str
) -> None:
    config["llm"]["url"] = config["embedding"]["url"] = silent_url
    begun = time.monotonic()
    answer = register(anonymous, config)
    assert (answer.status_code, len(answer.json()["warnings"])) == (201, 2)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("url", ["http://no-such-host.invalid", "http://exa mple", "http://[::1"])
def test_a_url_that_leads_nowhere_is_no_failure(anonymous: httpx.Client, config: Config, url: str) -> None:
    config["llm"]["url"] = url
    assert register(anonymous, config).status_code in (201, 400)


def test_ollama_is_served_locally_and_refused_in_the_cloud(
    anonymous: httpx.Client, config: Config, target: Target, outside: World
) -> None:
    config["llm"] = {"provider": "ollama", "url": outside.ollama_url, "model": "llama3.2", "batch": True}
    config["embedding"] = {"provider": "ollama", "url": outside.ollama_url, "model": "nomic-embed-text", "batch": True}
    answer = register(anonymous, config)
    if target.is_cloud:
        assert answer.status_code == 400
        assert answer.json()["error"]["fieldErrors"] == {
            "config": [
                "llm.provider 'ollama' is not available here: use 'anthropic' or 'openai'",
                "embedding.provider 'ollama' is not available here: use 'openai' with text-embedding-3-small",
            ]
        }
    else:
        assert answer.status_code == 201
        assert answer.json()["warnings"] == [
            "llm.batch is ignored: Ollama has no batch interface",
            "embedding.batch is ignored: Ollama has no batch interface",
        ]


def test_an_embedding_model_that_the_cloud_index_cannot_hold_is_refused_there(
    anonymous: httpx.Client, config: Config, target: Target
) -> None:
    config["embedding"]["model"] = "text-embedding-ada-002"
    answer = register(anonymous, config)
    assert answer.status_code == (400 if target.is_cloud else 201)
    if target.is_cloud:
        [message] = answer.json()["error"]["fieldErrors"]["config"]
        assert f"1536 dimensions, but the vector index here has {VECTOR_DIMENSIONS}" in message
        assert "use text-embedding-3-small" in message


def without(path: str) -> Callable[[Config], None]:
    def change(config: Config) -> None:
        *parents, last = path.split(".")
        for parent in parents:
            config = config[parent]
        del config[last]

    return change


def replacing(path: str, value: Any) -> Callable[[Config], None]:
    def change(config: Config) -> None:
        *parents, last = path.split(".")
        for parent in parents:
            config = config.setdefault(parent, {})
        config[last] = value

    return change


INVALID_CONFIGS: list[tuple[Callable[[Config], None], list[str]]] = [
    (without("github"), ["github is required"]),
    (without("github.token"), ["github.token is required"]),
    (without("llm"), ["llm is required"]),
    (without("embedding.model"), ["embedding.model is required"]),
    (replacing("github", None), ["github must be an object"]),
    (replacing("github.token", ""), ["github.token must have at least 1 character(s)"]),
    (replacing("github.token", 7), ["github.token must be a text"]),
    (replacing("github.token", "x" * 1025), ["github.token must have at most 1024 characters"]),
    (replacing("llm.provider", "skynet"), ["llm.provider must be 'ollama', 'anthropic' or 'openai'"]),
    (replacing("embedding.provider", "anthropic"), ["embedding.provider must be 'ollama' or 'openai'"]),
    (replacing("llm.url", "localhost:11434"), ["llm.url must be an absolute http or https URL"]),
    (replacing("llm.url", "ftp://example.com"), ["llm.url must be an absolute http or https URL"]),
    (replacing("llm.url", "javascript:alert(1)"), ["llm.url must be an absolute http or https URL"]),
    (replacing("llm.batch", "yes"), ["llm.batch must be true or false"]),
    (replacing("scan", []), ["scan must be an object"]),
    (replacing("scan.concurrency", 0), ["scan.concurrency must be at least 1"]),
    (replacing("scan.concurrency", 7), ["scan.concurrency must be at most 6"]),
    (replacing("scan.concurrency", 1.5), ["scan.concurrency must be a whole number"]),
    (replacing("scan.concurrency", "3"), ["scan.concurrency must be a whole number"]),
    (replacing("scan.code_similarity_threshold", 1.01), ["scan.code_similarity_threshold must be at most 1"]),
    (replacing("scan.code_similarity_threshold", True), ["scan.code_similarity_threshold must be a number"]),
    (replacing("llm.provider", ""), ["llm.provider must be 'ollama', 'anthropic' or 'openai'"]),
    (replacing("llm.url", 7), ["llm.url must be a text"]),
    (replacing("llm.model", "  "), ["llm.model must have at least 1 character(s)"]),
    (replacing("llm.api_key", "tschüß"), ["llm.api_key has characters that no key has"]),
    (replacing("ai_gateway", {"account_id": "a/b"}), ["ai_gateway.account_id", "ai_gateway.gateway_name is required"]),
]


@pytest.mark.parametrize(("change", "messages"), INVALID_CONFIGS)
@pytest.mark.parametrize("route", ["POST /accounts", "PUT /accounts/me"])
def test_a_bad_configuration_is_refused_and_the_place_named(
    account: Account, change: Callable[[Config], None], messages: list[str], route: str
) -> None:
    config = copy.deepcopy(account.config)
    change(config)
    answer = account.request(*route.split(" "), json={"config": config})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["formErrors"] == []
    assert set(error["fieldErrors"]) == {"config"}
    found = error["fieldErrors"]["config"]
    assert len(found) == len(messages)
    assert all(text.startswith(message) for text, message in zip(found, messages, strict=True)), found


def test_several_faults_are_named_at_once(anonymous: httpx.Client) -> None:
    answer = anonymous.post("/accounts", json={"label": 5, "config": 7})
    assert answer.json() == {
        "error": {
            "formErrors": [],
            "fieldErrors": {"label": ["must be a text"], "config": ["must be an object"]},
        },
        "code": "INVALID_REQUEST",
    }


def test_a_change_replaces_the_configuration_and_keeps_the_label(account: Account, config: Config) -> None:
    config["llm"]["model"] = "gpt-4.1"
    answer = account.put("/accounts/me", json={"config": config})
    assert (answer.status_code, answer.json()) == (200, {"updated": True, "warnings": []})
    me = account.get("/accounts/me").json()
    assert (me["config"]["llm"]["model"], me["label"]) == ("gpt-4.1", "tester")


@pytest.mark.parametrize("label", ["new", None, "", "naïve 日本 😀 '\"%"])
def test_a_change_can_set_the_label(account: Account, label: str | None) -> None:
    account.put("/accounts/me", json={"label": label, "config": account.config}).raise_for_status()
    assert account.get("/accounts/me").json()["label"] == label


def test_secrets_sent_back_as_they_are_shown_stay(account: Account, outside: World) -> None:
    shown = account.get("/accounts/me").json()["config"]
    shown["llm"]["model"] = "gpt-4.1"
    asked = len(outside.requests("github.user"))
    assert account.put("/accounts/me", json={"config": shown}).json() == {"updated": True, "warnings": []}
    # GitHub was asked with the true token, so it was not lost.
    sent = [request.key for request in outside.requests("github.user")[asked:]]
    assert account.config["github"]["token"] in sent
    assert account.get("/accounts/me").json()["config"]["github"] == shown["github"]


def test_a_masked_secret_that_is_not_the_stored_one_is_refused(account: Account) -> None:
    shown = account.get("/accounts/me").json()["config"]
    shown["llm"]["api_key"] = "****zzzz"
    answer = account.put("/accounts/me", json={"config": shown})
    assert answer.status_code == 400
    assert answer.json()["error"]["fieldErrors"] == {
        "config": ["llm.api_key is a masked secret: send the secret itself"]
    }


def test_a_change_to_a_refused_token_changes_nothing(account: Account, config: Config, github: GitHubApi) -> None:
    before = account.get("/accounts/me").json()
    github.revoke(config["github"]["token"])
    answer = account.put("/accounts/me", json={"label": "lost", "config": config})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("GitHub refuses the account's token")
    assert account.get("/accounts/me").json() == before
