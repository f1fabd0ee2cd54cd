"""What holds for every request: health, the description, unknown routes and methods, and who may call."""

from typing import Any

import httpx
import pytest

from tests.whole.conformance.client import Account

METHOD_NOT_ALLOWED = {"error": "Method not allowed", "code": "METHOD_NOT_ALLOWED"}


def test_health(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["content-type"] == "application/json"


def test_head_is_get_without_a_body(anonymous: httpx.Client) -> None:
    answer = anonymous.head("/health")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    "path", ["/", "/nope", "/health/", "/repos/acme/rocket/review", "/scans", "/%FF/%00", "//health"]
)
def test_an_unknown_route_is_not_found(anonymous: httpx.Client, path: str) -> None:
    answer = anonymous.get(path)
    assert (answer.status_code, answer.json()) == (404, {"error": "Not found", "code": "NOT_FOUND"})


def test_an_unknown_method_is_refused_and_the_known_ones_named(anonymous: httpx.Client) -> None:
    answer = anonymous.delete("/repos")
    assert (answer.status_code, answer.json()) == (405, METHOD_NOT_ALLOWED)
    assert answer.headers["allow"] == "GET, HEAD, POST"


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in ("get", "post", "put", "delete")
    ]


def test_the_description_lists_every_route(anonymous: httpx.Client) -> None:
    document = anonymous.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert {(method, path) for method, path, _ in operations(document)} == {
        ("GET", "/health"),
        ("GET", "/openapi.json"),
        ("POST", "/accounts"),
        ("GET", "/accounts/me"),
        ("PUT", "/accounts/me"),
        ("GET", "/repos"),
        ("POST", "/repos"),
        ("DELETE", "/repos/{owner}/{name}"),
        ("POST", "/repos/{owner}/{name}/scan"),
        ("GET", "/scans/{scanId}"),
        ("GET", "/repos/{owner}/{name}/dupes"),
        ("GET", "/repos/{owner}/{name}/review/{prNumber}"),
        ("GET", "/repos/{owner}/{name}/verdicts"),
        ("PUT", "/repos/{owner}/{name}/verdicts"),
        ("DELETE", "/repos/{owner}/{name}/verdicts/{prNumber}/{otherPrNumber}"),
        ("POST", "/clear-scans"),
        ("POST", "/clear-repos"),
        ("POST", "/reset"),
    }


OPEN = {("GET", "/health"), ("GET", "/openapi.json"), ("POST", "/accounts")}


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer nope", "Basic bm9wZTpub3Bl", "nope", "Bearer a b", "Bearer " + "x" * 5000],
)
def test_every_other_route_needs_a_known_api_key(anonymous: httpx.Client, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for method, path, _ in operations(anonymous.get("/openapi.json").json()):
        if (method, path) in OPEN:
            continue
        url = path.format(owner="acme", name="rocket", scanId="1", prNumber="1", otherPrNumber="2")
        answer = anonymous.request(method, url, headers=headers)
        assert answer.status_code == 401, (method, path)
        assert answer.json()["code"] == "UNAUTHORIZED"
        assert isinstance(answer.json()["error"], str)
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_an_api_key_with_foreign_letters_is_not_known(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/repos", headers=[(b"Authorization", "Bearer schlüssel".encode())])
    assert answer.status_code == 401
    assert answer.json() == {"error": "The API key is not known", "code": "UNAUTHORIZED"}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_written_in_any_case(account: Account, scheme: str) -> None:
    assert account.get("/repos", headers={"Authorization": f"{scheme} {account.api_key}"}).status_code == 200


def test_an_api_key_does_not_work_in_part_or_with_more(account: Account) -> None:
    for wrong in (account.api_key[:-1], account.api_key + "0", account.api_key.upper(), "%", "' OR 1=1 --"):
        assert account.get("/repos", headers={"Authorization": f"Bearer {wrong}"}).status_code == 401
