"""A phase whose questions do not fit into one batch: rounds one after the other, and waiting for room."""

import itertools
import json
import math

import pytest

from ossgard.pipeline.batch.rounds import MAX_ROOM_WAITS, ROOM_WAIT_SECONDS, WAITING, WAITING_FOR_ROOM
from tests.core.batch.batch_scanning import (
    CHAT_ROUNDS,
    BatchScanning,
    assert_equals_ordinary,
    batch_config,
    ordinary_questions,
    planted,
)
from tests.outside.batches import Batch
from tests.outside.diffs import ChangedFile
from tests.outside.repository import Repository
from tests.outside.tokens import count_tokens
from tests.outside.world import World as Outside

EMBEDDING_MODEL = "text-embedding-3-small"
NO_ROOM = (
    "Enqueued token limit reached for text-embedding-3-small in organization org-world. Limit: 3,000,000 enqueued "
    "tokens. Please try again once some in_progress batches have been completed."
)

pytestmark = pytest.mark.slow


def tokens(batch: Batch) -> int:
    """What a batch of embeddings asks to embed."""
    return sum(count_tokens(text) for item in batch.items for text in item.body["input"])


def assert_one_after_the_other(batches: list[Batch]) -> None:
    for earlier, later in itertools.pairwise(batches):
        assert earlier.ended_at is not None
        assert later.created_at >= earlier.ended_at


def all_items(batches: list[Batch]) -> list[str]:
    """What was asked, without the claims."""
    return sorted(custom_id.partition("-")[2] for batch in batches for custom_id in batch.custom_ids)


