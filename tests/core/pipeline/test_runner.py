"""The runner: what becomes of a message."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ossgard.errors import PermanentError, RetryableError
from ossgard.pipeline.disposition import Done, Failed
from ossgard.pipeline.outbox import job_id
from ossgard.pipeline.outcome import Fail, NextPhase, Outcome
from ossgard.pipeline.phase import Phase, Slice
from ossgard.pipeline.warnings import merged, warning
from ossgard.spec import writes
from ossgard.spec.entities import Failing, WarningCode
from ossgard.spec.phases import PHASES, RETRIES
from tests.core.chain import MARKS, CountCursor, assert_counted_once, counting_chain, processor
from tests.core.world import World


class Raising:
    """A phase that fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def run(self, slice: Slice[CountCursor]) -> Outcome:
        raise self.error


def world_with(phase: Phase[CountCursor]) -> World:
    world = World({"scan": processor(phase)})
    world.start_scan()
    return world


def first(scan_id: int = 1) -> dict[str, object]:
    return {"type": "scan", "scanId": scan_id, "step": 1}


def test_a_scan_goes_through_every_slice_of_every_phase() -> None:
    world = World(counting_chain())
    world.start_scan()
    world.drain()
    assert world.rows("SELECT label FROM dupe_groups ORDER BY id") == MARKS
    scan = world.scan()
    assert (scan["status"], scan["error"], scan["progress"]) == ("done", None, None)
    assert_counted_once(scan)
    assert (scan["pr_count"], scan["dupe_group_count"], scan["phase_cursor"]) == (7, 1, '{"from":"rank"}')
    assert scan["completed_at"] == "2026-11-23T10:00:00.000Z"
    assert world.rows("SELECT last_scan_at FROM repos") == [("2026-11-23T10:00:00.000Z",)]
    assert world.rows("SELECT count(*), count(sent_at), max(step) FROM scan_steps") == [(13, 13, 13)]


def test_the_status_is_that_of_the_phase_that_comes_next() -> None:
    world = World(counting_chain())
    world.start_scan()
    seen = []
    while world.queue.jobs:
        _, message, _ = world.queue.jobs.pop(0)
        seen.append((message.type, world.scan()["status"]))
        world.handle(message.model_dump(mode="json", by_alias=True))
    assert seen == [(name, phase.status) for name, phase in PHASES.items() for _ in range(2)]


def test_a_wait_is_the_delay_of_the_next_message() -> None:
    world = World(counting_chain())
    world.start_scan()
    world.handle(first())
    assert [(identity, delay) for identity, _, delay in world.queue.jobs] == [(job_id(1, 1), 0), (job_id(1, 2), 30)]
    assert world.rows("SELECT due_at FROM scan_steps WHERE step = 2") == [("2026-11-23T10:00:30.000Z",)]


def test_a_message_of_a_taken_step_does_nothing() -> None:
    world = World(counting_chain())
    world.start_scan()
    world.handle(first())
    before = len(world.queue.jobs)
    assert world.handle(first()) == Done()
    assert len(world.queue.jobs) == before
    assert world.rows("SELECT label FROM dupe_groups") == [("scan 0",)]


def test_a_message_of_a_taken_step_sends_what_is_not_sent() -> None:
    world = World(counting_chain())
    world.start_scan()
    world.handle(first())
    world.queue.jobs.clear()
    world.executor.connection.execute("UPDATE scan_steps SET sent_at = NULL WHERE step = 2")
    world.handle(first())
    assert world.queue.messages == [{"type": "scan", "scanId": 1, "step": 2}]
    assert world.rows("SELECT count(*) FROM scan_steps WHERE sent_at IS NULL") == [(0,)]


