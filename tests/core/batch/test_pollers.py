"""Pollers: whose batch they take, when they stop, and what outlasts a failure of the host that they run on."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ossgard.errors import BatchRefused, DatabaseError
from ossgard.pipeline.batch.poll_table import PollTable, TableScheduler, poll
from ossgard.spec.entities import BatchPoll
from ossgard.spec.messages import PipelineMessage
from tests.core.batch.batch_scanning import BatchScanning, batch_config
from tests.core.world import World
from tests.outside.repository import Repository
from tests.outside.world import World as Outside

NAME = "scan-1-embed"
NEVER = 10**6


@pytest.fixture
def waiting(outside: Outside, repository: Repository, open_pulls: Callable[[int], list[int]]) -> BatchScanning:
    """A scan whose embed phase waits for a batch that never ends."""
    open_pulls(3)
    scanning = BatchScanning(outside, repository)
    scanning.begin()
    scanning.wait_for_batch("embed")
    outside.batches.polls = NEVER
    return scanning


def rows(world: World) -> list[tuple[Any, ...]]:
    return world.rows("SELECT batch_id, step, polls, errors, ended, next_poll_at FROM batch_polls")


def alarm(scanning: BatchScanning, **services: Any) -> None:
    """Let the poller's alarm ring now, on a host whose services are a little different."""
    asyncio.run(poll(replace(scanning.services, **services), NAME))


# ---- starting


@pytest.fixture
def host() -> World:
    """A host without a scan."""
    return World()


def start(host: World, batch_id: str, step: int = 7) -> None:
    scheduler = TableScheduler(host.db, host.clock, lambda: None)
    asyncio.run(scheduler.start(batch_id, PipelineMessage(type="embed", scan_id=1, step=step)))


def end(host: World, batch_id: str, step: int = 7, polls: int = 3) -> None:
    """Let a poller have seen that its batch has ended."""
    state = BatchPoll(
        batch_id=batch_id, scan_id=1, step=step, phase="embed", polls=polls, begun=0, errors=2, ended=True
    )
    asyncio.run(PollTable(host.db, NAME).save(state, host.clock.now()))


def finish(host: World, batch_id: str, step: int = 7) -> None:
    state = BatchPoll(batch_id=batch_id, scan_id=1, step=step, phase="embed", polls=0, begun=0, errors=0, ended=True)
    asyncio.run(PollTable(host.db, NAME).finish(state))


def test_a_poller_is_called_after_scan_and_phase_and_polls_ten_seconds_later(host: World) -> None:
    start(host, "batch_a")
    assert rows(host) == [("batch_a", 7, 0, 0, 0, "2026-11-23T10:00:10.000Z")]
    assert host.rows("SELECT name, phase FROM batch_polls") == [(NAME, "embed")]


def test_starting_to_poll_is_made_known(host: World) -> None:
    started: list[bool] = []
    scheduler = TableScheduler(host.db, host.clock, lambda: started.append(True))
    message = PipelineMessage(type="embed", scan_id=1, step=7)
    asyncio.run(scheduler.start("batch_a", message))
    with pytest.raises(BatchRefused):
        asyncio.run(scheduler.start("batch_b", message))
    assert started == [True]


def test_the_same_batch_again_changes_nothing(host: World) -> None:
    start(host, "batch_a")
    before = rows(host)
    host.clock.advance(seconds=5)
    start(host, "batch_a")
    assert rows(host) == before


def test_the_same_batch_for_a_later_message_wakes_that_one(host: World) -> None:
    start(host, "batch_a", step=7)
    start(host, "batch_a", step=8)
    start(host, "batch_a", step=7)
    assert [row[:2] for row in rows(host)] == [("batch_a", 8)]


def test_another_batch_is_refused_while_one_is_polled(host: World) -> None:
    start(host, "batch_a")
    before = rows(host)
    with pytest.raises(BatchRefused) as refused:
        start(host, "batch_b")
    assert (refused.value.poller, refused.value.batch_id) == (NAME, "batch_b")
    assert rows(host) == before


def test_a_poller_whose_batch_has_ended_takes_the_next_one(host: World) -> None:
    start(host, "batch_a")
    end(host, "batch_a")
    host.clock.advance(seconds=60)
    start(host, "batch_b", step=9)
    assert rows(host) == [("batch_b", 9, 0, 0, 0, "2026-11-23T10:01:10.000Z")]


def test_the_end_of_a_batch_leaves_the_next_one_alone(host: World) -> None:
    start(host, "batch_a")
    end(host, "batch_a")
    start(host, "batch_b", step=9)
    before = rows(host)
    finish(host, "batch_a")
    end(host, "batch_a")
    assert rows(host) == before
    finish(host, "batch_b", step=9)
    assert rows(host) == []


def test_the_end_of_a_poll_leaves_that_of_a_later_message_alone(host: World) -> None:
    start(host, "batch_a", step=7)
    end(host, "batch_a", step=7)
    start(host, "batch_a", step=9)
    finish(host, "batch_a", step=7)
    assert [row[:2] for row in rows(host)] == [("batch_a", 9)]


def test_an_alarm_without_a_poller_does_nothing(host: World) -> None:
    asyncio.run(poll(host.services, NAME))
    assert rows(host) == []