def test_a_token_limit_divides_a_phase_into_rounds(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = planted(outside)
    monkeypatch.setattr(
        "ossgard.providers.batch.openai.QUEUED_TOKENS", {"/v1/chat/completions": 2_000_000, "/v1/embeddings": 1_500}
    )
    outside.batches.enqueued_tokens = {EMBEDDING_MODEL: 1_500}
    scanning = BatchScanning(outside, repository)
    assert scanning.scan_in_batches()["status"] == "done"
    batches = scanning.submitted("embed")
    assert len(batches) >= 3
    assert max(tokens(batch) for batch in batches) <= 1_500
    assert {batch.stage for batch in batches} == {"completed"}
    assert_one_after_the_other(batches)
    assert_equals_ordinary(scanning)


@pytest.mark.parametrize("llm", ["openai", "anthropic"])
def test_a_limit_of_requests_divides_a_phase_into_rounds(
    outside: Outside, monkeypatch: pytest.MonkeyPatch, llm: str
) -> None:
    repository = planted(outside, prs=20)
    # OpenAI counts the texts of embeddings.
    monkeypatch.setattr("ossgard.providers.batch.openai.MAX_REQUESTS", 4)
    monkeypatch.setattr("ossgard.providers.batch.anthropic.MAX_REQUESTS", 4)
    outside.batches.openai_inputs = outside.batches.openai_requests = outside.batches.anthropic_requests = 4
    scanning = BatchScanning(outside, repository, batch_config(outside, llm))
    assert scanning.scan_in_batches()["status"] == "done"
    assert [batch.requests for batch in scanning.submitted("embed")] == [2] * 10
    rounds = [scanning.submitted(round) for round in CHAT_ROUNDS]
    for batches in rounds:
        assert [batch.requests for batch in batches[:-1]] == [4] * (len(batches) - 1)
        assert_one_after_the_other(batches)
    assert len(rounds[0]) > 1
    alone = len(outside.requests("openai.chat,anthropic.messages"))
    assert_equals_ordinary(scanning)
    # Should one be left over of a round, it is asked in the ordinary way.
    in_batches = sum(batch.requests for batches in rounds for batch in batches)
    assert in_batches + alone == ordinary_questions(scanning)
    assert alone <= 3


@pytest.mark.parametrize("llm", ["openai", "anthropic"])
def test_a_size_limit_divides_a_phase_into_rounds(outside: Outside, monkeypatch: pytest.MonkeyPatch, llm: str) -> None:
    repository = planted(outside, prs=30)
    limit = 20_000
    monkeypatch.setattr("ossgard.providers.batch.openai.MAX_FILE_BYTES", limit)
    monkeypatch.setattr("ossgard.providers.batch.anthropic.MAX_FILE_BYTES", limit)
    outside.batches.openai_file_bytes = outside.batches.anthropic_bytes = limit
    scanning = BatchScanning(outside, repository, batch_config(outside, llm))
    assert scanning.scan_in_batches()["status"] == "done"
    assert len(scanning.submitted("verify")) > 1
    for upload in outside.requests("openai.files,anthropic.batches.create"):
        assert len(upload.body) <= limit
    assert_equals_ordinary(scanning)


def test_no_round_is_larger_than_one_invocation_can_work_off(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = planted(outside, prs=20)
    monkeypatch.setattr("ossgard.pipeline.batch.embed.ROUND_SIZE", 7)
    monkeypatch.setattr("ossgard.pipeline.batch.chat.ROUND_SIZE", 4)
    monkeypatch.setattr("ossgard.pipeline.batch.chat.PAGE_SIZE", 2)
    monkeypatch.setattr("ossgard.pipeline.batch.embed.PIECE_SIZE", 3)
    monkeypatch.setattr("ossgard.pipeline.batch.chat.PIECE_ANSWERS", 3)
    scanning = BatchScanning(outside, repository)
    assert scanning.scan_in_batches()["status"] == "done"
    assert [batch.requests for batch in scanning.submitted("embed")] == [7, 7, 6]
    assert [batch.requests for batch in scanning.submitted("verify")][:-1] == [4] * (
        len(scanning.submitted("verify")) - 1
    )
    assert_equals_ordinary(scanning)


def test_results_are_stored_in_pieces(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ossgard.pipeline.batch.embed.PIECE_SIZE", 3)
    monkeypatch.setattr("ossgard.pipeline.batch.chat.PIECE_ANSWERS", 2)
    scanning = BatchScanning(outside, planted(outside, prs=20))
    assert scanning.scan_in_batches()["status"] == "done"
    assert scanning.vectors.calls["upsert"] == 2 * 7
    assert outside.requests("openai.chat,openai.embeddings") == []
    assert_equals_ordinary(scanning)


def test_both_indexes_are_waited_for_whatever_the_last_piece_holds(
    outside: Outside, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ossgard.pipeline.batch.embed.PIECE_SIZE", 1)
    repository.open("With files", None, [ChangedFile("a.py", "a")])
    repository.open("Without files")
    outside.batches.unordered = False
    scanning = BatchScanning(outside, repository)
    scanning.begin()
    scanning.wait_for_batch("embed")
    scanning.ring()
    scanning.run_until("cluster")
    assert set(json.loads(scanning.scan()["phase_cursor"])) == {"codeToken", "intentToken"}


def test_a_round_looks_through_a_part_of_what_is_stored(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = planted(outside, prs=20)
    scanning = BatchScanning(outside, repository)
    scanning.scan_in_batches()
    numbers = sorted(repository.open_numbers)
    changed = [numbers[0], numbers[1], *numbers[-3:]]
    for number in changed:
        repository.update(number, title=f"Another title for {number}")
    monkeypatch.setattr("ossgard.pipeline.batch.embed.ROUND_PAGES", 2)
    monkeypatch.setattr("ossgard.pipeline.batch.embed.PAGE_SIZE", 4)
    outside.reset()
    assert scanning.scan_in_batches()["status"] == "done"
    assert [batch.requests for batch in scanning.submitted("embed")] == [2, 3], "none where nothing has changed"


def test_rounds_share_one_poller_name(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ossgard.pipeline.batch.embed.ROUND_SIZE", 5)
    scanning = BatchScanning(outside, planted(outside))
    scanning.begin()
    names, batches = set(), set()
    while not scanning.submitted("verify"):
        scanning.drain()
        names |= {name for name, _ in scanning.polls() if "embed" in name}
        batches |= {batch for (batch,) in scanning.rows("SELECT batch_id FROM batch_polls WHERE phase = 'embed'")}
        scanning.ring()
    assert (names, len(batches)) == ({"scan-1-embed"}, 3)


def test_progress_counts_what_has_come_back(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ossgard.pipeline.batch.embed.ROUND_SIZE", 5)
    scanning = BatchScanning(outside, planted(outside))
    scanning.begin()
    shown = []
    while not scanning.submitted("verify"):
        scanning.drain()
        shown.append(scanning.progress)
        scanning.ring()
    assert [progress for progress in shown if progress["total"] == 12] == [
        {"done": done, "total": 12, "note": WAITING} for done in (0, 5, 10)
    ]


def test_rounds_ask_every_question_once(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = planted(outside, prs=20)
    monkeypatch.setattr("ossgard.pipeline.batch.embed.ROUND_SIZE", 3)
    monkeypatch.setattr("ossgard.pipeline.batch.chat.ROUND_SIZE", 2)
    monkeypatch.setattr("ossgard.pipeline.batch.chat.PAGE_SIZE", 1)
    scanning = BatchScanning(outside, repository)
    scanning.scan_in_batches()
    for phase in ("embed", "verify", "rank"):
        items = all_items(scanning.submitted(phase))
        assert len(set(items)) == len(items)


# ---- the provider lets fewer tokens wait


def test_a_smaller_limit_than_was_thought_makes_batches_smaller(outside: Outside) -> None:
    repository = planted(outside)
    outside.batches.enqueued_tokens = {EMBEDDING_MODEL: 1_500}
    scanning = BatchScanning(outside, repository)
    assert scanning.scan_in_batches()["status"] == "done"
    refused, *taken = scanning.submitted("embed")
    assert (refused.stage, refused.requests) == ("failed", 12)
    assert {batch.stage for batch in taken} == {"completed"}
    assert max(tokens(batch) for batch in taken) <= 1_500
    assert all_items(taken) == all_items([refused])
    assert_equals_ordinary(scanning)


def test_a_limit_that_is_not_named_is_felt_for(outside: Outside) -> None:
    repository = planted(outside)
    outside.batches.fail("token_limit_exceeded", "Too many tokens are waiting.", times=2)
    scanning = BatchScanning(outside, repository)
    assert scanning.scan_in_batches()["status"] == "done"
    first, second, *taken = scanning.submitted("embed")
    assert first.requests > second.requests > max(batch.requests for batch in taken)
    assert_equals_ordinary(scanning)


def test_it_waits_while_others_take_up_the_limit(outside: Outside) -> None:
    repository = planted(outside)
    outside.batches.fail("token_limit_exceeded", NO_ROOM, times=3)
    scanning = BatchScanning(outside, repository)
    scanning.begin()
    delays = []
    while len(scanning.submitted("embed")) < 4:
        for _, message, delay in scanning.queue.jobs:
            if delay:
                delays.append(delay)
                assert (message.type, scanning.progress["note"]) == ("embed", WAITING_FOR_ROOM)
        scanning.go_on()
    assert delays == [ROOM_WAIT_SECONDS] * 3
    assert scanning.finish()["status"] == "done"
    assert [batch.requests for batch in scanning.submitted("embed")] == [12] * 4
    assert_equals_ordinary(scanning)


def test_it_waits_for_two_days_and_then_gives_up(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_ROOM_WAITS * ROOM_WAIT_SECONDS == 2 * 24 * 3600
    monkeypatch.setattr("ossgard.pipeline.batch.rounds.MAX_ROOM_WAITS", 2)
    outside.batches.fail("token_limit_exceeded", NO_ROOM, times=9)
    scanning = BatchScanning(outside, planted(outside))
    scan = scanning.scan_in_batches()
    assert (scan["status"], scan["error"]) == (
        "failed",
        "Other batches have taken up the token limit of OpenAI model 'text-embedding-3-small' for two days. Start the "
        "scan again when they are done, or turn batch mode off in the account's configuration",
    )
    assert len(scanning.submitted("embed")) == 3


def test_an_account_whose_other_batches_fill_the_limit_is_waited_for(outside: Outside) -> None:
    """Two scans with one key: the second one's batch fits only when the first one's has ended."""
    first = BatchScanning(outside, planted(outside))
    second = BatchScanning(outside, planted(outside, seed=2), first.config)
    outside.batches.polls = math.inf
    outside.batches.enqueued_tokens = {EMBEDDING_MODEL: 5_300}
    first.begin()
    first.wait_for_batch("embed")
    second.begin()
    second.wait_for_batch("embed")
    outside.batches.polls = 1
    second.ring()
    second.deliver()
    assert second.progress["note"] == WAITING_FOR_ROOM
    assert json.loads(second.scan()["phase_cursor"])["batch"]["roomWaits"] == 1
    assert first.finish()["status"] == "done"
    assert second.finish()["status"] == "done"
