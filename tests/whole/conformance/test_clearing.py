"""Clearing touches what is the caller's, and nothing else."""

from collections.abc import Callable

import pytest

from tests.whole.conformance.client import Account

ROUTES = ["/clear-scans", "/clear-repos", "/reset"]


def with_scan(account: Account) -> int:
    scan_id: int = account.post("/repos/acme/rocket/scan").json()["scanId"]
    account.ended_scan(scan_id)
    return scan_id


def test_clearing_scans_keeps_repositories(account: Account) -> None:
    scan_id = with_scan(account)
    answer = account.post("/clear-scans")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert account.get(f"/scans/{scan_id}").status_code == 404
    assert len(account.get("/repos").json()) == 1


def test_clearing_repositories_takes_scans_along(account: Account) -> None:
    scan_id = with_scan(account)
    answer = account.post("/clear-repos")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert account.get(f"/scans/{scan_id}").status_code == 404
    assert account.get("/repos").json() == []
    assert account.get("/accounts/me").status_code == 200


def test_a_reset_deletes_the_account(account: Account) -> None:
    with_scan(account)
    answer = account.post("/reset")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert account.get("/accounts/me").status_code == 401
    assert account.post("/reset").status_code == 401


@pytest.mark.parametrize("route", ROUTES)
def test_another_account_loses_nothing(register: Callable[[], Account], route: str) -> None:
    mine, theirs = register(), register()
    scan_id = with_scan(theirs)
    before = theirs.get("/repos").json()
    mine.post(route).raise_for_status()
    assert theirs.get("/repos").json() == before
    assert theirs.get(f"/scans/{scan_id}").status_code == 200


@pytest.mark.parametrize("route", ROUTES)
def test_clearing_stops_an_active_scan(account: Account, busy_repository: str, route: str) -> None:
    scan_id = account.post(f"/repos/{busy_repository}/scan").json()["scanId"]
    account.post(route).raise_for_status()
    assert account.get(f"/scans/{scan_id}").status_code in (404, 401)


@pytest.mark.parametrize("route", ROUTES)
def test_clearing_nothing_is_fine(account: Account, route: str) -> None:
    assert account.post(route, content=b"whatever").status_code == 200