@pytest.mark.parametrize("end", ["UPDATE scans SET status = 'failed'", "DELETE FROM scans", "DELETE FROM accounts"])
def test_a_message_of_a_scan_that_has_ended_or_is_gone_does_nothing(end: str) -> None:
    world = World(counting_chain())
    world.start_scan()
    world.executor.connection.execute(end)
    assert world.handle(first()) == Done()
    assert world.rows("SELECT count(*) FROM dupe_groups") == [(0,)]
    assert len(world.queue.jobs) == 1


def test_a_permanent_error_fails_the_scan_at_once() -> None:
    world = world_with(Raising(PermanentError("GitHub has no repository acme/rocket")))
    assert world.handle(first()) == Failed("GitHub has no repository acme/rocket")
    assert (world.scan()["status"], world.scan()["error"]) == ("failed", "GitHub has no repository acme/rocket")
    assert world.scan()["completed_at"] == "2026-11-23T10:00:00.000Z"


@pytest.mark.parametrize("phase", ["scan", "polish"])
def test_a_phase_that_is_not_built_fails_the_scan_clearly(phase: str) -> None:
    world = World({})
    world.start_scan()
    world.executor.connection.execute("UPDATE scan_steps SET phase = ?", (phase,))
    world.handle({"type": phase, "scanId": 1, "step": 1})
    assert world.scan()["error"] == (
        f"Phase '{phase}' is not available in this version. Update ossgard, then start the scan again"
    )


def test_a_stored_configuration_that_is_not_valid_fails_the_scan_clearly() -> None:
    world = World(counting_chain(), config={"github": {"token": "t"}, "llm": 3})
    world.start_scan()
    world.handle(first())
    assert world.scan()["error"] == (
        "The account's stored configuration is not valid: llm must be an object; embedding is required. "
        "Save the account's configuration anew, with that corrected"
    )


@pytest.mark.parametrize(
    "body",
    [
        None,
        "scan",
        [],
        {},
        {"type": "scan"},
        {"type": "scan", "scanId": "one", "step": 1},
        {"type": "scan", "scanId": 1, "step": None},
        {"type": None, "scanId": 1, "step": 1},
        float("nan"),
    ],
)
def test_a_malformed_message_is_refused(body: object) -> None:
    world = World(counting_chain())
    world.start_scan()
    assert isinstance(world.handle(body), Failed)
    asyncio.run(world.runner.dead_letter(body))
    assert world.scan()["status"] == "queued"


@pytest.mark.parametrize(
    ("scan_id", "step"), [(1, 99), (99, 1), (-1, -1), (2**53, 1), (10**30, 1), (1, 10**30), (0, 0)]
)
def test_a_message_that_nobody_has_sent_does_nothing(scan_id: int, step: int) -> None:
    world = World(counting_chain())
    world.start_scan()
    body = {"type": "scan", "scanId": scan_id, "step": step}
    assert world.handle(body) == Done()
    asyncio.run(world.runner.dead_letter(body))
    assert world.scan()["status"] == "queued"
    assert world.rows("SELECT count(*) FROM scan_steps") == [(1,)]


def test_a_dead_letter_fails_the_scan() -> None:
    world = World(counting_chain())
    world.start_scan()
    asyncio.run(world.runner.dead_letter(first()))
    assert world.scan()["status"] == "failed"
    assert world.scan()["error"] == "Phase 'scan' was tried too often without success. Start the scan again"


def test_a_dead_letter_whose_work_is_done_only_sends_the_next_message() -> None:
    world = World(counting_chain())
    world.start_scan()
    world.handle(first())
    world.queue.jobs.clear()
    world.executor.connection.execute("UPDATE scan_steps SET sent_at = NULL WHERE step = 2")
    asyncio.run(world.runner.dead_letter(first()))
    assert world.scan()["status"] == "queued"
    assert world.queue.messages == [{"type": "scan", "scanId": 1, "step": 2}]


