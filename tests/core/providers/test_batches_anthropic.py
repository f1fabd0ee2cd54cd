"""Anthropic's batches: what is sent, every status, unordered results, and a batch that is found again."""

import asyncio
import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ossgard.errors import ConnectionFailure, PermanentError, RetryableError
from ossgard.ports import HttpResponse
from ossgard.providers.batch.anthropic import AnthropicBatches
from ossgard.providers.batch.api import BatchItemResult, BatchState, BatchStatus, SubmittedBatch
from tests.core.providers.batch_cases import (
    ANTHROPIC,
    CLAIM,
    KEY,
    NOW,
    OTHER_CLAIM,
    anthropic_batch,
    anthropic_chat,
    read_all,
    read_some,
)
from tests.core.providers.scripted import Pieces, ScriptedClient, lines, response

PATH = f"{ANTHROPIC}/v1/messages/batches"
EXPIRY = datetime(2026, 11, 24, 10, 0, 0, 100435, UTC)


def batches(*answers: HttpResponse | Pieces | Exception) -> tuple[ScriptedClient, AnthropicBatches]:
    client = ScriptedClient(*answers)
    return client, anthropic_chat(client).batches


def done(item: int, claim: str = CLAIM, text: str = "{}") -> dict[str, Any]:
    message = {"type": "message", "content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}
    return {"custom_id": f"{claim}-{item}", "result": {"type": "succeeded", "message": message}}


def undone(item: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"custom_id": f"{CLAIM}-{item}", "result": {"type": kind, **more}}


def error(message: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


# ---- submitting


def submit(*answers: HttpResponse | Exception) -> tuple[ScriptedClient, SubmittedBatch]:
    client, api = batches(*answers)
    file = api.new_file(CLAIM)
    file.add("1", {"model": "claude-haiku-4-5"}, 10)
    return client, asyncio.run(api.submit(CLAIM, file))


def test_all_requests_are_sent_at_once() -> None:
    client, submitted = submit(response(200, anthropic_batch("in_progress", {"processing": 1})))
    assert submitted == SubmittedBatch("msgbatch_1", EXPIRY)
    [(url, headers, content)] = client.sent
    assert (url, client.calls) == (PATH, [f"POST {PATH}"])
    assert content == {"requests": [{"custom_id": f"{CLAIM}-1", "params": {"model": "claude-haiku-4-5"}}]}
    assert (headers["x-api-key"], headers["anthropic-version"]) == (KEY, "2023-06-01")


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_without_batches_is_one(status: int) -> None:
    with pytest.raises(PermanentError, match=r"has no batch interface: Not found.*Turn llm\.batch off"):
        submit(response(status, error("Not found")))


@pytest.mark.parametrize("answer", [response(529), response(429), ConnectionFailure(PATH, "closed"), response(200, {})])
def test_a_submission_that_fails_can_be_tried_again(answer: HttpResponse | Exception) -> None:
    with pytest.raises(RetryableError):
        submit(answer)


@pytest.mark.parametrize("status", [400, 401, 403, 413])
def test_a_refused_submission_says_why_but_not_the_key(status: int) -> None:
    with pytest.raises(PermanentError, match="Bad key") as caught:
        submit(response(status, error(f"Bad key {KEY}")))
    assert KEY not in str(caught.value)


# ---- status


def status(named: str, more: dict[str, Any] | None = None, **counts: int) -> BatchStatus:
    client, api = batches(response(200, anthropic_batch(named, counts, **(more or {}))))
    found = asyncio.run(api.status("msgbatch_1"))
    assert client.calls == [f"GET {PATH}/msgbatch_1"]
    return found


@pytest.mark.parametrize("named", ["in_progress", "canceling", "something new"])
def test_a_batch_that_is_under_way_is_running(named: str) -> None:
    assert status(named, processing=5) == BatchStatus(BatchState.RUNNING, EXPIRY, 0)


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ({"succeeded": 5}, BatchState.ENDED),
        ({"succeeded": 4, "errored": 1}, BatchState.ENDED),
        ({"errored": 5}, BatchState.ENDED),
        ({"succeeded": 1, "expired": 4}, BatchState.ENDED),
        ({"expired": 5}, BatchState.EXPIRED),
        ({"errored": 1, "expired": 4}, BatchState.EXPIRED),
        ({"canceled": 5}, BatchState.CANCELLED),
        ({"succeeded": 4, "canceled": 1}, BatchState.CANCELLED),
    ],
)
def test_a_batch_that_has_ended_is_told_by_its_counts(counts: dict[str, int], state: BatchState) -> None:
    assert status("ended", None, **counts) == BatchStatus(state, EXPIRY, counts.get("succeeded", 0))


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-11-24T10:00:00Z", datetime(2026, 11, 24, 10, tzinfo=UTC)),
        ("2026-11-24T12:00:00+02:00", datetime(2026, 11, 24, 10, tzinfo=UTC)),
        ("2026-11-24T10:00:00", datetime(2026, 11, 24, 10, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_they_are_written(written: str, moment: datetime) -> None:
    assert status("in_progress", {"expires_at": written}).expires_at == moment


@pytest.mark.parametrize("written", ["soon", None])
def test_without_a_time_a_batch_expires_a_day_after_it_was_made(written: str | None) -> None:
    made = {"expires_at": written, "created_at": "2026-11-24T10:00:00Z"}
    assert status("in_progress", made).expires_at == datetime(2026, 11, 25, 10, tzinfo=UTC)


def test_a_batch_that_is_gone_is_named() -> None:
    _, api = batches(response(404, error("Not found", "not_found_error")))
    with pytest.raises(PermanentError, match=r"no batch msgbatch_1 any more, or llm\.api_key .*Start the scan again"):
        asyncio.run(api.status("msgbatch_1"))


@pytest.mark.parametrize("code", [401, 403])
def test_a_refused_key_names_the_batch(code: int) -> None:
    _, api = batches(response(code, error(f"invalid x-api-key {KEY}", "authentication_error")))
    with pytest.raises(PermanentError, match=r"Batch msgbatch_1 .*refuses the API key \(llm\.api_key\)") as caught:
        asyncio.run(api.status("msgbatch_1"))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "answer", [response(500), response(529), ConnectionFailure(PATH, "closed"), response(200, {"id": "msgbatch_1"})]
)
def test_a_status_that_cannot_be_had_now_can_be_asked_for_again(answer: HttpResponse | Exception) -> None:
    _, api = batches(answer)
    with pytest.raises(RetryableError):
        asyncio.run(api.status("msgbatch_1"))


# ---- results


def ended(**counts: int) -> HttpResponse:
    return response(200, anthropic_batch("ended", counts))


def test_results_come_in_any_order_and_each_has_its_own_fate() -> None:
    client, api = batches(
        ended(succeeded=2, errored=1, canceled=1, expired=1),
        lines(
            done(3, text="ä€🦄"),
            undone(1, "errored", error=error(f"max_tokens: too large, {KEY}")),
            undone(4, "expired"),
            done(2),
            undone(5, "canceled"),
        ),
    )
    found = {result.item: result for result in read_all(api, "msgbatch_1")}
    assert list(found) == ["3", "1", "4", "2", "5"]
    assert found["3"].answer == done(3, text="ä€🦄")["result"]["message"]
    assert (found["1"].answer, found["1"].error) == (None, "max_tokens: too large, ****cdef")
    assert found["4"].error == "the batch expired before its turn came"
    assert found["5"].error == "the batch was cancelled before its turn came"
    assert client.open == 0


def test_the_key_goes_nowhere_else() -> None:
    client, api = batches(ended(succeeded=1), lines(done(1)))
    read_all(api, "msgbatch_1")
    # Not to `results_url`, which is at another host here.
    assert client.calls == [f"GET {PATH}/msgbatch_1", f"GET {PATH}/msgbatch_1/results"]
    assert client.sent[1][1]["x-api-key"] == KEY


@pytest.mark.parametrize("result", [None, {}, {"type": "succeeded"}, {"type": "something new"}])
def test_a_result_that_is_none_is_an_error_of_its_item(result: object) -> None:
    _, api = batches(ended(succeeded=1), lines({"custom_id": f"{CLAIM}-1", "result": result}))
    assert read_all(api, "msgbatch_1") == [BatchItemResult("1", None, "no explanation")]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_pieces_end_where_they_like(size: int) -> None:
    given = lines(*(done(item, text="ä€🦄") for item in range(20)), size=size, last_break=False)
    _, api = batches(ended(succeeded=20), given)
    assert [result.item for result in read_all(api, "msgbatch_1")] == [str(item) for item in range(20)]


def test_results_of_another_claim_are_left_out() -> None:
    _, api = batches(ended(succeeded=2), lines(done(1, OTHER_CLAIM), done(2, OTHER_CLAIM)))
    assert read_all(api, "msgbatch_1") == []


@pytest.mark.parametrize(
    "given",
    [
        lines(done(1), done(2), breaks=True),
        lines(done(1), done(2)),
        Pieces([json.dumps(done(1)).encode() + b"\n" + json.dumps(done(2)).encode() + b'\n{"custom']),
    ],
    ids=["cut", "short", "torn"],
)
def test_a_stream_that_breaks_off_gives_what_came_and_then_an_error(given: Pieces) -> None:
    client, api = batches(ended(succeeded=2, errored=1), given)
    found: list[BatchItemResult] = []

    async def read() -> None:
        async for result in api.results(CLAIM, "msgbatch_1"):
            found.append(result)

    with pytest.raises(RetryableError):
        asyncio.run(read())
    assert [result.item for result in found] == ["1", "2"]
    assert client.open == 0


def test_too_few_results_name_the_batch() -> None:
    _, api = batches(ended(succeeded=2, errored=1, expired=1), lines(done(1)))
    with pytest.raises(RetryableError, match=r"batch msgbatch_1 of Anthropic model .*broke off: 1 of 4 came"):
        read_all(api, "msgbatch_1")


def test_results_that_are_gone_name_the_batch() -> None:
    _, api = batches(ended(succeeded=1), response(404, error("Not found")))
    with pytest.raises(PermanentError, match=r"batch msgbatch_1 .*Start the scan again"):
        read_all(api, "msgbatch_1")


def test_the_results_of_a_batch_that_is_running_are_no_results() -> None:
    _, api = batches(response(200, anthropic_batch("in_progress", {"processing": 2})))
    with pytest.raises(RetryableError, match=r"msgbatch_1 .*has not ended yet"):
        read_all(api, "msgbatch_1")


def test_who_stops_early_leaves_no_stream_open() -> None:
    client, api = batches(ended(succeeded=3), lines(*(done(item) for item in range(3))))
    assert len(read_some(api, 1, "msgbatch_1")) == 1
    assert client.open == 0


def test_a_hundred_megabytes_pass_through_little_memory() -> None:
    number, filler = 5_000, "x" * 20_000

    def chunks() -> Iterator[bytes]:
        for item in range(number):
            line = json.dumps(done(item, text=filler)).encode() + b"\n"
            yield line[:9_000]
            yield line[9_000:]

    _, api = batches(ended(succeeded=number), Pieces(chunks()))

    async def read() -> int:
        return sum([1 async for _ in api.results(CLAIM, "msgbatch_1")])

    tracemalloc.start()
    try:
        assert asyncio.run(read()) == number
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000


# ---- finding


def page(*found: dict[str, Any], has_more: bool = False) -> HttpResponse:
    ids = {"first_id": found[0]["id"], "last_id": found[-1]["id"]} if found else {}
    return response(200, {"data": list(found), "has_more": has_more, **ids})


def at(id: str, minutes: float = 0, named: str = "ended", requests: int = 3) -> dict[str, Any]:
    """A batch made some minutes after the claim."""
    made = NOW + timedelta(minutes=minutes)
    counts = {"succeeded" if named == "ended" else "processing": requests}
    return anthropic_batch(named, counts, id=id, created_at=made.isoformat(), expires_at=None)


def find(*answers: HttpResponse | Pieces, **more: Any) -> tuple[ScriptedClient, str | None]:
    client, api = batches(*answers)
    found = asyncio.run(api.find(CLAIM, NOW, 3, **{"until": NOW + timedelta(minutes=10), **more}))
    assert client.open == 0
    return client, found.id if found else None


def test_an_ended_batch_is_ours_when_its_requests_are() -> None:
    listed = page(at("newest"), at("ours"), at("oldest"))
    client, found = find(listed, lines(done(1, OTHER_CLAIM)), lines(done(7), done(8)))
    assert found == "ours"
    assert client.calls == [f"GET {PATH}?limit=100", f"GET {PATH}/newest/results", f"GET {PATH}/ours/results"]


def test_a_running_batch_of_the_same_size_is_taken_for_ours() -> None:
    assert find(page(at("ours", named="in_progress")))[1] == "ours"
    assert find(page(at("ours", named="canceling")))[1] == "ours"


def test_an_ended_batch_that_is_ours_beats_a_running_one() -> None:
    assert find(page(at("running", named="in_progress"), at("ours")), lines(done(1)))[1] == "ours"


def test_of_several_running_ones_that_nearest_to_the_claim_is_taken() -> None:
    listed = page(*(at(f"m{minutes}", minutes, "in_progress") for minutes in (9, 1, -1.5)))
    assert find(listed)[1] == "m1"


def test_a_running_batch_from_before_the_claim_is_not_ours() -> None:
    assert find(page(at("earlier", -3, "in_progress")))[1] is None
    assert find(page(at("ours", -3)), lines(done(1)))[1] == "ours"


def test_a_running_batch_from_after_the_last_attempt_is_not_ours() -> None:
    listed = page(at("m13", 13, "in_progress"))
    assert find(listed)[1] is None
    assert find(listed, until=NOW + timedelta(minutes=11))[1] == "m13"


def test_a_batch_that_turned_out_to_be_anothers_is_passed_over() -> None:
    listed = page(at("m9", 9, "in_progress"), at("m1", 1, "in_progress"))
    assert find(listed, excluding={"m1"})[1] == "m9"
    assert find(listed, excluding={"m1", "m9"})[1] is None


def test_a_batch_of_another_size_is_not_looked_into() -> None:
    client, found = find(page(at("a", requests=2), at("b", named="in_progress", requests=4)))
    assert found is None
    assert len(client.calls) == 1


def test_batches_from_before_the_claim_are_not_looked_into() -> None:
    client, found = find(page(at("a", -30), at("b", -31, "in_progress"), has_more=True))
    assert found is None
    assert len(client.calls) == 1


def test_later_pages_are_looked_through() -> None:
    first = page(at("a", requests=1), at("b", requests=1), has_more=True)
    client, found = find(first, page(at("ours")), lines(done(1)))
    assert found == "ours"
    assert client.calls[1] == f"GET {PATH}?limit=100&after_id=b"


def test_nothing_is_found_where_there_is_nothing() -> None:
    assert find(page())[1] is None
    assert find(page(at("a")), lines(done(1, OTHER_CLAIM)))[1] is None
    assert find(page(at("empty")), lines())[1] is None


def test_a_batch_whose_results_are_gone_is_passed_over() -> None:
    assert find(page(at("gone"), at("ours")), response(404, error("Not found")), lines(done(1)))[1] == "ours"


def test_only_some_batches_are_looked_into() -> None:
    client, found = find(page(*(at(f"b{number}") for number in range(30))), *[lines(done(1, OTHER_CLAIM))] * 20)
    assert found is None
    assert len(client.calls) == 21


def test_a_list_can_be_unavailable_or_unknown() -> None:
    with pytest.raises(RetryableError):
        find(response(529))
    with pytest.raises(RetryableError, match="malformed"):
        find(response(200, {}))
    with pytest.raises(PermanentError, match=r"Turn llm\.batch off"):
        find(response(404))
