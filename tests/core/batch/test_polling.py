"""Polling a batch: when, what counts as an error, and how a scan fails of it."""

from collections.abc import Callable
from typing import Any

import pytest

from ossgard.pipeline.batch.polling import EXPIRY_GRACE, poll_wait
from ossgard.spec.phases import POLLING, RETRIES
from tests.core.batch.batch_scanning import BatchScanning, batch_config
from tests.outside.repository import Repository
from tests.outside.world import World as Outside

# For ever, as far as a test is concerned.
NEVER = 10**6
# Seconds after the start, or the poll before; times are kept in whole milliseconds.
WAITS = [10, 15, 22.5, 33.75, 50.625, 75.937, 113.906, 120, 120, 120]

Fault = Callable[[Outside, str], object]
FAULTS: dict[str, Fault] = {
    "429": lambda outside, endpoint: outside.fail(endpoint, 429, times=1),
    "500": lambda outside, endpoint: outside.fail(endpoint, 500, times=1),
    "529": lambda outside, endpoint: outside.fail(endpoint, 529, times=1),
    "cut-before": lambda outside, endpoint: outside.cut(endpoint, "before", times=1),
    "cut-in-the-middle": lambda outside, endpoint: outside.cut(endpoint, "body", times=1),
    "garbled": lambda outside, endpoint: outside.garble(endpoint, times=1),
}

llms = pytest.mark.parametrize("llm", ["openai", "anthropic"])


@pytest.fixture
def pairs(repository: Repository, open_pulls: Callable[[int], list[int]]) -> Repository:
    """A repository with three groups of two."""
    for number in open_pulls(3):
        repository.open_duplicate(number)
    return repository


def waiting(outside: Outside, repository: Repository, llm: str = "openai") -> BatchScanning:
    """A scan whose verify phase waits for a batch that never ends."""
    scanning = BatchScanning(outside, repository, batch_config(outside, llm))
    scanning.begin()
    scanning.wait_for_batch("verify")
    outside.batches.polls = NEVER
    return scanning


def kept(scanning: BatchScanning) -> dict[str, Any]:
    """The one poller's state."""
    return dict(scanning.executor.connection.execute("SELECT * FROM batch_polls").fetchone())


def waits(scanning: BatchScanning, count: int) -> list[float]:
    """How long the poller waits before each of its next polls, as it is recorded."""
    found = []
    for _ in range(count):
        before = scanning.clock.now()
        scanning.ring()
        found.append((scanning.clock.now() - before).total_seconds())
    return found


def state(scanning: BatchScanning) -> tuple[str, str | None]:
    scan = scanning.scan()
    return scan["status"], scan["error"]


# ---- when


@llms
def test_the_recorded_times_follow_the_schedule(outside: Outside, pairs: Repository, llm: str) -> None:
    scanning = waiting(outside, pairs, llm)
    assert waits(scanning, len(WAITS)) == WAITS
    assert kept(scanning)["polls"] == len(WAITS)
    assert len(scanning.submitted("verify")[0].polls) == len(WAITS)


def test_errors_do_not_change_the_schedule(outside: Outside, pairs: Repository) -> None:
    scanning = waiting(outside, pairs)
    outside.fail("openai.batch", 500, retry_after=3, times=3, skip=2)
    assert waits(scanning, len(WAITS)) == WAITS


def test_the_schedule_has_no_end() -> None:
    assert [poll_wait(polls).total_seconds() for polls in (0, 1, 6, 7, 1000, 10**9)] == [
        10,
        15,
        pytest.approx(113.906, abs=0.001),
        120,
        120,
        120,
    ]


