"""A batch that was accepted but not recorded: how it is found again, and what can be mistaken for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from ossgard.pipeline.batch.rounds import LONGEST_SUBMISSION
from ossgard.pipeline.batch.states import Claimed, Submitted
from tests.core.batch.batch_scanning import BatchScanning, about_to_submit, assert_equals_ordinary, planted
from tests.core.mortal import die_before_submitting, die_once_accepted
from tests.outside.batches import Batch
from tests.outside.repository import Repository
from tests.outside.world import World as Outside

NEVER = 10**6

llms = pytest.mark.parametrize("llm", ["openai", "anthropic"])


@pytest.fixture
def repository(outside: Outside) -> Repository:
    return planted(outside)


def another_batch(scanning: BatchScanning) -> Batch:
    """A batch of the same size, of another program with the same key."""
    config = {**scanning.config, "embedding": {**scanning.config["embedding"], "batch": False}}
    other = BatchScanning(scanning.outside, scanning.repository, config)
    other.clock = scanning.clock
    other.services = replace(other.services, clock=scanning.clock)
    other.begin()
    other.run_until_submission("verify")
    other.deliver()
    scanning.outside.batches.now = lambda: scanning.clock.now().timestamp()
    return scanning.outside.batches.submitted[-1]


def recorded(scanning: BatchScanning) -> str | None:
    """The batch that the verify phase waits for."""
    return scanning.state.id if isinstance(scanning.state, Submitted) else None


# ---- ours


@llms
@pytest.mark.parametrize("polls", [0, NEVER], ids=["ended", "under-way"])
def test_a_batch_that_was_accepted_and_not_recorded_is_found(
    outside: Outside, repository: Repository, llm: str, polls: int
) -> None:
    scanning = about_to_submit(outside, repository, llm)
    outside.batches.polls = polls
    batch = die_once_accepted(scanning)
    scanning.clock.advance(minutes=3)
    scanning.deliver()
    assert recorded(scanning) == batch.id
    outside.batches.polls = 1
    scanning.finish()
    assert len(scanning.submitted("verify")) == 1
    assert_equals_ordinary(scanning)


# ---- another's (at OpenAI, each batch carries its claim)


@pytest.mark.parametrize("polls", [0, NEVER], ids=["ended", "under-way"])
def test_openai_tells_batches_apart(outside: Outside, repository: Repository, polls: int) -> None:
    scanning = about_to_submit(outside, repository, "openai")
    outside.batches.polls = polls
    ours = die_once_accepted(scanning)
    another_batch(scanning)
    scanning.deliver()
    assert recorded(scanning) == ours.id


def test_anthropic_tells_ended_batches_apart(outside: Outside, repository: Repository) -> None:
    scanning = about_to_submit(outside, repository, "anthropic")
    outside.batches.polls = 0
    ours = die_once_accepted(scanning)
    another_batch(scanning)
    scanning.deliver()
    assert recorded(scanning) == ours.id


def test_anthropics_batches_under_way_are_told_apart_by_their_size(outside: Outside, repository: Repository) -> None:
    scanning = about_to_submit(outside, repository, "anthropic")
    die_before_submitting(scanning)
    other = another_batch(scanning)
    other.items = other.items[1:]
    scanning.clock.advance(seconds=LONGEST_SUBMISSION.total_seconds() + 1)
    scanning.deliver()
    assert recorded(scanning) not in (None, other.id)


def test_anthropics_batches_under_way_are_told_apart_by_their_time(outside: Outside, repository: Repository) -> None:
    scanning = about_to_submit(outside, repository, "anthropic")
    die_before_submitting(scanning)
    other = another_batch(scanning)
    other.created_at -= 300
    scanning.clock.advance(seconds=LONGEST_SUBMISSION.total_seconds() + 1)
    scanning.deliver()
    assert recorded(scanning) not in (None, other.id)


@contextmanager
def taken_for_ours(scanning: BatchScanning) -> Iterator[Batch]:
    """Another program's batch, which cannot be told from ours while it is under way, and which the phase waits for."""
    scanning.outside.batches.polls = NEVER
    other = another_batch(scanning)
    scanning.deliver()
    assert recorded(scanning) == other.id
    yield other
    scanning.outside.batches.polls = 1


def test_a_batch_of_the_same_size_and_time_is_mistaken_for_ours_until_it_has_ended(
    outside: Outside, repository: Repository
) -> None:
    scanning = about_to_submit(outside, repository, "anthropic")
    die_before_submitting(scanning)
    with taken_for_ours(scanning) as other:
        pass
    scanning.ring()
    # Nothing of it is ours; what an earlier attempt may have submitted is looked for once more.
    scanning.deliver()
    state = scanning.state
    assert isinstance(state, Claimed)
    assert state.foreign == (other.id,)
    scanning.finish()
    assert [batch.requests for batch in scanning.submitted("verify")] == [other.requests] * 2
    assert_equals_ordinary(scanning)


def test_a_batch_that_was_made_after_our_last_attempt_is_not_mistaken_for_ours(
    outside: Outside, repository: Repository
) -> None:
    scanning = about_to_submit(outside, repository, "anthropic")
    die_before_submitting(scanning)
    with taken_for_ours(scanning) as first:
        pass
    scanning.ring()
    scanning.deliver()
    outside.batches.polls = NEVER
    scanning.clock.advance(minutes=5)
    second = another_batch(scanning)
    scanning.deliver()
    assert recorded(scanning) not in (None, first.id, second.id)


def test_our_own_batch_is_found_behind_one_that_was_mistaken_for_it(outside: Outside, repository: Repository) -> None:
    scanning = about_to_submit(outside, repository, "anthropic")
    outside.batches.polls = NEVER
    ours = die_once_accepted(scanning)
    # The other one is nearer to the claim.
    ours.created_at += 5
    with taken_for_ours(scanning) as other:
        pass
    scanning.ring()
    scanning.deliver()
    scanning.deliver()
    assert recorded(scanning) == ours.id
    scanning.finish()
    assert scanning.submitted("verify") == [ours, other]
    assert_equals_ordinary(scanning)


@pytest.mark.parametrize("end", ["cancelled", "expired"])
def test_how_anothers_batch_ends_does_not_matter(outside: Outside, repository: Repository, end: str) -> None:
    scanning = about_to_submit(outside, repository, "anthropic")
    die_before_submitting(scanning)
    with taken_for_ours(scanning) as other:
        if end == "cancelled":
            outside.batches.cancel(other.id)
        else:
            outside.batches.expire = 1
            outside.batches.polls = 1
        scanning.ring()
        outside.batches.expire = 0
    assert scanning.finish()["status"] == "done"
    assert_equals_ordinary(scanning)
