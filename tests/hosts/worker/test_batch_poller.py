"""The poller as a Durable Object in workerd: what it takes, when it polls, and what it keeps."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.hosts.worker.probing import eventually
from tests.hosts.worker.waiting import STEP, WaitingScan, submitted, waiting_scan
from tests.outside.endpoints import BATCH_STATUS
from tests.outside.world import World
from tests.support.worker_host import POLLER, WorkerHost

WAITS = (10, 15, 22.5, 33.75, 50.625, 75.9375, 113.90625, 120, 120)


@pytest.fixture
def make_scan(worker: WorkerHost, outside: World) -> Iterator[Callable[..., WaitingScan]]:
    """Makes scans that wait for batches that their provider is not done with; they do not outlive the test."""
    outside.batches.polls = 1000
    scans: list[WaitingScan] = []

    def make(**options: Any) -> WaitingScan:
        scans.append(waiting_scan(worker, outside, **options))
        return scans[-1]

    yield make
    for scan in scans:
        worker.sql("DELETE FROM scans WHERE id = ?", scan.id)
        scan.poll()


@pytest.fixture
def scan(make_scan: Callable[..., WaitingScan]) -> WaitingScan:
    """A scan that waits for a batch."""
    return make_scan()


def now() -> datetime:
    """The present moment as far as the Worker's clock tells it: in whole milliseconds."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


# ---- starting


def test_keeps_what_it_is_to_poll(scan: WaitingScan) -> None:
    assert scan.kept() is None
    assert scan.start() == 202
    alarm = scan.next_alarm()
    assert alarm is not None
    assert scan.kept() == {
        "batchId": scan.batch.id,
        "scanId": scan.id,
        "step": STEP,
        "phase": "verify",
        "polls": 0,
        "begun": 0,
        "errors": 0,
        "ended": False,
        "nextPollAt": round(alarm.timestamp() * 1000),
    }


def test_a_second_start_for_the_same_batch_replaces_only_the_step(scan: WaitingScan) -> None:
    scan.start()
    alarm, kept = scan.poll(), scan.kept()
    assert kept is not None
    assert scan.start(step=STEP + 1) == 202
    assert scan.next_alarm() == alarm
    assert scan.kept() == {**kept, "step": STEP + 1}


def test_another_batch_is_refused_while_one_is_polled(scan: WaitingScan) -> None:
    scan.start()
    alarm, kept = scan.next_alarm(), scan.kept()
    assert scan.start("another") == 409
    assert (scan.next_alarm(), scan.kept()) == (alarm, kept)


def test_of_many_batches_at_once_one_is_taken(scan: WaitingScan) -> None:
    batches = [f"batch-{number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(scan.start, batches))
    assert sorted(statuses) == [202] + [409] * 7
    kept = scan.kept()
    assert kept is not None
    assert kept["batchId"] == batches[statuses.index(202)]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("", "Invalid JSON"),
        ("[]", "Input should be an object"),
        ('{"batchId": "b"}', "message"),
        ('{"batchId": "", "message": {"type": "verify", "scanId": 999999, "step": 2}}', "batchId"),
        ('{"batchId": "b", "message": {"type": "verify", "scanId": "x", "step": 2}}', "message.scanId"),
        (
            '{"batchId": "b", "message": {"type": "cluster", "scanId": 999999, "step": 2}}',
            "Phase 'cluster' does not wait for batches",
        ),
        (
            '{"batchId": "b", "message": {"type": "nothing", "scanId": 999999, "step": 2}}',
            "Phase 'nothing' does not wait for batches",
        ),
        (
            '{"batchId": "b", "message": {"type": "verify", "scanId": 999998, "step": 2}}',
            "The poller scan-999999-verify does not poll for scan-999998-verify",
        ),
    ],
)
def test_says_what_is_wrong_with_a_request(worker: WorkerHost, body: str, problem: str) -> None:
    answer = worker.fetch_object(POLLER, "scan-999999-verify", "POST", body)
    assert answer["status"] == 400
    assert problem in json.loads(answer["body"])["error"]
    assert (worker.kept("scan-999999-verify"), worker.next_alarm("scan-999999-verify")) == ({}, None)


# ---- polling


def test_polls_keep_to_the_schedule(scan: WaitingScan) -> None:
    earliest = now()
    scan.start()
    alarm = scan.next_alarm()
    for wait in WAITS:
        latest = now()
        assert alarm is not None
        # To the millisecond, after the moment at which the poller looked at the clock.
        polled = alarm - timedelta(seconds=wait)
        assert earliest - timedelta(milliseconds=1) <= polled <= latest + timedelta(milliseconds=1)
        earliest = now()
        alarm = scan.poll()
    kept = scan.kept()
    assert kept is not None
    assert kept["polls"] == len(scan.batch.polls) == len(WAITS)


def test_the_alarm_rings(scan: WaitingScan, outside: World) -> None:
    outside.batches.polls = 1
    started = time.time()
    scan.start()
    eventually(scan.status, lambda status: status == "done")
    [polled] = scan.batch.polls
    assert polled - started > 9.99
    assert (scan.kept(), scan.next_alarm()) == (None, None)


