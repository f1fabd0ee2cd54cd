"""A scan that waits for a batch: what it shows, and what the sweep does when its poller or its message got lost."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from ossgard.app import create_app
from ossgard.auth import hash_api_key
from ossgard.pipeline.batch.rounds import COLLECT_RETRY_SECONDS, WAITING
from ossgard.pipeline.disposition import Done
from tests.core.batch.batch_scanning import BatchScanning, assert_equals_ordinary, batch_config, planted
from tests.outside.repository import Repository
from tests.outside.world import World as Outside

pytestmark = pytest.mark.slow

NEVER = 10**6


@pytest.fixture
def repository(outside: Outside) -> Repository:
    return planted(outside)


@pytest.fixture
def waiting(outside: Outside, repository: Repository) -> BatchScanning:
    """A scan whose embed phase waits for a batch that never ends."""
    scanning = BatchScanning(outside, repository)
    scanning.begin()
    scanning.wait_for_batch("embed")
    outside.batches.polls = NEVER
    return scanning


def get(scanning: BatchScanning, path: str) -> Any:
    """What the API answers."""
    scanning.executor.connection.execute("UPDATE accounts SET api_key_hash = ?", (hash_api_key("key"),))

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(scanning.services))
        headers = {"Authorization": "Bearer key"}
        async with httpx.AsyncClient(transport=transport, base_url="http://core", headers=headers) as client:
            return await client.get(path)

    response = asyncio.run(send())
    assert response.status_code == 200, response.text
    return response.json()


# ---- what it shows


def test_progress_says_that_a_batch_is_waited_for(waiting: BatchScanning) -> None:
    assert waiting.progress == {"done": 0, "total": 12, "note": WAITING}
    assert waiting.scan()["status"] == "embedding"


@pytest.mark.parametrize(
    ("minutes", "age"),
    [
        (0, "0 min"),
        (1, "1 min"),
        (12.9, "12 min"),
        (59.99, "59 min"),
        (60, "1 h 0 min"),
        (135, "2 h 15 min"),
        (1500, "25 h 0 min"),
    ],
)
def test_the_api_says_for_how_long(waiting: BatchScanning, minutes: float, age: str) -> None:
    waiting.clock.advance(minutes=minutes)
    assert get(waiting, "/scans/1")["progress"] == {"done": 0, "total": 12, "note": f"{WAITING}, for {age}"}


def test_the_age_is_that_of_the_batch_and_not_of_the_last_poll(waiting: BatchScanning) -> None:
    for _ in range(12):
        waiting.ring()
    # 10, 15, 22.5, 33.75, 50.625, 75.9375 and 113.90625 seconds, then five times 120.
    assert get(waiting, "/scans/1")["progress"]["note"] == f"{WAITING}, for 15 min"


@pytest.mark.parametrize("llm", ["openai", "anthropic"])
def test_progress_of_every_step_can_be_shown(outside: Outside, repository: Repository, llm: str) -> None:
    scanning = BatchScanning(outside, repository, batch_config(outside, llm))
    scanning.begin()
    notes = []
    while scanning.is_under_way:
        shown = get(scanning, "/scans/1")
        notes.append((shown["status"], (shown["progress"] or {}).get("note")))
        scanning.go_on()
    waited = f"{WAITING}, for 0 min"
    assert [note for note in notes if note[1] == waited] == [
        (status, waited) for status in ("embedding", "verifying", "verifying", "ranking") for _ in range(2)
    ]
    assert (get(scanning, "/scans/1")["status"], get(scanning, "/scans/1")["progress"]) == ("done", None)


def test_progress_of_a_scan_that_failed_while_it_waited_is_null(waiting: BatchScanning, outside: Outside) -> None:
    outside.fail("openai.batch", 404)
    waiting.ring()
    shown = get(waiting, "/scans/1")
    assert (shown["status"], shown["progress"]) == ("failed", None)


@pytest.mark.parametrize("cursor", ["NULL", "'{}'", "'{\"total\":3}'", "'{\"batch\":null}'"])
def test_a_cursor_without_a_batch_has_no_age(waiting: BatchScanning, cursor: str) -> None:
    waiting.executor.connection.execute(f"UPDATE scans SET phase_cursor = {cursor}")
    assert get(waiting, "/scans/1")["progress"]["note"] == WAITING


# ---- the sweep


def lose_the_poller(scanning: BatchScanning) -> None:
    scanning.executor.connection.execute("DELETE FROM batch_polls")


def never_sent(scanning: BatchScanning) -> None:
    """As if the process had ended between the commit and the start of the poller."""
    scanning.executor.connection.execute("UPDATE scan_steps SET sent_at = NULL WHERE batch_id IS NOT NULL")
    lose_the_poller(scanning)


def test_a_wait_that_was_never_started_is_after_a_minute(waiting: BatchScanning, outside: Outside) -> None:
    never_sent(waiting)
    assert (waiting.sweep(seconds=59), waiting.polls()) == (0, [])
    assert waiting.sweep(seconds=2) == 1
    assert waiting.polls() == [("scan-1-embed", "2026-11-23T10:01:11.000Z")]
    outside.batches.polls = 1
    assert waiting.finish()["status"] == "done"
    assert len(waiting.submitted("embed")) == 1


def test_a_wait_that_was_never_started_is_by_the_message_before_it(waiting: BatchScanning, outside: Outside) -> None:
    never_sent(waiting)
    step = waiting.rows("SELECT step FROM scan_steps WHERE batch_id IS NOT NULL")[0][0]
    waiting.handle({"type": "embed", "scanId": 1, "step": step - 1})
    assert [name for name, _ in waiting.polls()] == ["scan-1-embed"]
    assert len(waiting.submitted("embed")) == 1


def test_a_wait_is_left_alone_until_the_batch_expires(waiting: BatchScanning) -> None:
    lose_the_poller(waiting)
    assert [waiting.sweep(hours=6) for _ in range(4)] == [0, 0, 0, 0]
    assert (waiting.sweep(minutes=59), waiting.polls()) == (0, [])
    assert waiting.sweep(minutes=2) == 1
    assert len(waiting.polls()) == 1


def test_a_wait_whose_poller_got_lost_goes_on_when_the_batch_has_ended(
    waiting: BatchScanning, outside: Outside
) -> None:
    lose_the_poller(waiting)
    waiting.sweep(hours=25, minutes=1)
    outside.batches.polls = 1
    assert waiting.finish()["status"] == "done"
    assert_equals_ordinary(waiting)


def test_a_wait_whose_poller_got_lost_fails_when_the_batch_has_not_ended(waiting: BatchScanning) -> None:
    lose_the_poller(waiting)
    waiting.sweep(hours=25, minutes=1)
    waiting.ring()
    assert waiting.scan()["status"] == "failed"
    assert "when it expired, at 2026-11-24 10:00 UTC" in waiting.scan()["error"]


def test_a_wait_is_given_up_a_day_after_the_batch_has_expired(waiting: BatchScanning) -> None:
    begun = waiting.clock.now()
    while waiting.scan()["status"] == "embedding":
        lose_the_poller(waiting)
        waiting.sweep(hours=1, minutes=1)
    assert waiting.scan()["error"] == "Phase 'embed' gave no answer for a day. Start the scan again"
    # It has been begun again every hour or so, the last time when the day was over.
    assert timedelta(hours=48) < waiting.clock.now() - begun < timedelta(hours=51)


def test_a_running_poller_is_not_disturbed_by_the_sweep(waiting: BatchScanning) -> None:
    waiting.ring()
    before = waiting.rows("SELECT * FROM batch_polls")
    waiting.sweep(hours=25, minutes=1)
    assert waiting.rows("SELECT * FROM batch_polls") == before


@pytest.mark.parametrize("phase", ["embed", "verify", "rank"])
def test_a_message_that_got_lost_after_the_batch_has_ended_comes_again_in_an_hour(
    outside: Outside, repository: Repository, phase: str
) -> None:
    scanning = BatchScanning(outside, repository)
    scanning.begin()
    scanning.wait_for_batch(phase)
    scanning.ring()
    assert len(scanning.queue.jobs) == 1
    scanning.queue.jobs.clear()
    assert scanning.sweep(minutes=59) == 0
    assert scanning.sweep(minutes=2) == 1
    assert scanning.finish()["status"] == "done"
    assert len(scanning.submitted(phase)) == 1
    assert_equals_ordinary(scanning)


def test_answers_are_kept_only_as_long_as_the_scan_needs_them(outside: Outside, repository: Repository) -> None:
    scanning = BatchScanning(outside, repository)
    scanning.begin()
    seen = set()
    while scanning.is_under_way:
        seen |= set(scanning.rows("SELECT DISTINCT phase FROM batch_answers"))
        scanning.go_on()
    assert seen == {("pairs",), ("groups",), ("rank",)}
    assert scanning.rows("SELECT count(*) FROM batch_answers") == [(0,)]


# ---- what is counted


@pytest.mark.parametrize("llm", ["openai", "anthropic"])
def test_tokens_are_counted_once_when_results_are_read_again(
    outside: Outside, repository: Repository, llm: str
) -> None:
    scanning = BatchScanning(outside, repository, batch_config(outside, llm))
    scanning.begin()
    for phase in ("embed", "verify", "rank"):
        scanning.wait_for_batch(phase)
        provider = "openai" if phase == "embed" else llm
        outside.cut("openai.content" if provider == "openai" else "anthropic.batch.results", times=1)
        scanning.ring()
        scanning.drain()
        [batch] = scanning.submitted(phase)
        assert len(batch.collected) == 2, "the first time, it broke off"
    scanning.finish()
    assert_equals_ordinary(scanning)


@pytest.mark.parametrize("llm", ["openai", "anthropic"])
def test_results_that_cannot_be_read_now_are_asked_for_again_some_minutes_later(
    outside: Outside, repository: Repository, llm: str
) -> None:
    scanning = BatchScanning(outside, repository, batch_config(outside, llm))
    scanning.begin()
    scanning.wait_for_batch("verify")
    scanning.ring()
    outside.fail("openai.content" if llm == "openai" else "anthropic.batch.results", 503, times=3)
    for _ in range(3):
        assert scanning.deliver() == Done()
        [(_, _, seconds)] = scanning.queue.jobs
        assert seconds == COLLECT_RETRY_SECONDS
        scanning.clock.advance(seconds=seconds)
    scanning.finish()
    assert_equals_ordinary(scanning)
