"""Polls of a provider's batch on the local host, whose clock stands still unless it is moved on."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from ossgard.times import from_text
from tests.outside.batches import Batch
from tests.outside.endpoints import BATCH_STATUS
from tests.outside.planting import Plan
from tests.outside.world import World, world
from tests.support.bun_host import TimedBunHost, timed_bun_host
from tests.whole.scans.client import Client

WAITS = (10, 15, 22.5, 33.75, 50.625, 75.9375, 113.90625, 120, 120)
MILLISECOND = timedelta(milliseconds=1)
SECONDS = 30


@pytest.fixture
def outside() -> Iterator[World]:
    """A world whose batches never end."""
    with world(Plan(prs=40, odd=False)) as it:
        it.batches.polls = 1000
        yield it


def eventually(look: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + SECONDS
    while not look():
        assert time.monotonic() < end, f"waited {SECONDS} seconds in vain"
        time.sleep(0.02)


def has_polls(batch: Batch, count: int) -> bool:
    return len(batch.polls) == count


def start_waiting(host: TimedBunHost, outside: World) -> Client:
    """Start a scan, and wait until its batch is being polled."""
    client = Client(host.url, outside.config(batch=True))
    client.start(outside.repository.full_name)
    eventually(lambda: next_poll(host) is not None)
    return client


def next_poll(host: TimedBunHost) -> datetime | None:
    """When the next poll is."""
    polls = host.next_polls()
    return from_text(polls[0]["next_poll_at"]) if polls else None


def whole_milliseconds(moment: datetime) -> datetime:
    """What is written down of a moment."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def test_the_recorded_polls_follow_the_schedule_exactly(outside: World, tmp_path: Path) -> None:
    with timed_bun_host(tmp_path, outside.environment(), still=True) as host:
        moment = host.now()
        start_waiting(host, outside)
        [batch] = outside.batches.submitted
        for count, wait in enumerate(WAITS):
            moment = whole_milliseconds(moment + timedelta(seconds=wait))
            assert next_poll(host) == moment
            host.advance_to(moment - MILLISECOND)
            time.sleep(0.1)
            assert len(batch.polls) == count, "not before its time"
            assert host.advance_to(moment) == moment
            eventually(partial(has_polls, batch, count + 1))
        [row] = host.next_polls()
        assert (row["batch_id"], row["polls"], row["errors"]) == (batch.id, len(WAITS), 0)


def test_a_host_that_was_killed_keeps_to_the_schedule(outside: World, tmp_path: Path) -> None:
    with timed_bun_host(tmp_path, outside.environment(), still=True) as killed:
        client = start_waiting(killed, outside)
        killed.advance(10)
        [batch] = outside.batches.submitted
        eventually(lambda: len(batch.polls) == 1)
        # What the poll was told is noted down after the provider has answered.
        eventually(lambda: killed.next_polls()[0]["begun"] == 0)
        due, kept = next_poll(killed), killed.next_polls()
        killed.kill()
    with timed_bun_host(tmp_path, outside.environment(), still=True) as host:
        assert due == host.now() + timedelta(seconds=15)
        assert host.next_polls() == kept
        outside.batches.polls = 2
        host.advance(15)
        # The scan goes on with the results, to its next batch.
        eventually(lambda: len(outside.batches.submitted) == 2)
        assert [one.endpoint for one in outside.batches.submitted] == ["/v1/embeddings", "/v1/chat/completions"]
        client.move(host.url)
        assert client.look(1)["status"] == "verifying"


def test_polls_that_came_due_while_no_host_ran_are_made_at_once(outside: World, tmp_path: Path) -> None:
    with timed_bun_host(tmp_path, outside.environment()) as killed:
        start_waiting(killed, outside)
        killed.kill()
    # The clock goes on from here.
    (tmp_path / "clock.json").write_text('{"ahead": 3600000}')
    with timed_bun_host(tmp_path, outside.environment()) as host:
        assert host.now() - datetime.now(UTC) > timedelta(minutes=59)
        eventually(lambda: len(outside.batches.submitted[0].polls) == 1)


def test_a_provider_that_does_not_answer_delays_neither_other_polls_nor_the_end(outside: World, tmp_path: Path) -> None:
    other = outside.add_repository("acme", "other", Plan(prs=40, odd=False))
    with timed_bun_host(tmp_path, outside.environment(), still=True) as host:
        client = start_waiting(host, outside)
        second = client.start(other.full_name)
        eventually(lambda: len(host.next_polls()) == 2)
        outside.batches.polls = 1
        fault = outside.slow(BATCH_STATUS, 600, times=1)
        host.advance(10)
        eventually(lambda: client.look(second)["status"] == "verifying")
        assert fault.hits == 1
        assert client.look(1)["status"] == "embedding"
        process = host.process
    assert process.returncode == 0