def test_when_the_batch_has_ended_the_message_is_sent_and_nothing_is_kept(scan: WaitingScan, outside: World) -> None:
    outside.batches.polls = 2
    scan.start()
    assert scan.poll() is not None
    assert scan.status() == "verifying"
    assert scan.poll() is None
    assert scan.kept() is None
    eventually(scan.status, lambda status: status == "done")
    assert scan.start("another") == 202


def test_errors_in_a_row_are_counted(scan: WaitingScan, outside: World) -> None:
    scan.start()
    outside.fail(BATCH_STATUS, 503, times=2)
    counts = []
    for _ in range(3):
        scan.poll()
        kept = scan.kept()
        assert kept is not None
        counts.append(kept["errors"])
    assert counts == [1, 2, 0]


def test_an_error_that_cannot_heal_fails_the_scan_and_ends_the_poller(scan: WaitingScan) -> None:
    scan.start("msgbatch_unknown")
    assert scan.poll() is None
    assert (scan.status(), scan.kept()) == ("failed", None)
    [row] = scan.host.sql("SELECT error FROM scans WHERE id = ?", scan.id)
    assert "msgbatch_unknown" in row["error"]


def test_stops_by_itself_when_the_scan_is_deleted(scan: WaitingScan) -> None:
    scan.start()
    scan.host.sql("DELETE FROM scans WHERE id = ?", scan.id)
    assert scan.poll() is None
    assert scan.kept() is None
    assert scan.batch.polls == []


def test_an_alarm_of_a_poller_that_has_nothing_to_poll_does_no_harm(worker: WorkerHost) -> None:
    assert worker.run_alarm("scan-999998-verify") is None
    assert worker.kept("scan-999998-verify") == {}


# ---- at the same time


def test_an_alarm_that_rings_twice_does_no_harm(scan: WaitingScan, outside: World) -> None:
    outside.batches.polls = 1
    outside.slow(BATCH_STATUS, 0.3)
    scan.start()
    with ThreadPoolExecutor(2) as pool:
        alarms = list(pool.map(lambda _: scan.poll(), range(2)))
    # The first to be done has cleaned up for both.
    assert None in alarms
    assert (scan.kept(), scan.next_alarm()) == (None, None)
    assert len(scan.batch.polls) == 2
    eventually(scan.status, lambda status: status == "done")


def test_a_batch_that_was_started_meanwhile_is_kept(scan: WaitingScan, outside: World) -> None:
    outside.batches.polls = 1
    outside.slow(BATCH_STATUS, 1, times=1)
    following = submitted(outside, scan.batch.key)
    scan.start()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(scan.poll)
        eventually(lambda: outside.count("anthropic.batch").calls, lambda calls: calls == 1)
        assert scan.poll() is None
        # The phase goes on and waits for its next batch.
        assert scan.start(following.id, step=STEP + 1) == 202
        alarm, kept = scan.next_alarm(), scan.kept()
        assert slow.result() == alarm
    assert (scan.next_alarm(), scan.kept()) == (alarm, kept)


# ---- when something is out of order


def test_a_poll_that_fails_is_followed_by_another(scan: WaitingScan, outside: World) -> None:
    outside.batches.polls = 1
    scan.start()
    scan.host.sql("ALTER TABLE scan_steps RENAME TO elsewhere")
    try:
        alarm = scan.poll()
    finally:
        scan.host.sql("ALTER TABLE elsewhere RENAME TO scan_steps")
    assert alarm is not None
    kept = scan.kept()
    assert kept is not None
    assert (kept["polls"], kept["errors"], kept["ended"]) == (1, 0, False)
    assert scan.poll() is None
    eventually(scan.status, lambda status: status == "done")


# ---- the pipeline's side


def test_the_outbox_hands_a_waiting_message_to_a_poller(make_scan: Callable[..., WaitingScan]) -> None:
    scan = make_scan(sent=False)
    scan.host.run_schedule()
    kept = scan.kept()
    assert kept is not None
    assert (kept["batchId"], kept["step"]) == (scan.batch.id, STEP)
    assert sent_at(scan) is not None


def test_the_outbox_keeps_what_a_poller_refuses(make_scan: Callable[..., WaitingScan]) -> None:
    scan = make_scan(sent=False)
    scan.start("another")
    scan.host.run_schedule()
    assert sent_at(scan) is None
    assert any("is polling another one" in line for line in scan.host.lines)


def test_the_outbox_keeps_what_a_poller_does_not_understand(make_scan: Callable[..., WaitingScan]) -> None:
    scan = make_scan(sent=False, phase="cluster")
    scan.host.run_schedule()
    assert sent_at(scan) is None
    assert any("answered 400" in line and "does not wait for batches" in line for line in scan.host.lines)


def test_pollers_cannot_be_reached_from_outside(scan: WaitingScan) -> None:
    scan.start()
    address = {"binding": POLLER, "name": scan.poller}
    for path in ("/alarm/run", "/alarm/next", "/storage", "/object"):
        for host in ("control.invalid", "object", "poller"):
            answer = httpx.post(f"{scan.host.url}{path}", json=address, headers={"host": host}, verify=False)
            assert answer.status_code == 404
    assert scan.batch.polls == []


def sent_at(scan: WaitingScan) -> str | None:
    """When the waiting message was handed over."""
    [row] = scan.host.sql("SELECT sent_at FROM scan_steps WHERE scan_id = ?", scan.id)
    sent: str | None = row["sent_at"]
    return sent
