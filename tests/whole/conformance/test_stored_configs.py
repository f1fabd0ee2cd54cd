"""A stored configuration that is not valid: what needs it tells what is wrong with it, and all else goes on."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.whole.conformance.client import Account
from tests.whole.conformance.conftest import Target

NEEDY = {"POST /repos/{owner}/{name}/scan", "GET /repos/{owner}/{name}/review/{prNumber}"}
BROKEN = [("{}", "github is required"), ('{"github": {"token": "ghp_x"}, "llm": "gpt"}', "llm must be an object")]


@pytest.mark.parametrize(("config", "problem"), BROKEN)
def test_every_route_answers_over_a_stored_configuration_that_is_not_valid(
    register: Callable[[], Account], target: Target, config: str, problem: str
) -> None:
    account = register()
    assert account.post("/repos", json={"owner": "acme", "name": "rocket"}).status_code == 201
    places = {"owner": "acme", "name": "rocket", "prNumber": "1", "otherPrNumber": "2", "scanId": "1"}
    paths = account.get("/openapi.json").json()["paths"]
    routes = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    assert {f"{method} {path}" for method, path in routes} >= NEEDY
    account_id = account.get("/accounts/me").json()["id"]
    # What deletes comes late, and last of all what deletes the account.
    for method, path in sorted(routes, key=lambda route: (route[1] == "/reset", route[0] == "DELETE")):
        target.execute("UPDATE accounts SET config = ? WHERE id = ?", config, account_id)
        body: dict[str, Any] = (
            {"config": account.config} if path.startswith("/accounts") else {"owner": "acme", "name": "rocket"}
        )
        if path.endswith("/verdicts"):
            body = {"prNumber": 1, "otherPrNumbers": [2], "verdict": "keep"}
        sent: dict[str, Any] = {"json": body} if method in ("POST", "PUT") and not path.endswith("/scan") else {}
        answer = account.request(method, path.format(**places), **sent)
        if f"{method} {path}" in NEEDY:
            assert (answer.status_code, answer.json()["code"]) == (400, "CONFIG_INVALID"), (method, path)
            assert answer.json()["error"].startswith("The account's stored configuration is not valid: ")
            assert problem in answer.json()["error"]
        else:
            assert answer.status_code < 500, (method, path, answer.text)
            assert answer.status_code not in (400, 401), (method, path, answer.text)
