"""Tracking repositories."""

from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.whole.conformance.client import Account

NOT_ALLOWED = "has characters that are not allowed here"
UNUSUAL = [
    "naïve",
    "日本語",
    "rocket-😀",
    "a%b",
    "%2F",
    "%25",
    "it's",
    'say"hi"',
    "');DROP-TABLE-repos;--",
    "a&b=c?d#e",
    "a+b",
    "a;b,c",
    "back\\slash",
    "{owner}",
    "...",
    "null",
    "0",
    "-1",
    "x" * 100,
    "é" * 100,
]


def test_a_new_account_tracks_nothing(account: Account) -> None:
    answer = account.get("/repos")
    assert (answer.status_code, answer.json()) == (200, [])


def test_a_tracked_repository_is_listed(account: Account) -> None:
    created = account.post("/repos", json={"owner": "acme", "name": "rocket"})
    assert created.status_code == 201
    repo = created.json()
    assert set(repo) == {"id", "owner", "name", "lastScanAt", "createdAt"}
    assert (repo["owner"], repo["name"], repo["lastScanAt"]) == ("acme", "rocket", None)
    assert account.get("/repos").json() == [
        {
            **repo,
            "prCount": 0,
            "activeScanStatus": None,
            "activeScanPrCount": None,
            "activeScanDupeGroupCount": None,
        }
    ]


def test_repositories_are_listed_in_the_order_they_were_added(account: Account) -> None:
    for name in ("zebra", "ant", "moth"):
        account.post("/repos", json={"owner": "acme", "name": name}).raise_for_status()
    repos = account.get("/repos").json()
    assert [repo["name"] for repo in repos] == ["zebra", "ant", "moth"]
    assert [repo["id"] for repo in repos] == sorted(repo["id"] for repo in repos)


def test_a_repository_is_tracked_once(account: Account) -> None:
    account.post("/repos", json={"owner": "acme", "name": "rocket"}).raise_for_status()
    answer = account.post("/repos", json={"owner": "acme", "name": "rocket"})
    assert answer.status_code == 409
    assert answer.json() == {"error": "acme/rocket is tracked already", "code": "REPO_ALREADY_TRACKED"}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"owner": ["is required"], "name": ["is required"]}),
        ({"owner": "acme"}, {"name": ["is required"]}),
        ({"owner": 1, "name": None}, {"owner": ["must be a text"], "name": ["must be a text"]}),
        ({"owner": "", "name": "x"}, {"owner": ["must have at least 1 character(s)"]}),
        ({"owner": "x" * 101, "name": "x"}, {"owner": ["must have at most 100 characters"]}),
        ({"owner": "..", "name": "."}, {"owner": ["must not be '..'"], "name": ["must not be '.'"]}),
    ],
)
def test_a_repository_without_a_proper_name_is_refused(account: Account, body: object, fields: object) -> None:
    answer = account.post("/repos", json=body)
    assert answer.status_code == 400
    assert answer.json() == {"error": {"formErrors": [], "fieldErrors": fields}, "code": "INVALID_REQUEST"}
    assert account.get("/repos").json() == []


@pytest.mark.parametrize("name", ["a/b", "a b", "tab\t", "new\nline", " ", "nul\0l", "\x85", "\u2028", "\ufeff"])
def test_slashes_spaces_and_control_characters_are_not_part_of_a_name(account: Account, name: str) -> None:
    answer = account.post("/repos", json={"owner": "acme", "name": name})
    assert answer.status_code == 400
    [message] = answer.json()["error"]["fieldErrors"]["name"]
    assert message.startswith(NOT_ALLOWED)


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_names_are_kept_and_found(account: Account, name: str) -> None:
    created = account.post("/repos", json={"owner": name, "name": name})
    assert created.status_code == 201
    assert (created.json()["owner"], created.json()["name"]) == (name, name)
    assert [repo["name"] for repo in account.get("/repos").json()] == [name]
    path = f"/repos/{quote(name, safe='')}/{quote(name, safe='')}"
    assert account.get(f"{path}/dupes").json()["error"].startswith(f"No scan of {name}/{name} is completed yet")
    assert account.delete(path).status_code == 204
    assert account.get("/repos").json() == []


