"""Starting scans, watching them, and asking for what they found."""

import uuid
from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.outside.github_api import GitHubApi
from tests.whole.conformance.client import Account


def test_a_scan_is_accepted_and_tracks_the_repository(account: Account, busy_repository: str) -> None:
    answer = account.post(f"/repos/{busy_repository}/scan")
    assert answer.status_code == 202
    assert set(answer.json()) == {"scanId", "jobId", "status"}
    assert answer.json()["status"] == "queued"
    uuid.UUID(answer.json()["jobId"])
    [repo] = account.get("/repos").json()
    assert f"{repo['owner']}/{repo['name']}" == busy_repository
    assert (repo["activeScanStatus"], repo["activeScanPrCount"], repo["activeScanDupeGroupCount"]) == ("queued", 0, 0)


def test_a_scan_shows_all_its_fields(account: Account, busy_repository: str) -> None:
    scan_id = account.post(f"/repos/{busy_repository}/scan", json={"full": True, "maxPrs": 50}).json()["scanId"]
    scan = account.get(f"/scans/{scan_id}").json()
    assert scan.pop("startedAt")
    assert scan == {
        "id": scan_id,
        "repoId": account.get("/repos").json()[0]["id"],
        "status": "queued",
        "phaseCursor": {"full": True, "maxPrs": 50},
        "prCount": 0,
        "dupeGroupCount": 0,
        "inputTokens": 0,
        "outputTokens": 0,
        "embeddingTokens": 0,
        "completedAt": None,
        "error": None,
        "progress": None,
        "warnings": [],
    }


def test_an_active_scan_is_answered_with_its_id(account: Account, busy_repository: str) -> None:
    first = account.post(f"/repos/{busy_repository}/scan").json()
    again = account.post(f"/repos/{busy_repository}/scan", json={"full": True})
    assert (again.status_code, again.json()) == (200, {"scanId": first["scanId"], "status": "queued"})


def test_a_scan_of_an_empty_repository_is_done(account: Account) -> None:
    answer = account.post("/repos/acme/rocket/scan")
    scan = account.ended_scan(answer.json()["scanId"])
    assert (scan["status"], scan["error"]) == ("done", None)
    assert (scan["prCount"], scan["dupeGroupCount"], scan["progress"]) == (0, 0, None)
    [repo] = account.get("/repos").json()
    assert (repo["activeScanStatus"], repo["lastScanAt"]) == (None, scan["completedAt"])
    dupes = account.get("/repos/acme/rocket/dupes").json()
    assert (dupes["scanId"], dupes["completedAt"], dupes["groups"]) == (scan["id"], scan["completedAt"], [])


def test_after_a_scan_has_ended_another_can_start(account: Account) -> None:
    first = account.post("/repos/acme/rocket/scan").json()["scanId"]
    account.ended_scan(first)
    second = account.post("/repos/acme/rocket/scan")
    assert second.status_code == 202
    assert second.json()["scanId"] > first
    account.ended_scan(second.json()["scanId"])


def test_a_repository_that_github_does_not_have_fails_the_scan(account: Account) -> None:
    scan = account.ended_scan(account.post("/repos/acme/no-such-thing/scan").json()["scanId"])
    assert scan["error"] == (
        "GitHub has no repository acme/no-such-thing, or the account's token may not read it. "
        "Check the name and the token's access, then start the scan again"
    )


def test_a_token_revoked_after_registration_fails_the_scan(account: Account, github: GitHubApi) -> None:
    github.revoke(account.config["github"]["token"])
    scan = account.ended_scan(account.post("/repos/acme/rocket/scan").json()["scanId"])
    assert scan["error"] == (
        "GitHub refuses the account's token: Bad credentials. "
        "Replace github.token in the account's configuration, then start the scan again"
    )


def test_a_token_that_may_not_read_the_repository_fails_the_scan(account: Account, github: GitHubApi) -> None:
    body = {"message": "Resource protected by organization SAML enforcement."}
    github.fail(account.config["github"]["token"], "/repos/", status=403, body=body)
    scan = account.ended_scan(account.post("/repos/acme/rocket/scan").json()["scanId"])
    assert scan["error"] == (
        "GitHub does not let this token read acme/rocket: Resource protected by organization SAML enforcement "
        "(status 403). Give it access, or replace github.token in the account's configuration, then start the scan "
        "again"
    )


def test_an_error_that_passes_does_no_harm(account: Account, github: GitHubApi) -> None:
    github.fail(account.config["github"]["token"], "/repos/", status=503, times=1)
    scan = account.ended_scan(account.post("/repos/acme/rocket/scan").json()["scanId"])
    assert (scan["status"], scan["error"]) == ("done", None)


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \r\n\t",
        BOM,
        b"null",
        b" null\n",
        b"[]",
        b"[ ]",
        BOM + b"null",
        b"{}",
        BOM + b"{}",
        b'{"other": 1}',
        b'{"full": null, "maxPrs": null}',
    ],
)
def test_a_body_that_says_nothing_means_the_defaults(account: Account, busy_repository: str, body: bytes) -> None:
    answer = account.post(f"/repos/{busy_repository}/scan", content=body)
    assert answer.status_code == 202
    scan = account.get(f"/scans/{answer.json()['scanId']}").json()
    assert scan["phaseCursor"] == {"full": False, "maxPrs": None}