def test_each_round_begins_the_schedule_anew(
    outside: Outside, pairs: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ossgard.pipeline.batch.embed.ROUND_SIZE", 3)
    outside.batches.polls = 3
    scanning = BatchScanning(outside, pairs)
    scanning.begin()
    scanning.drain()
    found = waits(scanning, 3)
    scanning.drain()
    assert (found, waits(scanning, 3)) == ([10, 15, 22.5], [10, 15, 22.5])
    assert len(scanning.submitted("embed")) == 2


# ---- errors


@llms
@pytest.mark.parametrize("fault", FAULTS)
def test_what_may_pass_counts_as_an_error(outside: Outside, pairs: Repository, llm: str, fault: str) -> None:
    scanning = waiting(outside, pairs, llm)
    FAULTS[fault](outside, f"{llm}.batch")
    scanning.ring()
    assert (kept(scanning)["errors"], scanning.scan()["status"]) == (1, "verifying")
    scanning.ring()
    assert kept(scanning)["errors"] == 0


@llms
def test_three_errors_and_then_a_success(outside: Outside, pairs: Repository, llm: str) -> None:
    scanning = waiting(outside, pairs, llm)
    outside.fail(f"{llm}.batch", 503, times=3)
    outside.batches.polls = 1
    assert scanning.finish()["status"] == "done"


@llms
def test_a_success_resets_the_count(outside: Outside, pairs: Repository, llm: str) -> None:
    scanning = waiting(outside, pairs, llm)
    outside.fail(f"{llm}.batch", 503, times=3)
    outside.fail(f"{llm}.batch", 503, times=3, skip=1)
    errors = []
    for _ in range(8):
        scanning.ring()
        errors.append(kept(scanning)["errors"])
    assert errors == [1, 2, 3, 0, 1, 2, 3, 0]
    assert scanning.scan()["status"] == "verifying"


@llms
def test_errors_that_outlast_the_patience_fail_the_scan(outside: Outside, pairs: Repository, llm: str) -> None:
    scanning = waiting(outside, pairs, llm)
    batch_id = kept(scanning)["batch_id"]
    outside.fail(f"{llm}.batch", 503)
    began = scanning.clock.now()
    status, error = state_after(scanning, POLLING.max_errors)
    assert (scanning.clock.now() - began).total_seconds() >= RETRIES.patience_seconds
    assert status == "failed"
    assert error is not None
    times = POLLING.max_errors
    assert error.endswith(f"(status 503) (asked for batch {batch_id} {times} times). Start the scan again later")
    assert (scanning.polls(), scanning.queue.jobs) == ([], [])


@llms
@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_fails_the_scan_at_once(outside: Outside, pairs: Repository, llm: str, status: int) -> None:
    scanning = waiting(outside, pairs, llm)
    batch_id = kept(scanning)["batch_id"]
    outside.fail(f"{llm}.batch", status)
    scan_status, error = state_after(scanning, 1)
    assert scan_status == "failed"
    assert error is not None
    assert error.startswith(f"Batch {batch_id} cannot be read: ")
    assert "llm.api_key" in error
    assert "account's configuration" in error
    assert scanning.polls() == []


@llms
def test_a_batch_that_is_gone_fails_the_scan_at_once(outside: Outside, pairs: Repository, llm: str) -> None:
    scanning = waiting(outside, pairs, llm)
    [batch] = scanning.submitted("verify")
    outside.batches.remove(batch)
    status, error = state_after(scanning, 1)
    assert status == "failed"
    assert error is not None
    assert f"has no batch {batch.id} any more" in error
    assert "Start the scan again" in error


@llms
def test_a_batch_that_outlives_its_expiry_fails_the_scan(outside: Outside, pairs: Repository, llm: str) -> None:
    scanning = waiting(outside, pairs, llm)
    [batch] = scanning.submitted("verify")
    scanning.clock.advance(seconds=batch.expires_at - scanning.clock.now().timestamp())
    scanning.clock.advance(seconds=EXPIRY_GRACE.total_seconds() - 120)
    scanning.ring()
    assert scanning.scan()["status"] == "verifying", "a provider may say late that a batch has expired"
    scanning.clock.advance(minutes=5)
    status, error = state_after(scanning, 1)
    assert status == "failed"
    assert error is not None
    assert f"was not done with batch {batch.id} when it expired, at 2026-11-24 10:00 UTC" in error
    assert scanning.polls() == []


def state_after(scanning: BatchScanning, alarms: int) -> tuple[str, str | None]:
    for _ in range(alarms):
        assert scanning.scan()["status"] == "verifying"
        scanning.ring()
    return state(scanning)


# ---- how a batch ends otherwise


@llms
def test_a_batch_that_was_cancelled_fails_the_scan(outside: Outside, pairs: Repository, llm: str) -> None:
    scanning = waiting(outside, pairs, llm)
    [batch] = scanning.submitted("verify")
    outside.batches.cancel(batch.id)
    scan = scanning.finish()
    assert scan["status"] == "failed"
    assert f"Batch {batch.id} of" in scan["error"]
    assert scan["error"].endswith(
        "was cancelled at the provider. Start the scan again, or turn batch mode off in the account's configuration"
    )


@llms
def test_a_batch_that_expired_fails_the_scan(outside: Outside, pairs: Repository, llm: str) -> None:
    scanning = waiting(outside, pairs, llm)
    [batch] = scanning.submitted("verify")
    outside.batches.polls, outside.batches.expire = 1, 1
    scan = scanning.finish()
    assert scan["status"] == "failed"
    assert f"Batch {batch.id} of" in scan["error"]
    assert "expired before it was done" in scan["error"]


def test_a_batch_that_failed_fails_the_scan_in_the_providers_words(outside: Outside, pairs: Repository) -> None:
    outside.batches.fail("invalid_json_line", "This line is not parseable as valid JSON.")
    scanning = BatchScanning(outside, pairs)
    scan = scanning.scan_in_batches()
    [batch] = scanning.submitted()
    assert (scan["status"], scan["error"]) == (
        "failed",
        f"Batch {batch.id} of OpenAI model 'text-embedding-3-small' failed: This line is not parseable as valid JSON. "
        "Start the scan again, or turn batch mode off in the account's configuration",
    )


def test_what_an_expired_batch_has_embedded_is_not_embedded_again(outside: Outside, pairs: Repository) -> None:
    outside.batches.expire = 0.5
    scanning = BatchScanning(outside, pairs)
    assert scanning.scan_in_batches()["status"] == "failed"
    assert "expired before it was done" in scanning.scan()["error"]
    assert sorted(hash is None for hash in scanning.pulls("embed_hash")) == [False] * 3 + [True] * 3
    assert scanning.scan()["embedding_tokens"] > 0
    outside.batches.expire = 0
    outside.reset()
    assert scanning.scan_in_batches()["status"] == "done"
    assert [batch.requests for batch in scanning.submitted("embed")] == [3]
