"""Batches of both providers over real HTTP: what a batch answers is what single calls would have."""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ossgard.errors import PermanentError, RetryableError
from ossgard.providers.batch.api import BatchApi, BatchItemResult, BatchState, SubmittedBatch
from ossgard.providers.batch.request_file import RequestFile
from tests.core.providers.conftest import providers
from tests.outside.endpoints import BATCH_CREATE, BATCH_RESULTS, BATCH_STATUS
from tests.outside.world import World

LLMS = pytest.mark.parametrize("llm", ["openai", "anthropic"])
TEXTS = {"1": ["fix the parser", "ä€🦄"], "2": ["add a cache"], "3": ["ä" * 50]}

_claims = itertools.count(1)


def new_claim() -> str:
    return f"{next(_claims):016x}"


def chat_file(outside: World, llm: str, claim: str, questions: int = 3) -> tuple[BatchApi, RequestFile]:
    model = providers(outside, llm=llm, batch=True).batch_chat_model()
    assert model is not None
    file = model.batches.new_file(claim)
    for item in range(questions):
        assert file.add(str(item), model.body("Answer in JSON.", f"Question {item} ä€🦄", 100), 20)
    return model.batches, file


def submit(api: BatchApi, claim: str, file: RequestFile) -> SubmittedBatch:
    return asyncio.run(api.submit(claim, file))


def poll(api: BatchApi, batch: SubmittedBatch) -> BatchState:
    return asyncio.run(api.status(batch.id)).state


def collect(api: BatchApi, claim: str, batch: SubmittedBatch) -> dict[str, BatchItemResult]:
    async def read() -> dict[str, BatchItemResult]:
        async with aclosing(api.results(claim, batch.id)) as results:
            return {result.item: result async for result in results}

    return asyncio.run(read())


def found(api: BatchApi, claim: str, requests: int = 3, **more: Any) -> str | None:
    now = datetime.now(UTC)
    batch = asyncio.run(api.find(claim, now - timedelta(seconds=5), requests, until=now, **more))
    return batch.id if batch else None


@LLMS
def test_questions_are_answered_as_if_asked_one_by_one(outside: World, llm: str) -> None:
    model = providers(outside, llm=llm, batch=True).batch_chat_model()
    assert model is not None
    claim = new_claim()
    api, file = chat_file(outside, llm, claim)
    batch = submit(api, claim, file)
    assert poll(api, batch) is BatchState.ENDED
    results = collect(api, claim, batch)
    assert sorted(results) == ["0", "1", "2"]
    for item, result in results.items():
        assert result.answer is not None
        alone = asyncio.run(model.complete("Answer in JSON.", f"Question {item} ä€🦄", 100))
        assert model.read(result.answer) == alone


def test_texts_are_embedded_as_if_one_by_one(outside: World) -> None:
    model = providers(outside, batch=True).batch_embedding_model()
    assert model is not None
    claim = new_claim()
    file = model.batches.new_file(claim)
    for item, texts in TEXTS.items():
        assert file.add(item, model.body(texts), 10)
    batch = submit(model.batches, claim, file)
    assert poll(model.batches, batch) is BatchState.ENDED
    results = collect(model.batches, claim, batch)
    for item, texts in TEXTS.items():
        answer = results[item].answer
        assert answer is not None
        read, alone = model.read(answer, len(texts)), asyncio.run(model.embed(texts))
        assert (read.vectors, read.input_tokens) == (alone.vectors, alone.input_tokens)


@LLMS
def test_a_batch_takes_its_time(outside: World, llm: str) -> None:
    outside.batches.polls = 3
    claim = new_claim()
    api, file = chat_file(outside, llm, claim)
    batch = submit(api, claim, file)
    assert [poll(api, batch) for _ in range(3)] == [BatchState.RUNNING, BatchState.RUNNING, BatchState.ENDED]


@LLMS
def test_an_item_may_fail_among_others(outside: World, llm: str) -> None:
    claim = new_claim()
    outside.batches.failing = {f"{claim}-1"}
    api, file = chat_file(outside, llm, claim)
    batch = submit(api, claim, file)
    assert poll(api, batch) is BatchState.ENDED
    results = collect(api, claim, batch)
    assert [item for item, result in sorted(results.items()) if result.answer is None] == ["1"]
    assert results["1"].error not in ("", "no explanation")


@LLMS
def test_what_expires_before_its_turn_is_an_error_of_its_item(outside: World, llm: str) -> None:
    outside.batches.expire = 0.5
    claim = new_claim()
    api, file = chat_file(outside, llm, claim, questions=4)
    batch = submit(api, claim, file)
    # Anthropic's batches do not expire, only what is in them.
    assert poll(api, batch) is (BatchState.EXPIRED if llm == "openai" else BatchState.ENDED)
    results = collect(api, claim, batch)
    assert [results[item].answer is None for item in ("0", "1", "2", "3")] == [False, False, True, True]
    assert all("expire" in results[item].error or "window" in results[item].error for item in ("2", "3"))