def test_the_sweep_sends_what_is_overdue_and_only_that() -> None:
    world = World(counting_chain())
    world.start_scan("acme", "unsent")
    world.executor.connection.execute("UPDATE scan_steps SET sent_at = NULL")
    world.start_scan("acme", "sent")
    world.queue.jobs.clear()
    assert asyncio.run(world.runner.sweep()) == 0
    world.clock.advance(minutes=2)
    assert asyncio.run(world.runner.sweep()) == 1
    assert [message["scanId"] for message in world.queue.messages] == [1]
    world.queue.jobs.clear()
    world.clock.advance(minutes=59)
    assert asyncio.run(world.runner.sweep()) == 1
    assert [identity for identity, _, _ in world.queue.jobs] == [job_id(2, 1)]
    world.clock.advance(minutes=2)
    assert asyncio.run(world.runner.sweep()) == 1, "an hour after it was sent again, the first one is overdue once more"
    assert [identity for identity, _, _ in world.queue.jobs] == [job_id(2, 1), job_id(1, 1)]


def test_the_sweep_fails_a_scan_that_was_silent_for_a_day() -> None:
    world = World(counting_chain())
    world.start_scan()
    for hours in (12, 13):
        world.clock.advance(hours=hours)
        assert asyncio.run(world.runner.sweep()) == 1
        assert world.scan()["error"] is None
    world.clock.advance(hours=1, minutes=1)
    assert asyncio.run(world.runner.sweep()) == 1
    assert world.scan()["error"] == "Phase 'scan' gave no answer for a day. Start the scan again"


def test_the_sweep_sends_again_what_was_left_when_the_host_was_off_for_days() -> None:
    world = World(counting_chain())
    world.start_scan()
    world.queue.jobs.clear()
    world.clock.advance(days=9)
    for _ in range(2):
        asyncio.run(world.runner.sweep())
    assert [identity for identity, _, _ in world.queue.jobs] == [job_id(1, 1)]
    world.drain()
    assert world.scan()["status"] == "done"


def test_the_sweep_fails_a_scan_whose_message_cannot_be_sent_for_a_day() -> None:
    world = World(counting_chain())
    world.start_scan()
    world.executor.connection.execute("UPDATE scan_steps SET sent_at = NULL")

    class Full:
        async def enqueue(self, *_: object) -> None:
            raise RetryableError("the queue is full")

    world.services = replace(world.services, queue=Full())
    world.clock.advance(hours=23)
    assert asyncio.run(world.runner.sweep()) == 0
    assert world.scan()["error"] is None
    world.clock.advance(hours=2)
    assert asyncio.run(world.runner.sweep()) == 1
    expected = "Phase 'scan' could not be begun for a day; the host's log tells why. Start the scan again"
    assert world.scan()["error"] == expected


# ---- the end of a scan

SCRATCH = """
    INSERT INTO listed_prs (scan_id, number, title, author, created_at, updated_at, pending)
    VALUES (1, 1, '', '', '', '', 1);
    INSERT INTO candidate_groups (scan_id, position, stage, pr_ids) VALUES (1, 1, 'candidate', '[]');
    """


class GivingUp:
    """A phase that has worked, and found that the scan has failed."""

    async def run(self, slice: Slice[CountCursor]) -> Outcome:
        mark = writes.insert_dupe_group(slice.scan_id, slice.repo_id, "found before", 2)
        told = warning(WarningCode.NOT_VERIFIED, [7], "x" * 5000, 3)
        return Outcome(Fail("The model is of no use"), [mark], 1, 2, 3, warnings=[told])


def test_a_phase_that_fails_the_scan_leaves_what_it_did_used_and_told() -> None:
    world = world_with(GivingUp())
    world.executor.connection.executescript(SCRATCH)
    assert isinstance(world.handle(first()), Done)
    scan = world.scan()
    assert (scan["status"], scan["error"]) == ("failed", "The model is of no use")
    assert (scan["input_tokens"], scan["output_tokens"], scan["embedding_tokens"]) == (1, 2, 3)
    assert (scan["completed_at"], scan["progress"], scan["phase_cursor"]) == ("2026-11-23T10:00:00.000Z", None, None)
    [told] = json.loads(scan["warnings"])
    assert (told["code"], told["count"], told["examples"], len(told["message"]) < 600) == ("NOT_VERIFIED", 3, [7], True)
    assert world.rows("SELECT label FROM dupe_groups") == [("found before",)]
    assert world.rows("SELECT last_scan_at FROM repos") == [(None,)]
    assert len(world.queue.jobs) == 1, "no message follows the first"
    before = world.executor.connection.total_changes
    assert isinstance(world.handle(first()), Done)
    assert world.executor.connection.total_changes == before


