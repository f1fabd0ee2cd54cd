"""Whole scans on the core without a host, stopped anywhere, and with every message delivered twice."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ossgard.log import configure
from ossgard.pipeline.disposition import Done
from ossgard.pipeline.outbox import send_step
from ossgard.pipeline.runner import Runner
from ossgard.services import LOCAL_HOST, Services
from ossgard.spec.settings import Settings
from ossgard.spec.sql_database import SqlDatabase
from ossgard.times import to_text
from tests.outside.planting import Plan
from tests.outside.repository import Repository
from tests.outside.world import World
from tests.support.cpython_host import MemoryQueue, cpython_host
from tests.support.memory_vectors import MemoryVectors
from tests.support.mortal import Killed, Mortal
from tests.support.ports import HttpxClient, ListQueue, ListScheduler, SystemClock, SystemEntropy
from tests.support.sqlite_executor import migrated_executor
from tests.whole.scans.client import Client
from tests.whole.scans.rows import assert_whole, file_rows

Plant = Callable[[Plan], Repository]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_action_of_every_message(outside: World, plant: Plant, tmp_path: Path, after: bool) -> None:
    """Each message dies at its first action, then at its second, and so on until it gets through; all in one scan."""
    repository = plant(Plan(prs=9, duplicate_share=0.8, odd=False))
    deaths, scan_id = asyncio.run(_die_everywhere(outside, repository, tmp_path, after))
    rows = file_rows(tmp_path)
    scan = rows(f"SELECT * FROM scans WHERE id = {scan_id}")[0]
    assert (scan["status"], scan["error"], scan["pr_count"]) == ("done", None, 9)
    numbers = "SELECT group_id, number FROM dupe_group_members JOIN prs ON prs.id = pr_id"
    groups: dict[int, list[int]] = {}
    for row in rows(numbers):
        groups.setdefault(row["group_id"], []).append(row["number"])
    assert sorted(sorted(group) for group in groups.values()) == repository.planted_groups
    assert_whole(rows, scan_id)
    assert set(deaths) == {"scan", "ingest", "embed", "cluster", "verify", "rank"}
    assert min(deaths.values()) >= 3, "killed between reading, asking, committing and sending"


async def _die_everywhere(
    outside: World, repository: Repository, directory: Path, after: bool
) -> tuple[dict[str, int], int]:
    """Scan a repository; how often each phase died, and the scan's id."""
    configure(Settings(log_level="error"), lambda line: None)
    mortal, queue, clock = Mortal(), ListQueue(), SystemClock()
    executor = migrated_executor(str(directory / "ossgard.db"))
    db, vectors = SqlDatabase(executor), MemoryVectors()
    safe = Services(
        db=db,
        queue=queue,
        pollers=ListScheduler(),
        http=HttpxClient(),
        clock=clock,
        entropy=SystemEntropy(),
        settings=Settings.from_mapping(outside.environment()),
        host=LOCAL_HOST,
        vectors=lambda _: vectors,
    )
    services = mortal.endanger(safe)
    account = await db.create_account("hash", None, outside.config())
    due_at = to_text(clock.now())
    scan = await db.start_scan(account.id, repository.owner, repository.name, {"full": False}, "scan", due_at)
    assert scan is not None
    await send_step(services, scan.id, 1, "scan", due_at)
    deaths: dict[str, int] = {}
    while queue.jobs:
        _, message, _ = queue.jobs.pop(0)
        body = message.model_dump(mode="json", by_alias=True)
        at = 0
        while True:
            at += 1
            mortal.left, mortal.after = at, after
            with contextlib.suppress(Killed):
                disposition = await Runner(services).handle(body, 1)
                mortal.left = None
                assert disposition == Done()
                break
            deaths[message.type] = deaths.get(message.type, 0) + 1
    executor.connection.close()
    return deaths, scan.id


def test_every_message_delivered_twice_at_once(outside: World, plant: Plant, tmp_path: Path) -> None:
    repository = plant(Plan(prs=60))
    with cpython_host(tmp_path, outside.environment(), queue=MemoryQueue(deliveries=2)) as host:
        client = Client(host.url, outside.config())
        watched = client.scan(repository.full_name)
        assert (watched.status, watched.error) == ("done", None)
        assert client.groups(repository.full_name) == repository.planted_groups
        assert_whole(file_rows(tmp_path), watched.scan["id"])
        ranking = client.ranking(repository.full_name)
    (tmp_path / "once").mkdir()
    with cpython_host(tmp_path / "once", outside.environment()) as host:
        client = Client(host.url, outside.config())
        once = client.scan(repository.full_name)
        assert client.ranking(repository.full_name) == ranking
    tokens = ("inputTokens", "outputTokens")
    assert [once.scan[key] for key in tokens] == [watched.scan[key] for key in tokens], "no slice is counted twice"


def test_messages_that_come_back_long_after_do_nothing(outside: World, plant: Plant, tmp_path: Path) -> None:
    repository = plant(Plan(prs=30, odd=False))
    queue = MemoryQueue()
    with cpython_host(tmp_path, outside.environment(), queue=queue) as host:
        client = Client(host.url, outside.config())
        watched = client.scan(repository.full_name)
        before = list(executor_rows(host.executor))
        runner = Runner(_services_of(host, outside, queue))
        for row in host.executor.connection.execute("SELECT step, phase FROM scan_steps WHERE phase IS NOT NULL"):
            body = {"type": row["phase"], "scanId": watched.scan["id"], "step": row["step"]}
            assert asyncio.run(runner.handle(body, 1)) == Done()
            asyncio.run(runner.dead_letter(body))
        assert list(executor_rows(host.executor)) == before


def executor_rows(executor: Any) -> list[str]:
    """Every row of the database, as SQL."""
    return list(executor.connection.iterdump())


def _services_of(host: Any, outside: World, queue: MemoryQueue) -> Services:
    return Services(
        db=SqlDatabase(host.executor),
        queue=queue,
        pollers=ListScheduler(),
        http=HttpxClient(),
        clock=SystemClock(),
        entropy=SystemEntropy(),
        settings=Settings.from_mapping(outside.environment()),
        host=LOCAL_HOST,
        vectors=lambda _: host.vectors,
    )
