"""The generated Worker in workerd: requests, the pipeline over Queues, what it does with what comes back."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.outside.github_api import GitHubApi
from tests.support.worker_host import DEAD_LETTERS, PIPELINE, WorkerHost, worker_host

MEGABYTE = 1024 * 1024


def client_of(host: WorkerHost, github: GitHubApi) -> tuple[httpx.Client, str]:
    """A client with an account of its own, and the account's GitHub token."""
    token = github.add_token()
    service = {"provider": "openai", "url": github.url, "api_key": "sk-0123456789"}
    config = {
        "github": {"token": token},
        "llm": {**service, "model": "gpt-test"},
        "embedding": {**service, "model": "text-embedding-3-small"},
    }
    client = httpx.Client(base_url=host.url, timeout=60, verify=False)
    answer = client.post("/accounts", json={"config": config})
    assert answer.status_code == 201, answer.text
    client.headers["authorization"] = f"Bearer {answer.json()['apiKey']}"
    return client, token


@pytest.fixture
def account(worker: WorkerHost, github: GitHubApi) -> tuple[httpx.Client, str]:
    """A client of the running Worker and its GitHub token."""
    return client_of(worker, github)


def ended(client: httpx.Client, scan: int) -> dict[str, Any]:
    """The scan, once it has ended."""
    end = ("done", "failed")
    found: dict[str, Any] = eventually(lambda: client.get(f"/scans/{scan}").json(), lambda scan: scan["status"] in end)
    return found