@pytest.mark.parametrize("phase", [GivingUp(), Raising(PermanentError("no"))])
def test_a_scan_that_ends_leaves_no_scratch(phase: Phase[CountCursor]) -> None:
    world = world_with(phase)
    world.executor.connection.executescript(SCRATCH)
    world.handle(first())
    assert world.rows("SELECT count(*) FROM listed_prs") == [(0,)]
    assert world.rows("SELECT count(*) FROM candidate_groups") == [(0,)]


def test_warnings_of_a_kind_become_one() -> None:
    first_one = warning(WarningCode.NOT_RANKED, [1, 2, 2, 3], "the first")
    second = warning(WarningCode.NOT_RANKED, [3, 4, 5, 6, 7], "the last", 9)
    other = warning(WarningCode.NOT_EMBEDDED, [8])
    [ranked, embedded] = merged(merged([], [first_one]), [other, second])
    assert (ranked.count, ranked.examples) == (12, [1, 2, 3, 4, 5])
    assert (ranked.message.endswith("The last reason: the last"), embedded) == (True, other)


BUDGET = yaml.safe_load((Path(__file__).parents[3] / "spec" / "jobs.yaml").read_text())["runner"]


def test_a_slice_stays_inside_the_runners_budget() -> None:
    world = World(counting_chain())
    world.start_scan()
    world.executor.statements.clear()
    world.handle(first())
    # The slice's own write is not the runner's.
    assert len(world.executor.statements) - 1 <= BUDGET["statements"]


def test_the_worst_delivery_stays_inside_the_runners_budget() -> None:
    """The last attempt, a row of the phase that breaks a constraint, and another delivery that is faster in the end."""

    class Breaking:
        async def run(self, slice: Slice[CountCursor]) -> Outcome:
            return Outcome(NextPhase(), [writes.insert_dupe_group(99, 99, None, 0)], input_tokens=1)

    calls: list[str] = []

    class Counting:
        def __init__(self, port: Any) -> None:
            self.port = port

        def __getattr__(self, name: str) -> Any:
            async def counted(*arguments: Any) -> Any:
                calls.append(name)
                if name == "commit" and calls.count("commit") == 2:
                    await world.db.take_step(1, 2, "scan", "2026-11-23T10:00:00.000Z", None, None)
                return await getattr(self.port, name)(*arguments)

            return counted

    world = World({"scan": processor(Breaking())}, around=Counting)
    world.start_scan()
    tried = Failing(since="2026-11-23T09:59:53.000Z", tries=3, unexpected=RETRIES.unexpected, waited=7)
    asyncio.run(world.db.put_off_step(1, 1, "2026-11-23T10:00:00.000Z", tried, "waiting"))
    world.executor.statements.clear()
    assert isinstance(world.handle(first()), Failed)
    assert calls == [
        *("begin_step", "commit", "get_scan_message"),
        *("get_scan_message", "commit", "get_scan_message", "enqueue", "mark_step_sent"),
    ]
    assert len(calls) <= BUDGET["subrequests"]
    assert len(world.executor.statements) <= BUDGET["statements"]


def test_a_put_off_stays_inside_the_runners_budget() -> None:
    world = world_with(Raising(RetryableError("GitHub failed")))
    world.executor.statements.clear()
    world.handle(first())
    assert len(world.executor.statements) <= BUDGET["statements"]
