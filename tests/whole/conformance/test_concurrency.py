"""Requests at the same time."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.whole.conformance.client import Account


def at_once(request: Callable[[], httpx.Response], times: int = 16) -> list[httpx.Response]:
    with ThreadPoolExecutor(times) as pool:
        return [future.result() for future in [pool.submit(request) for _ in range(times)]]


def test_one_of_many_tracks_a_repository(account: Account) -> None:
    answers = at_once(lambda: account.post("/repos", json={"owner": "acme", "name": "rocket"}))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 15}


def test_one_of_many_starts_the_scan_and_the_others_join_it(account: Account, busy_repository: str) -> None:
    answers = at_once(lambda: account.post(f"/repos/{busy_repository}/scan"))
    assert Counter(answer.status_code for answer in answers) == {202: 1, 200: 15}
    assert len({answer.json()["scanId"] for answer in answers}) == 1
    assert len(account.get("/repos").json()) == 1


def test_one_of_many_deletes(account: Account) -> None:
    account.post("/repos", json={"owner": "acme", "name": "rocket"}).raise_for_status()
    answers = at_once(lambda: account.delete("/repos/acme/rocket"))
    assert Counter(answer.status_code for answer in answers) == {204: 1, 404: 15}


def test_accounts_are_not_mixed_up(register: Callable[[], Account]) -> None:
    accounts = [register() for _ in range(4)]
    for number, account in enumerate(accounts):
        account.post("/repos", json={"owner": "acme", "name": f"repo-{number}"}).raise_for_status()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: (n % 4, accounts[n % 4].get("/repos").json()), range(80)))
    assert all([repo["name"] for repo in repos] == [f"repo-{number}"] for number, repos in answers)


def test_scans_of_many_repositories_all_end(account: Account) -> None:
    for number in range(8):
        account.post("/repos", json={"owner": "acme", "name": f"missing-{number}"}).raise_for_status()
    scans = [account.post(f"/repos/acme/missing-{number}/scan").json()["scanId"] for number in range(8)]
    assert {account.ended_scan(scan)["status"] for scan in scans} == {"failed"}


def test_changes_at_once_leave_one_of_them(account: Account) -> None:
    labels = [f"label {number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(
            lambda label: account.put("/accounts/me", json={"label": label, "config": account.config}), labels
        )
    assert {answer.status_code for answer in answers} == {200}
    assert account.get("/accounts/me").json()["label"] in labels
