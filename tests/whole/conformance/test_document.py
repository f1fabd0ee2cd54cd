"""The OpenAPI document and the service agree: a schema fuzzer asks, and both say the same about every answer."""

import json
import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from ossgard.spec.error_codes import ErrorCode
from ossgard.spec.openapi import OPENAPI
from tests.whole.conformance.client import Account

DOCUMENT = json.loads(OPENAPI)
OPERATIONS = {
    operation.definition.raw["operationId"]: operation
    for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()
    if isinstance(found, Ok) and (operation := found.ok())
}
# What can be wrong with a request: its body, and a path parameter that is no mere text.
REFUSABLE = [name for name, operation in OPERATIONS.items() if operation.body or operation.path_parameters]
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# Nothing listens there.
CLOSED_URL = "http://127.0.0.1:9"

settings.register_profile(
    "document",
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def ask(account: Account, case: Case[Any]) -> Any:
    """Send a generated request; a configuration in it names no service that is not here."""
    if isinstance(case.body, dict):
        at_home(case.body, account.config["github"]["token"])
    return case.call(base_url=str(account.base_url), headers={"Authorization": account.headers["Authorization"]})


def at_home(value: dict[str, Any], token: str) -> None:
    """Replace every address, and the token of GitHub, by those of the world outside; what is wrong stays as it is."""
    for key, inner in value.items():
        if isinstance(inner, dict):
            at_home(inner, token)
        elif isinstance(inner, str) and len(inner) <= 2048 and re.match(r"(?i)https?://[^\s/?#]", inner):
            value[key] = CLOSED_URL
        elif isinstance(inner, str) and key == "token" and 1 <= len(inner) <= 1024:
            value[key] = token


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_the_document_allows_is_taken(account: Account, operation: str) -> None:
    @settings(settings.get_profile("document"))
    @given(case=OPERATIONS[operation].as_strategy(GenerationMode.POSITIVE))
    def check(case: Case[Any]) -> None:
        response = ask(account, case)
        case.validate_response(response, checks=CHECKS)
        assert response.status_code != 400 or response.json()["code"] != ErrorCode.INVALID_REQUEST, response.text

    check()


@pytest.mark.parametrize("operation", REFUSABLE)
def test_what_the_document_does_not_allow_is_refused(account: Account, operation: str) -> None:
    @settings(settings.get_profile("document"))
    @given(case=OPERATIONS[operation].as_strategy(GenerationMode.NEGATIVE))
    def check(case: Case[Any]) -> None:
        case.validate_response(ask(account, case), checks=[*CHECKS, negative_data_rejection])

    check()


# Requests that no generator thinks of: operation, path, and what else is odd about them.
ODDITIES: list[tuple[str, str, dict[str, Any]]] = [
    ("getHealth", "/health?unknown=1&%00=%FF&&==", {}),
    ("getHealth", "/health", {"content": b"\0" * 100}),
    ("getHealth", "/health", {"headers": {"Accept": "image/png", "Content-Type": "\x7f/;;", "Cookie": "=;;="}}),
    ("listRepos", "/repos", {"headers": {"Authorization": b"Bearer \xff\xfe"}}),
    ("listRepos", "/repos?owner=%ED%A0%80", {}),
    ("createRepo", "/repos", {"content": b'{"owner": "\\ud800", "name": "x"}'}),
    ("createRepo", "/repos", {"content": b'{"owner": "\\u0000", "name": "x"}'}),
    ("createRepo", "/repos", {"content": b'{"owner": "a", "name": "b"}', "headers": {"Content-Type": "image/png"}}),
    ("createRepo", "/repos", {"content": b"x" * (1024 * 1024 + 1)}),
    ("createRepo", "/repos", {"content": b"[" * 100_000}),
    ("createRepo", "/repos", {"content": b'{"owner": ' + b"9" * 5000 + b', "name": NaN}'}),
    ("startScan", "/repos/acme/rocket/scan", {"content": b" " * (1024 * 1024 + 1)}),
    ("startScan", "/repos/acme/rocket/scan", {"content": b" " * (1024 * 1024 - 1) + b"x"}),
    ("startScan", "/repos/acme/rocket/scan", {"content": b"[" + b" " * (1024 * 1024 - 1)}),
    ("startScan", "/repos/acme/rocket/scan", {"content": b'{"maxPrs": -0.0}'}),
    ("startScan", "/repos/acme/rocket/scan", {"content": b'{"maxPrs": 1e999}'}),
    ("startScan", "/repos/acme/rocket/scan", {"content": b'{"full": false, "full": 1}'}),
    ("startScan", "/repos//rocket/scan", {}),
    ("startScan", "/repos/acme/%00/scan", {}),
    ("deleteRepo", "/repos/acme/", {}),
    ("deleteRepo", "/repos/acme/a%2Fscan", {}),
    ("deleteRepo", "/repos/acme/%2e%2e", {}),
    ("deleteRepo", "/repos/%2E/rocket", {}),
    ("deleteRepo", "/repos/%2e%2e/repos", {}),
    ("deleteRepo", "/repos/%ED%A0%80/%C3", {}),
    ("deleteRepo", "/repos/acme/%", {}),
    ("getDupes", "/repos/acme/rocket%0A/dupes", {}),
    ("getDupes", "/repos/acme/" + "x" * 5000 + "/dupes", {}),
    ("getScan", "/scans/", {}),
    ("getScan", "/scans/1%2F2", {}),
    ("getScan", "/scans/%D9%A3", {}),
    ("getScan", "/scans/" + "9" * 5000, {}),
    ("getScan", "/scans/-9007199254740993", {}),
    ("getScan", "/scans/1.0", {}),
    ("getReview", "/repos/acme/rocket/review/0x1", {}),
    ("getReview", "/repos/acme/rocket/review/1;v=2", {}),
]


@pytest.mark.parametrize(("operation", "path", "request_"), ODDITIES)
def test_an_odd_request_has_a_documented_answer(
    account: Account, operation: str, path: str, request_: dict[str, Any]
) -> None:
    asked = OPERATIONS[operation]
    answer = account.request(asked.method, path, **request_)
    assert answer.status_code < 500
    asked.validate_response(answer)


METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS")


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_a_method_that_the_document_lacks_is_not_allowed(account: Account, path: str) -> None:
    documented = {name.upper() for name in DOCUMENT["paths"][path]}
    for method in set(METHODS) - documented:
        places = {"owner": "acme", "name": "rocket", "scanId": "1", "prNumber": "1", "otherPrNumber": "2"}
        answer = account.request(method, path.format(**places))
        assert (answer.status_code, answer.json()["code"]) == (405, ErrorCode.METHOD_NOT_ALLOWED), method
        assert documented <= set(answer.headers["allow"].split(", ")), method
