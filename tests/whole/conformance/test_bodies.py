"""Bodies that are no JSON, no object, or too much."""

import httpx
import pytest

from tests.whole.conformance.client import Account


def invalid(message: str) -> dict[str, object]:
    return {"error": {"formErrors": [message], "fieldErrors": {}}, "code": "INVALID_REQUEST"}


NOT_JSON = invalid("The body is not valid JSON")
NOT_AN_OBJECT = invalid("The body must be a JSON object")
TOO_LARGE = {"error": "The body may have at most 1048576 bytes", "code": "BODY_TOO_LARGE"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nope",
        b"{'a': 1}",
        b'{"owner": "a", "name": "b"} x',
        b"\xff\xfe",
        b"\x00",
        b"[" * 100_000,
        b'{"owner": "\\ud800", "name": "lone surrogate"}',
    ],
)
def test_a_body_that_is_not_json_is_refused(account: Account, body: bytes) -> None:
    answer = account.post("/repos", content=body)
    assert (answer.status_code, answer.json()) == (400, NOT_JSON)


@pytest.mark.parametrize("body", [b"null", b"[]", b"1", b'"text"', b"true"])
def test_a_body_that_is_no_object_is_refused(account: Account, body: bytes) -> None:
    answer = account.post("/repos", content=body)
    assert (answer.status_code, answer.json()) == (400, NOT_AN_OBJECT)


def test_the_content_type_does_not_matter(account: Account) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8"):
        answer = account.post("/repos", content=b"{}", headers={"Content-Type": kind})
        assert answer.json()["error"]["fieldErrors"] == {"owner": ["is required"], "name": ["is required"]}


def test_a_body_of_a_megabyte_is_read(anonymous: httpx.Client) -> None:
    body = b'{"label": "' + b"x" * (1024 * 1024 - 13) + b'"}'
    assert len(body) == 1024 * 1024
    answer = anonymous.post("/accounts", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["fieldErrors"]["label"] == ["must have at most 200 characters"]


@pytest.mark.parametrize("route", ["/repos", "/repos/acme/rocket/scan"])
def test_a_larger_body_is_too_large(account: Account, route: str) -> None:
    answer = account.post(route, content=b" " * (1024 * 1024 + 1))
    assert (answer.status_code, answer.json()) == (413, TOO_LARGE)
    assert account.get("/repos").json() == []
