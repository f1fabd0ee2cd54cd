"""A poller whose Worker is killed, misconfigured, or cut off from its queue."""

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from tests.hosts.worker.probing import eventually
from tests.hosts.worker.waiting import STEP, WaitingScan, submitted, waiting_scan
from tests.outside.endpoints import BATCH_STATUS
from tests.outside.world import World
from tests.support.worker_host import WORKER, WorkerHost, worker_host
from tests.support.worker_project import generated_project

ENVIRONMENT = {"LOG_LEVEL": "warning"}
# The step at which the queue never works.
DOOMED = 100

# The queue takes each message only at the third attempt.
FAILING_QUEUE = f"""

from collections import Counter

from cloudflare_host.queue import CloudflareQueue
from ossgard.errors import RetryableError

attempts = Counter()
enqueue = CloudflareQueue.enqueue


async def enqueue_at_last(self, job_id, message, delay_seconds=0):
    attempts[job_id] += 1
    if attempts[job_id] < 3 or message.step >= {DOOMED}:
        raise RetryableError("the queue is out of order")
    await enqueue(self, job_id, message, delay_seconds)


CloudflareQueue.enqueue = enqueue_at_last
"""


@pytest.fixture(scope="module")
def queueless(worker: WorkerHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerHost]:
    """The Worker with a queue that fails at first."""
    entry = (WORKER / "src" / "entry.py").read_text() + FAILING_QUEUE
    project = generated_project(tmp_path_factory.mktemp("queueless"), entry)
    with worker_host(tmp_path_factory.mktemp("state"), ENVIRONMENT, project) as host:
        yield host


def test_a_message_that_cannot_be_sent_is_sent_at_a_later_alarm(queueless: WorkerHost, outside: World) -> None:
    scan = waiting_scan(queueless, outside)
    scan.start()
    for _ in range(2):
        assert scan.poll() is not None
        assert is_ended(scan)
        assert scan.status() == "verifying"
    assert scan.poll() is None
    assert scan.kept() is None
    eventually(scan.status, lambda status: status == "done")
    # Once it has ended, its provider is left in peace.
    assert len(scan.batch.polls) == 1


def test_a_poller_that_has_ended_takes_another_batch(queueless: WorkerHost, outside: World) -> None:
    scan = waiting_scan(queueless, outside)
    scan.start(step=DOOMED)
    queueless.sql("UPDATE scan_steps SET step = ? WHERE scan_id = ?", DOOMED, scan.id)
    scan.poll()
    assert is_ended(scan)
    following = submitted(outside, scan.batch.key)
    assert scan.start(following.id, step=STEP) == 202
    kept = scan.kept()
    assert kept is not None
    assert (kept["batchId"], kept["step"], kept["polls"], kept["ended"]) == (following.id, STEP, 0, False)


def test_a_worker_that_cannot_begin_to_poll_does_so_once_it_can(
    worker: WorkerHost, outside: World, tmp_path: Path
) -> None:
    project = generated_project(tmp_path / "project", (WORKER / "src" / "entry.py").read_text())
    settings = json.loads((project / "dev" / "settings.json").read_text())
    (project / "dev" / "settings.json").write_text(json.dumps({**settings, "producers": {}}))
    with worker_host(tmp_path / "state", ENVIRONMENT, project) as host:
        scan = waiting_scan(host, outside)
        scan.start()
        started = time.time()
        alarm, kept = scan.poll(), scan.kept()
        assert alarm is not None
        assert 119 < alarm.timestamp() - started < 150
        assert any("an alarm failed; there will be another" in line for line in host.lines)
        assert kept is not None
        assert kept["polls"] == 0
    with worker_host(tmp_path / "state", ENVIRONMENT) as host:
        scan = scan.on(host)
        assert (scan.next_alarm(), scan.kept()) == (alarm, kept)
        assert scan.poll() is None
        eventually(scan.status, lambda status: status == "done")


def test_a_poller_outlasts_the_death_of_its_host(worker: WorkerHost, outside: World, tmp_path: Path) -> None:
    outside.batches.polls = 1000
    with worker_host(tmp_path, ENVIRONMENT) as host:
        scan = waiting_scan(host, outside)
        alarm = start_with_time_to_spare(scan)
        kept = scan.kept()
        host.kill()
    outside.batches.polls = 1
    with worker_host(tmp_path, ENVIRONMENT) as host:
        scan = scan.on(host)
        assert (scan.next_alarm(), scan.kept()) == (alarm, kept)
        assert scan.poll() is None
        eventually(scan.status, lambda status: status == "done")


def test_a_poll_in_which_the_host_dies_is_followed_by_another(
    worker: WorkerHost, outside: World, tmp_path: Path
) -> None:
    outside.batches.polls = 1000
    with worker_host(tmp_path, ENVIRONMENT) as host:
        scan = waiting_scan(host, outside)
        start_with_time_to_spare(scan)
        before = scan.kept()
        # Long enough for workerd to end, too.
        outside.slow(BATCH_STATUS, 10, times=1)
        outside.when(BATCH_STATUS, host.kill)
        with pytest.raises(httpx.HTTPError):
            scan.poll()
    outside.batches.polls = 1
    with worker_host(tmp_path, ENVIRONMENT) as host:
        scan = scan.on(host)
        kept, alarm = scan.kept(), scan.next_alarm()
        assert before is not None
        assert kept is not None
        assert alarm is not None
        assert kept["nextPollAt"] > before["nextPollAt"]
        assert kept == {
            **before,
            "polls": before["polls"] + 1,
            "begun": 1,
            "nextPollAt": round(alarm.timestamp() * 1000),
        }
        assert scan.poll() is None
        eventually(scan.status, lambda status: status == "done")


def test_an_alarm_rings_after_the_death_of_its_host(worker: WorkerHost, outside: World, tmp_path: Path) -> None:
    with worker_host(tmp_path, ENVIRONMENT) as host:
        scan = waiting_scan(host, outside)
        scan.start()
        host.kill()
    with worker_host(tmp_path, ENVIRONMENT) as host:
        eventually(scan.on(host).status, lambda status: status == "done")


def start_with_time_to_spare(scan: WaitingScan) -> datetime:
    """Start the poller, and poll so often that the next alarm, which is returned, is two minutes away: a host that
    starts in between, however slowly, finds it as it was."""
    scan.start()
    for _ in range(9):
        alarm = scan.poll()
    assert alarm is not None
    return alarm


def is_ended(scan: WaitingScan) -> bool:
    """Whether the poller knows that its batch has ended."""
    kept = scan.kept()
    return kept is not None and bool(kept["ended"])