def eventually(read: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
    """What `read` gives once it is good."""
    deadline = time.monotonic() + 20
    while True:
        value = read()
        if good(value):
            return value
        assert time.monotonic() < deadline, f"still {value}"
        time.sleep(0.05)


def start_scan(client: httpx.Client, github: GitHubApi, name: str) -> int:
    """Start the scan of a repository that GitHub knows."""
    github.add_repository("acme", name)
    answer = client.post(f"/repos/acme/{name}/scan")
    assert answer.status_code == 202, answer.text
    scan: int = answer.json()["scanId"]
    return scan


def test_answers_requests(worker: WorkerHost) -> None:
    answer = httpx.get(f"{worker.url}/health", verify=False)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["content-type"] == "application/json"


def test_answers_without_a_body(account: tuple[httpx.Client, str]) -> None:
    client, _ = account
    client.post("/repos", json={"owner": "acme", "name": "gone"})
    answer = client.delete("/repos/acme/gone")
    assert (answer.status_code, answer.content) == (204, b"")


def test_decodes_paths_as_asgi_wants_them(account: tuple[httpx.Client, str]) -> None:
    client, _ = account
    client.post("/repos", json={"owner": "ä%b", "name": "ü?c"})
    assert client.delete("/repos/%C3%A4%25b/%C3%BC%3Fc").status_code == 204
    assert client.get("/repos/%FF/%E2%28/dupes").status_code == 400


def test_says_when_a_service_cannot_be_reached(worker: WorkerHost, github: GitHubApi) -> None:
    client, token = client_of(worker, github)
    closed = {"provider": "openai", "url": "http://127.0.0.1:1/v1", "api_key": "k"}
    config = {
        "github": {"token": token},
        "llm": {**closed, "model": "m"},
        "embedding": {**closed, "model": "text-embedding-3-small"},
    }
    warnings = client.put("/accounts/me", json={"config": config}).json()["warnings"]
    assert any("http://127.0.0.1:1/v1 could not be reached" in warning for warning in warnings)


def test_a_scan_runs_through_the_queue(account: tuple[httpx.Client, str], github: GitHubApi) -> None:
    client, _ = account
    scan = ended(client, start_scan(client, github, "through"))
    assert (scan["status"], scan["error"]) == ("done", None)
    assert scan["completedAt"] is not None


def test_an_error_that_passes_is_retried_after_a_while(account: tuple[httpx.Client, str], github: GitHubApi) -> None:
    client, token = account
    github.fail(token, "/repos/acme/flaky", status=503, times=1)
    started = time.monotonic()
    scan = ended(client, start_scan(client, github, "flaky"))
    assert scan["status"] == "done"
    assert time.monotonic() - started > 0.9


def test_a_message_that_is_given_up_fails_its_scan(
    worker: WorkerHost, account: tuple[httpx.Client, str], github: GitHubApi
) -> None:
    client, token = account
    github.limit_rate(token, "/repos/acme/stuck")
    scan = start_scan(client, github, "stuck")
    result = worker.deliver(DEAD_LETTERS, {"type": "scan", "scanId": scan, "step": 1})
    assert (len(result["explicitAcks"]), result["retryMessages"]) == (1, [])
    assert "tried too often" in ended(client, scan)["error"]


def test_a_retry_is_asked_for_with_its_delay(
    worker: WorkerHost, account: tuple[httpx.Client, str], github: GitHubApi
) -> None:
    client, token = account
    github.limit_rate(token, "/repos/acme/slow")
    scan = start_scan(client, github, "slow")
    # The message of the start has been dealt with, and has put the step off.
    eventually(lambda: client.get(f"/scans/{scan}").json()["progress"], lambda found: "waiting until" in str(found))
    [retry] = worker.deliver(PIPELINE, {"type": "scan", "scanId": scan, "step": 1})["retryMessages"]
    assert retry["delaySeconds"] >= 60


def test_a_message_that_is_none_is_acknowledged(worker: WorkerHost) -> None:
    result = worker.deliver(PIPELINE, {"no": "message"})
    assert (len(result["explicitAcks"]), result["outcome"]) == (1, "ok")


def test_the_schedule_sends_what_was_not_sent(
    worker: WorkerHost, account: tuple[httpx.Client, str], github: GitHubApi
) -> None:
    client, _ = account
    client.post("/repos", json={"owner": "acme", "name": "rocket"})
    repository = client.get("/repos").json()[0]["id"]
    account_id = client.get("/accounts/me").json()["id"]
    [row] = worker.sql("INSERT INTO scans (repo_id, account_id) VALUES (?, ?) RETURNING id", repository, account_id)
    worker.sql(
        "INSERT INTO scan_steps (scan_id, step, phase, due_at) VALUES (?, 1, 'scan', '2020-01-01T00:00:00.000Z')",
        row["id"],
    )
    worker.run_schedule()
    assert ended(client, row["id"])["status"] == "done"


@pytest.mark.parametrize("is_announced", [True, False])
def test_a_body_of_100_megabytes_is_read_no_further_than_needed(worker: WorkerHost, is_announced: bool) -> None:
    worker.reset_invocations()
    httpx.get(f"{worker.url}/health", verify=False)
    sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        while sent < 100 * MEGABYTE:
            sent += MEGABYTE
            yield bytes(MEGABYTE)

    headers = {"content-length": str(100 * MEGABYTE)} if is_announced else {}
    answer = httpx.post(f"{worker.url}/accounts", content=pieces(), headers=headers, timeout=60, verify=False)
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
    # As much as a client is read on, so that it sees the answer, and what lies in buffers.
    assert sent < (16 if is_announced else 32) * MEGABYTE
    before, after = eventually(worker.invocations, lambda found: len(found) == 2)
    assert after["memoryBytes"] - before["memoryBytes"] < 16 * MEGABYTE


def test_an_unknown_log_level_is_info_and_said_once(github: GitHubApi, tmp_path: Path) -> None:
    with worker_host(tmp_path, {"GITHUB_API_URL": github.url, "LOG_LEVEL": "shout"}) as host:
        client, token = client_of(host, github)
        github.revoke(token)
        assert ended(client, start_scan(client, github, "loud"))["status"] == "failed"
        eventually(lambda: host.lines, lambda lines: any('"scan failed"' in line for line in lines))
        [said] = [json.loads(line) for line in host.lines if "LOG_LEVEL" in line]
    assert said["level"] == "warning"
    assert said["message"].startswith("LOG_LEVEL is 'shout': it stays info, since it can be debug, ")


def test_state_outlasts_a_restart(github: GitHubApi, tmp_path: Path) -> None:
    environment = {"GITHUB_API_URL": github.url, "LOG_LEVEL": "warning"}
    with worker_host(tmp_path, environment) as host:
        client, token = client_of(host, github)
        github.limit_rate(token, "/repos/acme/lasting", times=1)
        scan = start_scan(client, github, "lasting")
        sent = "SELECT sent_at FROM scan_steps WHERE scan_id = ?"
        eventually(lambda: host.sql(sent, scan), lambda rows: bool(rows[0]["sent_at"]))
        # Long enough ago for the schedule, which is called below.
        host.sql("UPDATE scan_steps SET due_at = '2020-01-01T00:00:00.000Z', sent_at = '2999'")
    with worker_host(tmp_path, environment) as host:
        assert "migrated" not in "\n".join(host.lines)
        assert host.sql(sent, scan) == [{"sent_at": None}]
        client.base_url = httpx.URL(host.url)
        assert client.get(f"/scans/{scan}").json()["status"] == "queued"
        host.run_schedule()
        assert ended(client, scan)["status"] == "done"