def test_a_whole_number_may_be_written_with_a_fraction_of_zero(account: Account, busy_repository: str) -> None:
    scan_id = account.post(f"/repos/{busy_repository}/scan", content=b'{"maxPrs": 1e1}').json()["scanId"]
    assert account.get(f"/scans/{scan_id}").json()["phaseCursor"] == {"full": False, "maxPrs": 10}


@pytest.mark.parametrize(
    "body",
    [
        b"nope",
        b"{",
        b"\xff",
        b'{"maxPrs": 1',
        b'{"maxPrs": 1,}',
        b"{'maxPrs': 1}",
        b"maxPrs=1",
        b'{"maxPrs": 1} x',
        b'{"maxPrs": 1, "note": "\xff"}',
        b"\xff\xfe{\x00}\x00",
        b"[1]",
        b"[{}]",
        b"[null]",
        b"1",
        b"false",
        b'""',
        b"nullnull",
        b"\x00",
    ],
)
def test_a_body_that_cannot_be_read_starts_no_scan(account: Account, busy_repository: str, body: bytes) -> None:
    answer = account.post(f"/repos/{busy_repository}/scan", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
    assert answer.json()["error"]["formErrors"][0].startswith("The body ")
    assert account.get("/repos").json() == []


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"full": "yes"}, {"full": ["must be true or false"]}),
        ({"maxPrs": 0}, {"maxPrs": ["must be at least 1"]}),
        ({"maxPrs": -5}, {"maxPrs": ["must be at least 1"]}),
        ({"maxPrs": 1.5}, {"maxPrs": ["must be a whole number"]}),
        ({"maxPrs": "10"}, {"maxPrs": ["must be a whole number"]}),
        ({"maxPrs": 2**53}, {"maxPrs": ["must be at most 9007199254740991"]}),
        ({"maxPrs": 10**40}, {"maxPrs": ["must be at most 9007199254740991"]}),
    ],
)
def test_options_that_make_no_sense_are_refused(account: Account, body: object, fields: object) -> None:
    answer = account.post("/repos/acme/rocket/scan", json=body)
    assert answer.status_code == 400
    assert answer.json() == {"error": {"formErrors": [], "fieldErrors": fields}, "code": "INVALID_REQUEST"}
    assert account.get("/repos").json() == []


@pytest.mark.parametrize(("owner", "field"), [("a b", "owner"), ("x" * 101, "owner"), ("tab\t", "owner")])
def test_a_repository_without_a_proper_name_is_not_tracked(account: Account, owner: str, field: str) -> None:
    answer = account.post(f"/repos/{quote(owner)}/rocket/scan")
    assert answer.status_code == 400
    assert set(answer.json()["error"]["fieldErrors"]) == {field}
    assert account.get("/repos").json() == []


@pytest.mark.parametrize("name", ["naïve-😀", "a%b", "it's", "a?b#c"])
def test_unusual_names_reach_github_whole(account: Account, github: GitHubApi, name: str) -> None:
    github.add_repository("acme", name)
    scan = account.ended_scan(account.post(f"/repos/acme/{quote(name)}/scan").json()["scanId"])
    assert (scan["status"], scan["error"]) == ("done", None)


@pytest.mark.parametrize("scan_id", ["abc", "1.5", "1e3", "0x10", "%20", "1%20", "٣", "--1", "1;", "NaN"])
def test_a_scan_id_that_is_not_a_number_is_refused(account: Account, scan_id: str) -> None:
    answer = account.get(f"/scans/{scan_id}")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("scanId must be a whole number")


@pytest.mark.parametrize("scan_id", [0, -1, 999_999_999, 2**53 - 1, 2**53, 2**63, -(2**63), 10**400])
def test_a_scan_that_does_not_exist_is_not_found(account: Account, scan_id: int) -> None:
    answer = account.get(f"/scans/{scan_id}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "SCAN_NOT_FOUND"


def test_another_accounts_scan_is_not_found(register: Callable[[], Account], github: GitHubApi) -> None:
    mine, theirs = register(), register()
    scan_id = mine.post("/repos/acme/rocket/scan").json()["scanId"]
    assert mine.get(f"/scans/{scan_id}").status_code == 200
    answer = theirs.get(f"/scans/{scan_id}")
    assert answer.status_code == 404
    assert answer.json() == {"error": f"There is no scan {scan_id}", "code": "SCAN_NOT_FOUND"}


def test_two_accounts_scan_the_same_repository_apart(register: Callable[[], Account]) -> None:
    scans = [account.post("/repos/acme/rocket/scan") for account in (register(), register())]
    assert [scan.status_code for scan in scans] == [202, 202]
    assert scans[0].json()["scanId"] != scans[1].json()["scanId"]


def test_duplicates_of_a_repository_that_is_not_tracked_are_not_found(account: Account) -> None:
    answer = account.get("/repos/acme/rocket/dupes")
    assert answer.status_code == 404
    assert answer.json() == {"error": "acme/rocket is not tracked", "code": "REPO_NOT_TRACKED"}


def test_duplicates_of_a_repository_without_a_completed_scan_are_not_found(account: Account) -> None:
    account.ended_scan(account.post("/repos/acme/missing/scan").json()["scanId"])
    answer = account.get("/repos/acme/missing/dupes")
    assert answer.status_code == 404
    assert answer.json() == {"error": "No scan of acme/missing is completed yet", "code": "REPO_NOT_SCANNED"}
