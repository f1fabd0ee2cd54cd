"""Scans in batch mode, stopped anywhere, and with everything delivered twice: no batch is submitted a second time."""

import asyncio

import pytest

from ossgard.pipeline.batch.poll_table import poll
from ossgard.pipeline.disposition import Done
from tests.core.batch.batch_scanning import ROUNDS, BatchScanning, batch_config, ordinary, planted, result
from tests.core.mortal import Dying
from tests.outside.repository import Repository
from tests.outside.world import World as Outside

pytestmark = pytest.mark.slow

# How a batch is when it is looked for: ended, or under way.
endings = pytest.mark.parametrize("polls", [0, 1], ids=["ended", "under-way"])
llms = pytest.mark.parametrize("llm", ["openai", "anthropic"])
sides = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])


@pytest.fixture
def repository(outside: Outside) -> Repository:
    return planted(outside, prs=8)


def assert_submitted_once(scanning: BatchScanning) -> None:
    """Each phase has submitted one batch, and recorded that."""
    claims = [{custom_id.partition("-")[0] for custom_id in batch.custom_ids} for batch in scanning.submitted()]
    assert [len(claim) for claim in claims] == [1, 1, 1, 1]
    assert [len(scanning.submitted(round)) for round in ROUNDS] == [1, 1, 1, 1]
    recorded = "SELECT DISTINCT batch_id FROM scan_steps WHERE batch_id IS NOT NULL ORDER BY step"
    assert [batch_id for (batch_id,) in scanning.rows(recorded)] == [batch.id for batch in scanning.submitted()]


def assert_came_through(scanning: BatchScanning, outside: Outside, repository: Repository, llm: str) -> None:
    assert_submitted_once(scanning)
    plain = ordinary(outside, repository, llm)
    plain.scan_all()
    assert result(scanning) == result(plain)


@endings
@sides
@llms
def test_killed_at_every_action_and_the_message_delivered_again(
    outside: Outside, repository: Repository, llm: str, after: bool, polls: int
) -> None:
    outside.batches.polls = polls
    scanning = Dying(outside, repository, batch_config(outside, llm), after)
    scanning.die_everywhere(recover=lambda: None)
    assert_came_through(scanning, outside, repository, llm)
    assert min(scanning.deaths[phase] for phase in ("embed", "verify", "rank")) >= 20
    assert scanning.deaths["alarm"] >= 3 * 5


@sides
def test_killed_at_every_action_and_everything_queued_lost(
    outside: Outside, repository: Repository, after: bool
) -> None:
    """One scan asks both providers: OpenAI for its vectors, Anthropic for the rest."""
    scanning = Dying(outside, repository, batch_config(outside, "anthropic"), after)
    scanning.die_everywhere(scanning.lose_the_queue)
    assert_came_through(scanning, outside, repository, "anthropic")
    assert min(scanning.deaths[phase] for phase in ("embed", "verify", "rank", "alarm")) >= 15


# ---- delivered twice


@llms
def test_every_message_and_alarm_comes_twice_one_after_the_other(
    outside: Outside, repository: Repository, llm: str
) -> None:
    scanning = BatchScanning(outside, repository, batch_config(outside, llm))
    scanning.begin()
    while scanning.queue.jobs or scanning.polls():
        if scanning.queue.jobs:
            message = scanning.queue.jobs[0]
            scanning.deliver()
            scanning.queue.jobs.insert(0, message)
            scanning.deliver()
        else:
            [(name, _)] = scanning.polls()
            scanning.ring()
            asyncio.run(poll(scanning.services, name))
    assert_came_through(scanning, outside, repository, llm)


@llms
@pytest.mark.parametrize("times", [2, 4])
def test_every_message_and_alarm_comes_several_times_at_once(
    outside: Outside, repository: Repository, llm: str, times: int
) -> None:
    scanning = BatchScanning(outside, repository, batch_config(outside, llm))
    scanning.begin()

    async def deliver(body: object) -> list[object]:
        return await asyncio.gather(*(scanning.runner.handle(body, 1) for _ in range(times)))

    async def ring(name: str) -> None:
        # No host polls under one name several times at once; twice is to be on the safe side.
        await asyncio.gather(*(poll(scanning.services, name) for _ in range(2)))

    while scanning.queue.jobs or scanning.polls():
        if scanning.queue.jobs:
            _, message, _ = scanning.queue.jobs.pop(0)
            dispositions = asyncio.run(deliver(message.model_dump(mode="json", by_alias=True)))
            assert Done() in dispositions
        else:
            [(name, _)] = scanning.polls()
            scanning.clock.advance(seconds=120)
            asyncio.run(ring(name))
    assert_came_through(scanning, outside, repository, llm)


@llms
def test_messages_and_alarms_that_come_back_long_after_do_nothing(
    outside: Outside, repository: Repository, llm: str
) -> None:
    scanning = BatchScanning(outside, repository, batch_config(outside, llm))
    scanning.scan_in_batches()
    before = list(scanning.executor.connection.iterdump())
    outside.reset()
    for step, phase in scanning.rows("SELECT step, phase FROM scan_steps WHERE phase IS NOT NULL"):
        body = {"type": phase, "scanId": 1, "step": step}
        assert scanning.handle(body) == Done()
        asyncio.run(scanning.runner.dead_letter(body))
        asyncio.run(poll(scanning.services, f"scan-1-{phase}"))
    assert list(scanning.executor.connection.iterdump()) == before
    assert outside.requests() == []
