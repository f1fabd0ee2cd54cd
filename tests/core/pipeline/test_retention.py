"""What the sweep deletes of scans that have ended, and what it leaves."""

import asyncio
import dataclasses

import pytest

from ossgard.spec.phases import RETENTION
from tests.core.scanning import Scanning
from tests.outside.diffs import ChangedFile
from tests.outside.repository import Repository

SHOWN = """
    SELECT count(*) FROM dupe_groups
    JOIN scans ON scans.id = scan_id WHERE scans.id = (SELECT max(id) FROM scans WHERE status = 'done')
"""


@pytest.fixture
def scanned(scanning: Scanning, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Scanning:
    """Four scans of which each found a group; two keep it."""
    keep(monkeypatch, scans_with_groups=2)
    repository.open("Fix", "it", [ChangedFile("a.py", "a")])
    repository.open_duplicate(1)
    for _ in range(4):
        assert scanning.scan_all()["status"] == "done"
    return scanning


def keep(monkeypatch: pytest.MonkeyPatch, **changes: int) -> None:
    monkeypatch.setattr("ossgard.pipeline.retention.RETENTION", dataclasses.replace(RETENTION, **changes))


def sweep(scanning: Scanning, days: float = 0) -> None:
    """A sweep, some days later."""
    scanning.clock.advance(seconds=days * 86_400)
    asyncio.run(scanning.runner.sweep())


def count(scanning: Scanning, table: str) -> int:
    return int(scanning.rows(f"SELECT count(*) FROM {table}")[0][0])


def test_nothing_is_deleted_before_it_is_old(scanned: Scanning) -> None:
    steps = count(scanned, "scan_steps")
    sweep(scanned, RETENTION.days - 0.1)
    assert (count(scanned, "scan_steps"), count(scanned, "dupe_groups")) == (steps, 4)


def test_messages_and_old_groups_go_and_scans_stay(scanned: Scanning) -> None:
    sweep(scanned, RETENTION.days + 0.1)
    assert count(scanned, "scan_steps") == 0
    assert scanned.rows("SELECT scan_id FROM dupe_groups ORDER BY id") == [(3,), (4,)]
    assert count(scanned, "dupe_group_members") == 4
    assert scanned.rows("SELECT status, dupe_group_count FROM scans") == [("done", 1)] * 4
    assert scanned.rows(SHOWN) == [(1,)]
    assert scanned.scan_all()["status"] == "done"


def test_the_latest_completed_scan_keeps_its_groups_however_many_failed_since(
    scanned: Scanning, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(monkeypatch, scans_with_groups=1)
    for _ in range(3):
        scanned.begin()
        scanned.queue.jobs.clear()
        scanned.executor.connection.execute("UPDATE scan_steps SET sent_at = NULL")
        asyncio.run(scanned.db.fail_scan(scanned.scan()["id"], "it failed", "2026-01-01T00:00:00.000Z"))
    sweep(scanned, RETENTION.days * 100)
    assert scanned.rows("SELECT scan_id FROM dupe_groups") == [(4,)]
    assert scanned.rows(SHOWN) == [(1,)]


def test_an_active_scan_keeps_its_messages(scanned: Scanning) -> None:
    scan_id = scanned.begin()
    # One that waits: the sweep has nothing to send.
    scanned.executor.connection.execute("UPDATE scans SET status = 'paused' WHERE id = ?", (scan_id,))
    sweep(scanned, RETENTION.days + 1)
    assert scanned.rows("SELECT DISTINCT scan_id FROM scan_steps") == [(scan_id,)]


def test_a_sweep_deletes_a_part_the_oldest_first(scanned: Scanning, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, scans_with_groups=1, scans_a_sweep=1, rows_a_sweep=2)
    left = []
    sweep(scanned, RETENTION.days + 0.1)
    for _ in range(6):
        left.append((count(scanned, "dupe_groups"), len(scanned.rows("SELECT DISTINCT scan_id FROM scan_steps"))))
        sweep(scanned)
    assert left == [(2, 4), (1, 3), (1, 2), (1, 1), (1, 0), (1, 0)]


def test_ended_jobs_go_and_others_stay(scanning: Scanning) -> None:
    scanning.executor.connection.executescript("""
        INSERT INTO jobs (id, type, status, updated_at) VALUES
            ('old', 'scan', 'done', '2020-01-01 00:00:00'), ('older', 'scan', 'failed', '2019-01-01 00:00:00'),
            ('waiting', 'scan', 'queued', '2019-01-01 00:00:00'), ('at work', 'scan', 'running', '2019-01-01 00:00:00'),
            ('new', 'scan', 'done', '2999-01-01 00:00:00')
        """)
    sweep(scanning)
    assert scanning.rows("SELECT id FROM jobs ORDER BY id") == [("at work",), ("new",), ("waiting",)]


def test_answers_about_groups_go_when_they_were_of_no_use_for_long(scanned: Scanning) -> None:
    answers = count(scanned, "group_answers")
    sweep(scanned, RETENTION.unused_answers_days - 1)
    assert count(scanned, "group_answers") == answers > 0
    assert scanned.scan_all()["status"] == "done"
    sweep(scanned, 2)
    assert count(scanned, "group_answers") == answers, "the last scan has used them"
    sweep(scanned, RETENTION.unused_answers_days)
    assert count(scanned, "group_answers") == 0