# ---- stopping by itself


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE scans SET status = 'failed'",
        "UPDATE scans SET status = 'done'",
        "DELETE FROM scans",
        "DELETE FROM accounts",
        "INSERT INTO scan_steps (scan_id, step, phase, due_at) SELECT 1, max(step) + 1, 'embed', '' FROM scan_steps",
    ],
    ids=["failed", "done", "scan-deleted", "account-deleted", "step-taken"],
)
def test_a_poller_stops_when_nobody_waits_any_more(waiting: BatchScanning, outside: Outside, end: str) -> None:
    waiting.executor.connection.execute(end)
    outside.reset()
    waiting.ring()
    assert (waiting.polls(), waiting.queue.jobs) == ([], [])
    assert outside.requests() == [], "nobody is asked"


# ---- failures of the host


class Failing:
    """A port of which one method fails some times."""

    def __init__(self, port: Any, method: str, times: int = 1) -> None:
        self._port = port
        self._method = method
        self._times = times

    def __getattr__(self, name: str) -> Any:
        if name != self._method or self._times == 0:
            return getattr(self._port, name)
        self._times -= 1

        async def fail(*arguments: Any) -> Any:
            raise DatabaseError("the disk is full")

        return fail


def test_a_message_that_cannot_be_enqueued_is_sent_by_the_next_alarm(waiting: BatchScanning, outside: Outside) -> None:
    outside.batches.polls = 1
    alarm(waiting, queue=Failing(waiting.queue, "enqueue"))
    [(_, _, polls, errors, ended, next_poll_at)] = rows(waiting)
    assert (polls, errors, ended, next_poll_at) == (1, 0, 1, "2026-11-23T10:00:15.000Z")
    assert waiting.queue.jobs == []
    outside.reset()
    waiting.ring()
    assert outside.requests() == [], "what is known is not asked again"
    assert (rows(waiting), len(waiting.queue.jobs)) == ([], 1)
    assert waiting.finish()["status"] == "done"


@pytest.mark.parametrize("method", ["get_scan_message", "save_batch_poll", "mark_batch_ended", "delete_batch_poll"])
def test_a_database_that_fails_during_an_alarm_leaves_another_one(
    waiting: BatchScanning, outside: Outside, method: str
) -> None:
    outside.batches.polls = 1
    try:
        alarm(waiting, db=Failing(waiting.db, method))
    except DatabaseError:
        # Not even the next alarm could be set: the old one, long due, is still there.
        assert method == "save_batch_poll"
    assert len(waiting.polls()) == 1
    assert waiting.finish()["status"] == "done"
    assert len(waiting.submitted("embed")) == 1


def test_a_scan_that_cannot_be_marked_as_failed_is_by_the_next_alarm(waiting: BatchScanning, outside: Outside) -> None:
    outside.fail("openai.batch", 404)
    alarm(waiting, db=Failing(waiting.db, "commit"))
    assert (waiting.scan()["status"], len(waiting.polls())) == ("embedding", 1)
    waiting.ring()
    assert (waiting.scan()["status"], waiting.polls()) == ("failed", [])


def test_an_alarm_that_rings_twice_at_once_does_no_harm(waiting: BatchScanning, outside: Outside) -> None:
    outside.batches.polls = 1

    async def twice() -> None:
        await asyncio.gather(poll(waiting.services, NAME), poll(waiting.services, NAME))

    asyncio.run(twice())
    assert waiting.polls() == []
    assert {message["step"] for message in waiting.queue.messages} == {6 + 1}
    assert waiting.finish()["status"] == "done"
    assert len(waiting.submitted("embed")) == 1


def test_an_alarm_that_rings_twice_one_after_the_other_does_no_harm(waiting: BatchScanning, outside: Outside) -> None:
    outside.batches.polls = 2
    before = waiting.rows("SELECT * FROM batch_polls")
    alarm(waiting)
    alarm(waiting)
    assert before != waiting.rows("SELECT * FROM batch_polls")
    assert waiting.finish()["status"] == "done"


# ---- the account's configuration


def test_each_poll_reads_the_accounts_key(waiting: BatchScanning, outside: Outside) -> None:
    outside.reset()
    waiting.ring()
    new = batch_config(outside)["embedding"]["api_key"]
    # A provider knows several keys of one project.
    [batch] = outside.batches.newest_first("openai", waiting.key)
    batch.key = new
    waiting.configure({**waiting.config, "embedding": {**waiting.config["embedding"], "api_key": new}})
    waiting.ring()
    assert [request.key for request in outside.requests("openai.batch")] == [waiting.key, new]
    assert rows(waiting)[0][3] == 0, "no error"


def test_a_poller_keeps_no_secret(waiting: BatchScanning) -> None:
    assert waiting.key not in str(waiting.rows("SELECT * FROM batch_polls"))


def test_a_phase_that_waits_for_batches_no_more_fails_the_scan(waiting: BatchScanning) -> None:
    waiting.executor.connection.execute("UPDATE batch_polls SET phase = 'cluster'")
    waiting.ring()
    assert waiting.scan()["error"] == (
        "Phase 'cluster' does not wait for batches in this version. Start the scan again"
    )


def test_a_stored_configuration_that_is_not_valid_fails_the_scan(waiting: BatchScanning) -> None:
    waiting.configure({"llm": 3})
    waiting.ring()
    assert "The account's stored configuration is not valid" in waiting.scan()["error"]
    assert waiting.polls() == []
