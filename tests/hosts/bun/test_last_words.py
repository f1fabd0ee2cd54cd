"""The local host when Python has ended inside it: what ended it fails, and nothing else; then the process ends, too."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.outside.planting import Plan
from tests.outside.world import World, world
from tests.support.bun_host import BunHost, bun_host
from tests.support.deadly import arm, deadly_bun_project
from tests.whole.scans.client import Client
from tests.whole.scans.rows import file_rows

EXIT_STATUS = 70


@pytest.fixture(scope="module")
def outside() -> Iterator[World]:
    with world(Plan(prs=0)) as it:
        it.add_repository("deadly", "rocket", Plan(prs=2))
        it.add_repository("acme", "innocent", Plan(prs=4, odd=False))
        yield it


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return deadly_bun_project(tmp_path_factory.mktemp("deadly"))


def ended(host: BunHost) -> str:
    """The line with which a host ends, on its own, and not as if all were well."""
    assert host.process.wait(60) == EXIT_STATUS
    time.sleep(0.2)
    return next(line for line in host.lines if line.startswith("ossgard ends: "))


def steps(directory: Path, scan: int) -> list[dict[str, Any]]:
    return file_rows(directory)(f"SELECT step, begun FROM scan_steps WHERE scan_id = {scan} ORDER BY step")


def test_the_scan_that_ended_it_fails_and_the_others_go_on(outside: World, program: Path, tmp_path: Path) -> None:
    outside.slow("github.repository", 8, times=1)
    with bun_host(tmp_path, outside.environment(), program) as host:
        innocent, deadly = Client(host.url, outside.config()), Client(host.url, outside.config())
        good = innocent.start("acme/innocent")
        while not outside.requests("github.repository"):
            time.sleep(0.05)
        with contextlib.suppress(httpx.HTTPError):
            deadly.start("deadly/rocket")
        assert "Python ran out of stack while it worked on job" in ended(host)
    bad = file_rows(tmp_path)("SELECT * FROM scans WHERE status = 'failed'")
    assert [scan["error"] for scan in bad] == [
        "The process ended while it worked on phase 'scan': Python ran out of stack. Start the scan again; when that "
        "ends it again, report it"
    ]
    assert steps(tmp_path, good) == [{"step": 1, "begun": 0}], "no death of its own"
    assert [step["step"] for step in steps(tmp_path, bad[0]["id"])] == [1, 2]
    with bun_host(tmp_path, outside.environment(), program) as host:
        innocent.move(host.url)
        deadly.move(host.url)
        assert innocent.wait(good).status == "done"
        assert deadly.look(bad[0]["id"])["status"] == "failed"
        assert host.process.poll() is None, "it is not run again"


def test_a_request_that_ended_it_is_blamed_on_no_scan(outside: World, program: Path, tmp_path: Path) -> None:
    outside.heal()
    outside.reset()
    outside.slow("github.repository", 8, times=1)
    with bun_host(tmp_path, outside.environment(), program) as host:
        client = Client(host.url, outside.config())
        scan = client.start("acme/innocent")
        while not outside.requests("github.repository"):
            time.sleep(0.05)
        arm(program, True)
        with pytest.raises(httpx.HTTPError):
            client.request("GET", "/health")
        assert f"Python ran out of stack while it worked on request GET {host.url}/health" in ended(host)
        arm(program, False)
    assert steps(tmp_path, scan) == [{"step": 1, "begun": 0}]
    with bun_host(tmp_path, outside.environment(), program) as host:
        client.move(host.url)
        assert client.wait(scan).status == "done"


def test_a_scan_that_three_processes_have_died_of_is_not_begun_again(outside: World, tmp_path: Path) -> None:
    outside.heal()
    outside.reset()
    outside.slow("github.repository", 30)
    client, scan = None, 1
    for _ in range(3):
        with bun_host(tmp_path, outside.environment()) as host:
            if client is None:
                client = Client(host.url, outside.config())
                scan = client.start("acme/innocent")
            seen = len(outside.requests("github.repository"))
            end = time.monotonic() + 60
            while len(outside.requests("github.repository")) == seen:
                assert time.monotonic() < end
                time.sleep(0.05)
            host.kill()
        # As long as a supervisor takes to start it again, and longer than deliveries that come at once.
        with contextlib.closing(sqlite3.connect(tmp_path / "ossgard.db")) as connection, connection:
            connection.execute("UPDATE scan_steps SET begun_at = '2026-01-01T00:00:00.000Z'")
    assert client is not None
    outside.heal()
    outside.reset()
    with bun_host(tmp_path, outside.environment()) as host:
        client.move(host.url)
        watched = client.wait(scan)
    assert watched.status == "failed"
    assert str(watched.error).startswith("The process ended 3 times while it worked on phase 'scan'. ")
    assert outside.requests("github.repository") == []
