"""Patience: how long what may pass is waited out, what a scan says meanwhile, and steps that end the process."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import cycle, repeat
from typing import Any

import pytest

from ossgard.errors import ConnectionFailure, DatabaseUnavailable, PermanentError, RetryableError
from ossgard.pipeline.batch.poll_table import PollTable, poll
from ossgard.pipeline.disposition import Done, Failed, Retry
from ossgard.pipeline.outbox import job_id
from ossgard.pipeline.outcome import NextPhase, Outcome
from ossgard.pipeline.patience import backoff, duration
from ossgard.pipeline.phase import Phase, Slice
from ossgard.pipeline.purge import PURGE
from ossgard.pipeline.runner import AT_ONCE
from ossgard.spec.entities import BatchPoll, Progress
from ossgard.spec.phases import RETRIES
from ossgard.spec.settings import MAX_DELAY_SECONDS
from ossgard.times import from_text
from tests.core.chain import CountCursor, counting_chain, processor
from tests.core.world import World
from tests.support.mortal import Killed

FIRST = {"type": "scan", "scanId": 1, "step": 1}
SLOW_DOWN = "OpenAI limits the rate of requests"


class Failing:
    """A phase that raises one error after the other, and then gets through."""

    def __init__(self, errors: Iterable[BaseException]) -> None:
        self.errors: Iterator[BaseException] = iter(errors)
        self.runs = 0

    async def run(self, slice: Slice[CountCursor]) -> Outcome:
        self.runs += 1
        for error in self.errors:
            raise error
        return Outcome(NextPhase())


def failing(*errors: BaseException) -> World:
    return started(Failing(errors))


def always(error: BaseException) -> World:
    return started(Failing(repeat(error)))


def started(phase: Phase[CountCursor], **options: Any) -> World:
    world = World({"scan": processor(phase)}, **options)
    world.start_scan()
    return world


def asked(seconds: float) -> RetryableError:
    return RetryableError(SLOW_DOWN, retry_after=seconds, rate_limited=True)


def put_off(world: World) -> int:
    """Deliver the message, which is put off, and let that time pass; how many seconds it was."""
    world.queue.jobs.clear()
    assert world.handle(FIRST) == Done()
    [(_, message, seconds)] = world.queue.jobs
    assert message.step == 1
    world.clock.advance(seconds=seconds)
    return seconds


def waits(world: World) -> list[int]:
    """How long each wait is until the scan has failed."""
    found: list[int] = []
    while world.scan()["status"] != "failed":
        world.queue.jobs.clear()
        world.handle(FIRST)
        found += [seconds for _, _, seconds in world.queue.jobs]
        world.clock.advance(seconds=sum(seconds for _, _, seconds in world.queue.jobs))
    return found


def note(world: World) -> str | None:
    progress = world.scan()["progress"]
    return None if progress is None else json.loads(progress)["note"]


# ---- waits of our own choice


PASSING = [
    RetryableError("OpenAI failed: overloaded (status 503)"),
    ConnectionFailure("https://api.github.com", "the connection was refused"),
    DatabaseUnavailable("The database cannot be used for now: D1 DB is overloaded"),
    RetryableError("Vectorize does not answer for the index 'a-code'"),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_may_pass_is_tried_again_for_ten_minutes_and_fails_the_scan_then(error: RetryableError) -> None:
    world = always(error)
    seconds = waits(world)
    assert seconds == [1, 2, 4, 8, 16, 32, 64, 120, 120, 120, 120]
    assert sum(seconds) >= RETRIES.patience_seconds == 600
    assert world.scan()["error"] == f"{error} (tried 12 times in 10 min). Start the scan again later"


def test_a_rate_limit_without_a_time_begins_with_longer_waits() -> None:
    world = always(RetryableError(SLOW_DOWN, rate_limited=True))
    seconds = waits(world)
    assert seconds == [60, *[120] * 5]
    assert world.scan()["error"] == f"{SLOW_DOWN} (tried 7 times in 11 min). Start the scan again later"


def test_the_next_step_begins_with_full_patience() -> None:
    error = RetryableError("GitHub failed")
    chain = dict(counting_chain())
    chain["ingest"] = processor(Failing([*[error] * 11]))
    chain["scan"] = processor(Failing([*[error] * 11]))
    world = World(chain)
    world.start_scan()
    world.drain()
    assert world.scan()["status"] == "done"


@pytest.mark.parametrize("seconds", [0, -1, -1e9, float("nan"), float("-inf")])
def test_a_wait_of_nothing_is_one_of_our_own(seconds: float) -> None:
    world = always(RetryableError(SLOW_DOWN, retry_after=seconds))
    assert waits(world)[:3] == [1, 2, 4]
    assert world.scan()["status"] == "failed"


# ---- waits that the other side asks for


def test_a_wait_that_is_asked_for_is_kept_to_the_second() -> None:
    assert put_off(failing(asked(17.2))) == 18


def test_waits_that_are_asked_for_cost_no_patience() -> None:
    world = failing(*[asked(3600)] * 20)
    assert [put_off(world) for _ in range(20)] == [3600] * 20
    assert world.handle(FIRST) == Done()
    assert world.scan()["status"] == "ingesting"


def test_what_fails_after_a_long_wait_is_tried_as_often_as_ever() -> None:
    world = started(Failing([*[asked(3600)] * 5, *repeat(RetryableError("GitHub failed"), 30)]))
    seconds = waits(world)
    assert seconds[:5] == [3600] * 5
    assert sum(seconds[5:]) >= RETRIES.patience_seconds


def test_who_asks_for_the_same_moment_again_and_again_is_given_longer_ones() -> None:
    world = always(asked(1))
    assert [put_off(world) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 64, 120, 120]


@pytest.mark.parametrize("seconds", [RETRIES.asked_seconds + 1, 1e12, float("inf")])
def test_a_wait_that_is_longer_than_any_scan_fails_it_at_once(seconds: float) -> None:
    world = always(asked(seconds))
    assert isinstance(world.handle(FIRST), Failed)
    assert world.scan()["error"] == (
        f"{SLOW_DOWN} (tried 1 times in 0 s; a scan waits for 24 h at most). Start the scan again later"
    )


def test_no_scan_waits_for_ever_because_it_is_asked_to() -> None:
    world = always(asked(40_000))
    assert waits(world) == [40_000] * 2
    assert "(tried 3 times in 22 h 13 min; a scan waits for 24 h at most)" in world.scan()["error"]


def test_a_wait_beyond_the_longest_delay_of_a_queue_goes_on_when_the_message_comes_too_early() -> None:
    world = failing(asked(50_000))
    assert put_off(world) == MAX_DELAY_SECONDS
    rest = 50_000 - MAX_DELAY_SECONDS
    assert world.handle(FIRST) == Retry(rest, "it is not due yet")
    assert world.rows("SELECT begun FROM scan_steps") == [(0,)]
    world.clock.advance(seconds=rest)
    assert world.handle(FIRST) == Done()
    assert world.scan()["status"] == "ingesting"


# ---- errors that nobody foresaw


def test_an_unexpected_error_is_tried_again_and_then_told_without_its_internals() -> None:
    world = always(KeyError("title"))
    assert waits(world) == [1, 2, 4]
    assert world.scan()["error"] == (
        "Phase 'scan' met an error that nobody foresaw; the host's log tells more (tried 4 times in 7 s). "
        "Start the scan again later"
    )


def test_unexpected_errors_are_counted_apart() -> None:
    passing = [RetryableError("GitHub failed")] * 4
    world = failing(*passing, *[KeyError("title")] * RETRIES.unexpected, *passing)
    for _ in range(8 + RETRIES.unexpected):
        put_off(world)
    world.handle(FIRST)
    assert world.scan()["status"] == "ingesting"


# ---- what is seen meanwhile


def test_a_scan_says_what_it_waits_for_and_until_when_and_no_longer_than_that() -> None:
    world = failing(asked(3600))
    put_off(world)
    assert note(world) == f"waiting until 2026-11-23 11:00:00 UTC: {SLOW_DOWN}"
    world.handle(FIRST)
    assert note(world) is None


def test_the_numbers_of_the_progress_stay() -> None:
    world = failing(asked(60))
    world.executor.connection.execute("UPDATE scans SET progress = ?", ('{"done":3,"total":9,"note":"x"}',))
    put_off(world)
    progress = Progress.model_validate_json(world.scan()["progress"])
    assert (progress.done, progress.total) == (3, 9)
    assert str(progress.note).startswith("waiting until ")


def test_a_failed_scan_waits_for_nothing() -> None:
    world = always(KeyError("title"))
    waits(world)
    assert note(world) is None


def test_the_sweep_leaves_a_waiting_message_alone() -> None:
    world = failing(*[asked(80_000)])
    world.handle(FIRST)
    world.queue.jobs.clear()
    for _ in range(20):
        world.clock.advance(hours=1)
        assert asyncio.run(world.runner.sweep()) == 0
    world.clock.advance(seconds=80_000 - 20 * 3600 + 3601)
    assert asyncio.run(world.runner.sweep()) == 1, "an hour after it was due"
    assert [identity for identity, _, _ in world.queue.jobs] == [job_id(1, 1, 1)]
    world.handle(FIRST)
    assert world.scan()["status"] == "ingesting"


def test_a_message_that_cannot_be_sent_when_it_is_put_off_is_sent_by_the_sweep_when_it_is_due() -> None:
    world = failing(asked(7200))
    usual = world.services

    class Broken:
        async def enqueue(self, *_: object) -> None:
            raise RetryableError("the queue is out of order")

    world.services = type(usual)(**{**vars(usual), "queue": Broken()})
    assert world.handle(FIRST) == Done()
    world.services = usual
    world.queue.jobs.clear()
    world.clock.advance(hours=1)
    assert asyncio.run(world.runner.sweep()) == 0
    world.clock.advance(hours=1, minutes=2)
    assert asyncio.run(world.runner.sweep()) == 1
    assert world.queue.messages == [FIRST]


def test_a_message_whose_batch_has_ended_is_no_poller_s_any_more() -> None:
    world = failing(asked(7200))
    world.executor.connection.execute(
        "UPDATE scan_steps SET batch_id = 'b', batch_expires_at = '2026-11-23T10:00:00.000Z'"
    )
    put_off(world)
    assert world.batches.started == []
    world.clock.advance(hours=-1)
    assert asyncio.run(world.runner.sweep()) == 0, "neither lost nor expired"


def test_each_time_that_a_step_is_put_off_is_another_job() -> None:
    world = failing(*[asked(1)] * 3)
    seen = []
    for _ in range(3):
        put_off(world)
        seen.append(world.queue.jobs[0][0])
    assert seen == [job_id(1, 1, tries) for tries in (1, 2, 3)]


def test_a_faster_delivery_is_not_put_off() -> None:
    class Overtaken:
        async def run(self, slice: Slice[CountCursor]) -> Outcome:
            await world.db.take_step(1, 2, "ingest", "2026-11-23T10:00:00.000Z", None, None)
            raise RetryableError("GitHub failed")

    world = started(Overtaken())
    world.queue.jobs.clear()
    assert world.handle(FIRST) == Done()
    assert (world.queue.jobs, note(world)) == ([], None)


# ---- a database that cannot be used


class Unavailable:
    """A database of which some methods do not work for now."""

    def __init__(self, db: Any, methods: set[str]) -> None:
        self.db, self.methods = db, methods

    def __getattr__(self, name: str) -> Any:
        async def refuse(*_: object) -> None:
            raise DatabaseUnavailable("The database cannot be used for now: its disk is full")

        return refuse if name in self.methods else getattr(self.db, name)


@pytest.mark.parametrize(
    "methods",
    [{"begin_step"}, {"commit", "put_off_step"}, {"mark_step_sent"}, {"commit", "put_off_step", "excuse_step"}],
)
def test_what_cannot_be_noted_down_is_for_the_queue_to_deliver_again(methods: set[str]) -> None:
    broken = set(methods)
    phase = Failing([])
    world = started(phase, around=lambda port: Unavailable(port, broken) if hasattr(port, "commit") else port)
    for attempt in (1, 2, 9):
        disposition = world.handle(FIRST, attempt)
        assert disposition == Retry(backoff(attempt), "The database cannot be used for now: its disk is full")
    assert world.scan()["status"] in ("queued", "ingesting")
    broken.clear()
    assert world.handle(FIRST, 10) == Done()
    assert world.scan()["status"] == "ingesting"
    assert world.rows("SELECT count(*) FROM scan_steps WHERE sent_at IS NULL") == [(0,)]


# ---- what ends the process


def die(world: World) -> None:
    """Deliver the message to a process that ends with it; it is delivered again some time later."""
    with pytest.raises(Killed):
        world.handle(FIRST)
    world.clock.advance(seconds=30)


def test_a_step_that_ended_the_process_three_times_fails_the_scan_and_is_not_begun_again() -> None:
    phase = Failing(repeat(Killed()))
    world = started(phase)
    for _ in range(RETRIES.deaths):
        die(world)
        assert world.scan()["status"] == "queued"
    assert isinstance(world.handle(FIRST), Failed)
    assert phase.runs == RETRIES.deaths == 3
    assert world.scan()["status"] == "failed"
    assert world.scan()["error"] == (
        "The process ended 3 times while it worked on phase 'scan'. Start the scan again; when that ends it again, "
        "report it"
    )


def test_deaths_add_up_between_errors_that_were_told() -> None:
    world = started(Failing(cycle([Killed(), RetryableError("GitHub failed")])))
    for _ in range(RETRIES.deaths - 1):
        die(world)
        put_off(world)
        world.clock.advance(seconds=30)
    die(world)
    assert isinstance(world.handle(FIRST), Failed)
    assert "The process ended 3 times" in world.scan()["error"]


def test_errors_that_were_told_are_no_deaths() -> None:
    world = failing(*[asked(60)] * 50)
    for _ in range(50):
        put_off(world)
    assert world.rows("SELECT begun FROM scan_steps") == [(0,)]


def test_deaths_of_one_step_are_not_held_against_the_next() -> None:
    chain = dict(counting_chain())
    for name in ("scan", "ingest", "rank"):
        chain[name] = processor(Failing([Killed()] * 2))
    world = World(chain)
    world.start_scan()
    for _ in range(6):
        with pytest.raises(Killed):
            world.drain()
        world.clock.advance(seconds=30)
    world.drain()
    assert world.scan()["status"] == "done"


def test_an_attempt_that_was_broken_off_is_no_death() -> None:
    world = started(Failing([Killed()] * 9))
    for _ in range(9):
        die(world)
        asyncio.run(world.db.excuse_step(1, 1))
    world.handle(FIRST)
    assert world.scan()["status"] == "ingesting"


def test_deliveries_at_once_are_no_deaths() -> None:
    class Waiting:
        async def run(self, slice: Slice[CountCursor]) -> Outcome:
            await asyncio.sleep(0)
            return Outcome(NextPhase())

    world = started(Waiting())

    async def deliver() -> list[object]:
        return await asyncio.gather(*(world.runner.handle(FIRST, 1) for _ in range(9)))

    assert asyncio.run(deliver()) == [Done()] * 9
    assert world.scan()["status"] == "ingesting"


def test_deaths_shortly_after_each_other_are_not_all_missed() -> None:
    phase = Failing(repeat(Killed()))
    world = started(phase)
    for _ in range(100):
        try:
            if isinstance(world.handle(FIRST), Failed):
                break
        except Killed:
            world.clock.advance(seconds=AT_ONCE.total_seconds() / 4)
    assert world.scan()["status"] == "failed"
    assert phase.runs < 20


def test_a_message_of_the_past_counts_nothing() -> None:
    world = World(counting_chain())
    world.start_scan()
    world.drain()
    before = list(world.executor.connection.iterdump())
    for step in range(1, 13):
        world.handle({**FIRST, "step": step})
    assert list(world.executor.connection.iterdump()) == before


# ---- siblings: purges and polls


def test_a_purge_that_ended_the_process_three_times_is_dropped_and_others_are_not() -> None:
    world = World()
    execute = world.executor.connection.execute
    for number in range(3):
        execute("INSERT INTO vector_purges (repo_id, number) VALUES (1, ?)", (number,))
    execute("INSERT INTO vector_purges (repo_id, number, vector_store) VALUES (2, 1, ?)", ('{"url":"http://deadly/"}',))
    deaths = 0

    class Deadly:
        async def dimensions(self, collection: str) -> int | None:
            nonlocal deaths
            deaths += 1
            raise Killed

    usual = world.vectors
    world.services = type(world.services)(
        **{**vars(world.services), "vectors": lambda config: Deadly() if config else usual}
    )
    message = {"type": PURGE, "scanId": 0, "step": 0}
    for _ in range(RETRIES.deaths):
        with pytest.raises(Killed):
            world.handle(message)
    assert world.handle(message) == Done()
    assert deaths == RETRIES.deaths
    assert world.rows("SELECT id FROM vector_purges") == []


def test_a_purge_whose_store_is_out_of_reach_is_no_death() -> None:
    world = World()
    world.executor.connection.execute("INSERT INTO vector_purges (repo_id, number) VALUES (1, 1)")

    class Unreachable:
        async def dimensions(self, collection: str) -> int | None:
            raise ConnectionFailure("http://127.0.0.1:6333", "the connection was refused")

    world.services = type(world.services)(**{**vars(world.services), "vectors": lambda config: Unreachable()})
    for _ in range(9):
        assert world.handle({"type": PURGE, "scanId": 0, "step": 0}) == Done()
    assert world.rows("SELECT begun FROM vector_purges") == [(0,)]


def test_a_poll_that_ended_the_process_three_times_fails_the_scan_and_ends() -> None:
    world = World(counting_chain())
    world.start_scan()
    store = PollTable(world.db, "scan-1-embed")
    started_poll = BatchPoll(
        batch_id="batch_a", scan_id=1, step=1, phase="embed", polls=0, begun=0, errors=0, ended=False
    )
    asyncio.run(store.start(started_poll, world.clock.now()))

    class Deadly:
        def __getattr__(self, name: str) -> Any:
            return self._die if name == "get_scan_message" else getattr(world.db, name)

        async def _die(self, *_: object) -> None:
            raise Killed

    usual = world.services
    deadly = type(usual)(**{**vars(usual), "db": Deadly()})
    for _ in range(RETRIES.deaths):
        with pytest.raises(Killed):
            asyncio.run(poll(deadly, "scan-1-embed"))
    assert world.scan()["status"] == "queued"
    asyncio.run(poll(usual, "scan-1-embed"))
    assert world.scan()["error"] == (
        "The process ended 3 times while it asked for batch batch_a. Start the scan again; when that ends it again, "
        "report it"
    )
    assert world.rows("SELECT * FROM batch_polls") == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (7.4, "7 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (11_100, "3 h 5 min"), (-5, "0 s")],
)
def test_lengths_of_time_in_words(seconds: float, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


def test_a_permanent_error_ends_all_waiting() -> None:
    world = failing(asked(60), PermanentError("GitHub has no repository acme/rocket"))
    put_off(world)
    assert isinstance(world.handle(FIRST), Failed)
    assert world.scan()["error"] == "GitHub has no repository acme/rocket"
    assert from_text(world.scan()["completed_at"]) == world.clock.now()