@LLMS
def test_a_batch_may_expire_as_a_whole(outside: World, llm: str) -> None:
    outside.batches.expire = 1
    claim = new_claim()
    api, file = chat_file(outside, llm, claim)
    assert poll(api, submit(api, claim, file)) is BatchState.EXPIRED


@LLMS
def test_a_batch_may_be_cancelled_at_the_provider(outside: World, llm: str) -> None:
    outside.batches.polls = 2
    claim = new_claim()
    api, file = chat_file(outside, llm, claim)
    batch = submit(api, claim, file)
    outside.batches.cancel(batch.id)
    assert poll(api, batch) is BatchState.CANCELLED


def test_a_token_limit_is_told_with_the_failure(outside: World) -> None:
    outside.batches.enqueued_tokens = {"gpt-4o-mini": 10}
    claim = new_claim()
    api, file = chat_file(outside, "openai", claim)
    status = asyncio.run(api.status(submit(api, claim, file).id))
    assert (status.state, status.token_limit) == (BatchState.FAILED, 10)
    assert "Enqueued token limit" in status.problem


@LLMS
@pytest.mark.parametrize("polls", [0, 9])
def test_a_batch_whose_id_was_lost_is_found(outside: World, llm: str, polls: int) -> None:
    outside.batches.polls = polls
    claim, other = new_claim(), new_claim()
    # Another scan of the account has a batch of another size.
    for one, questions in ((other, 2), (claim, 3)):
        api, file = chat_file(outside, llm, one, questions)
        batch = submit(api, one, file)
    assert found(api, claim) == batch.id
    assert found(api, claim, excluding=[batch.id]) is None
    assert found(api, new_claim(), requests=5) is None


@pytest.mark.parametrize(("polls", "is_told_apart"), [(0, True), (9, False)])
def test_of_two_batches_of_one_size_anthropic_tells_only_ended_ones_apart(
    outside: World, polls: int, is_told_apart: bool
) -> None:
    outside.batches.polls = polls
    claims = [new_claim(), new_claim()]
    ids = []
    for claim in claims:
        api, file = chat_file(outside, "anthropic", claim)
        ids.append(submit(api, claim, file).id)
    mine = [found(api, claim) for claim in claims]
    assert (mine == ids) is is_told_apart
    # Its results tell in the end, and then the other one is found.
    outside.batches.polls = 0
    assert [found(api, claim, excluding={other}) for claim, other in zip(claims, reversed(ids), strict=True)] == ids


@LLMS
@pytest.mark.parametrize("where", ["before", "body"])
def test_a_broken_connection_can_be_tried_again(outside: World, llm: str, where: Any) -> None:
    claim = new_claim()
    api, file = chat_file(outside, llm, claim)
    outside.cut(BATCH_CREATE, where, times=1)
    with pytest.raises(RetryableError):
        submit(api, claim, file)
    batch = submit(api, claim, file)
    outside.cut(BATCH_STATUS, where, times=1)
    with pytest.raises(RetryableError):
        poll(api, batch)
    poll(api, batch)
    outside.cut(BATCH_RESULTS, where, times=1)
    with pytest.raises(RetryableError):
        collect(api, claim, batch)
    assert len(collect(api, claim, batch)) == 3


@LLMS
@pytest.mark.parametrize(("status", "error"), [(429, RetryableError), (500, RetryableError), (401, PermanentError)])
def test_errors_are_told_apart_wherever_they_come(
    outside: World, llm: str, status: int, error: type[Exception]
) -> None:
    claim = new_claim()
    api, file = chat_file(outside, llm, claim)
    batch = submit(api, claim, file)
    poll(api, batch)
    calls: list[tuple[str, Callable[[], object]]] = [
        (BATCH_CREATE, lambda: submit(api, claim, file)),
        (BATCH_STATUS, lambda: poll(api, batch)),
        (BATCH_RESULTS, lambda: collect(api, claim, batch)),
        ("*.batches.list", lambda: found(api, claim)),
    ]
    for endpoint, call in calls:
        outside.fail(endpoint, status, times=1)
        with pytest.raises(error):
            call()


@LLMS
def test_a_batch_of_nobody_is_named(outside: World, llm: str) -> None:
    api, _ = chat_file(outside, llm, new_claim())
    with pytest.raises(PermanentError, match="has no batch batch_lost any more"):
        poll(api, SubmittedBatch("batch_lost", datetime.now(UTC)))


@LLMS
def test_megabytes_of_results_are_read(outside: World, llm: str) -> None:
    outside.batches.padding = 1_000_000
    claim = new_claim()
    api, file = chat_file(outside, llm, claim, questions=8)
    batch = submit(api, claim, file)
    poll(api, batch)
    results = collect(api, claim, batch)
    assert all(len(str((results[str(item)].answer or {})["padding"])) == 1_000_000 for item in range(8))