@pytest.mark.parametrize("name", ["_", "%", "a_", "á", "b"])
def test_names_are_not_patterns(account: Account, name: str) -> None:
    account.post("/repos", json={"owner": "acme", "name": "a"}).raise_for_status()
    assert account.delete(f"/repos/acme/{quote(name)}").status_code == 404
    assert len(account.get("/repos").json()) == 1


def test_names_are_the_same_in_any_case_of_their_ascii_letters(account: Account) -> None:
    account.post("/repos", json={"owner": "Acme", "name": "Rocket-é"}).raise_for_status()
    for owner, name in (("acme", "rocket-é"), ("ACME", "ROCKET-é")):
        assert account.post("/repos", json={"owner": owner, "name": name}).status_code == 409
        path = f"/repos/{owner}/{quote(name)}"
        assert account.get(f"{path}/dupes").json()["error"].startswith("No scan of")
        assert account.post(f"{path}/scan").status_code in (200, 202)
    assert [(repo["owner"], repo["name"]) for repo in account.get("/repos").json()] == [("Acme", "Rocket-é")]
    assert account.delete(f"/repos/acme/{quote('rocket-É')}").status_code == 404
    assert account.delete(f"/repos/aCME/{quote('rOCKET-é')}").status_code == 204
    assert account.get("/repos").json() == []


def test_deleting_ends_the_tracking(account: Account) -> None:
    account.post("/repos", json={"owner": "acme", "name": "rocket"}).raise_for_status()
    answer = account.delete("/repos/acme/rocket")
    assert (answer.status_code, answer.content) == (204, b"")
    assert account.get("/repos").json() == []
    again = account.delete("/repos/acme/rocket")
    assert again.status_code == 404
    assert again.json() == {"error": "acme/rocket is not tracked", "code": "REPO_NOT_TRACKED"}


def test_deleting_takes_scans_along(account: Account, busy_repository: str) -> None:
    scan_id = account.post(f"/repos/{busy_repository}/scan").json()["scanId"]
    assert account.delete(f"/repos/{busy_repository}").status_code == 204
    assert account.get(f"/scans/{scan_id}").status_code == 404


@pytest.mark.parametrize(
    ("path", "field", "message"),
    [
        ("/repos/%FF/%C3%28", "owner", "must be valid Unicode"),
        ("/repos/%ED%A0%80/x", "owner", "must be valid Unicode"),
        ("/repos/%F0%9F%98%80/%00", "name", NOT_ALLOWED),
        ("/repos/acme/a%2Fdupes", "name", NOT_ALLOWED),
        ("/repos/a%2fb/%2F", "owner", NOT_ALLOWED),
        ("/repos/acme/a%20b", "name", NOT_ALLOWED),
        (f"/repos/{'x' * 4000}/{'y' * 3000}", "owner", "must have at most 100 characters"),
    ],
)
def test_a_name_in_a_path_is_checked_like_any_other(account: Account, path: str, field: str, message: str) -> None:
    answer = account.delete(path)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
    [(name, [told])] = answer.json()["error"]["fieldErrors"].items()
    assert (name, told.startswith(message)) == (field, True)


def test_a_path_may_be_encoded_more_than_it_need_be(account: Account) -> None:
    assert account.get("/%72epos").json() == []
    account.post("/repos", json={"owner": "acme", "name": "rocket"}).raise_for_status()
    assert account.delete("/repos/%61cm%65/r%6Fcket").status_code == 204


def test_accounts_do_not_see_each_others_repositories(register: Callable[[], Account]) -> None:
    mine, theirs = register(), register()
    mine.post("/repos", json={"owner": "acme", "name": "rocket"}).raise_for_status()
    assert theirs.get("/repos").json() == []
    assert theirs.delete("/repos/acme/rocket").status_code == 404
    assert theirs.get("/repos/acme/rocket/dupes").status_code == 404
    assert theirs.post("/repos", json={"owner": "acme", "name": "rocket"}).status_code == 201
    assert theirs.delete("/repos/acme/rocket").status_code == 204
    assert len(mine.get("/repos").json()) == 1
