"""Results of OpenAI's batches: two files, read line by line, and every way in which they can come to an end."""

import asyncio
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from ossgard.errors import PermanentError, RetryableError
from ossgard.providers.batch.api import BatchItemResult
from tests.core.providers.batch_cases import (
    CLAIM,
    KEY,
    OPENAI,
    OTHER_CLAIM,
    openai_batch,
    openai_batches,
    openai_error,
    read_all,
    read_some,
)
from tests.core.providers.scripted import Pieces, lines, response


def done(item: int | str, claim: str = CLAIM, **body: Any) -> dict[str, Any]:
    answer = {"status_code": 200, "request_id": "req_1", "body": {"id": f"chatcmpl-{item}", **body}}
    return {"id": "batch_req_1", "custom_id": f"{claim}-{item}", "response": answer, "error": None}


def refused(item: int, message: str, status: int = 400) -> dict[str, Any]:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": "some_code"}}
    return {
        "id": "batch_req_2",
        "custom_id": f"{CLAIM}-{item}",
        "response": {"status_code": status, "request_id": "req_2", "body": body},
        "error": None,
    }


BOTH = {"output_file_id": "file-out", "error_file_id": "file-err"}


def test_results_come_from_both_files_in_any_order() -> None:
    client, api = openai_batches(
        response(200, openai_batch(completed=2, failed=1, **BOTH)),
        lines(done(3, text="ä€🦄"), done("412-88-0123456789abcdef")),
        lines(refused(1, "Too   long")),
    )
    assert read_all(api) == [
        BatchItemResult("3", {"id": "chatcmpl-3", "text": "ä€🦄"}),
        BatchItemResult("412-88-0123456789abcdef", {"id": "chatcmpl-412-88-0123456789abcdef"}),
        BatchItemResult("1", None, "Too long (status 400)"),
    ]
    assert client.calls[1:] == [f"GET {OPENAI}/files/file-out/content", f"GET {OPENAI}/files/file-err/content"]
    assert client.sent[1][1]["Authorization"] == f"Bearer {KEY}"
    assert client.open == 0


@pytest.mark.parametrize("absent", [None, ""])
def test_there_may_be_an_error_file_only(absent: str | None) -> None:
    batch = openai_batch(failed=2, output_file_id=absent, error_file_id="file-err")
    client, api = openai_batches(response(200, batch), lines(refused(1, "No"), refused(2, "No", 429)))
    assert [result.error for result in read_all(api)] == ["No (status 400)", "No (status 429)"]
    assert len(client.calls) == 2


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_pieces_end_where_they_like(size: int) -> None:
    batch = response(200, openai_batch(completed=20, output_file_id="file-out"))
    _, api = openai_batches(batch, lines(*(done(item, text="ä€🦄") for item in range(20)), size=size, last_break=False))
    assert [result.item for result in read_all(api)] == [str(item) for item in range(20)]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            {"response": None, "error": {"code": "batch_expired", "message": "This request could not be executed."}},
            "This request could not be executed",
        ),
        ({"response": None, "error": {"code": "server_error", "message": f"Key {KEY}"}}, "Key ****cdef"),
        ({"response": {"status_code": 500, "body": None}, "error": None}, "no explanation (status 500)"),
        ({"response": {"status_code": 200, "body": None}, "error": None}, "no explanation"),
        ({"response": {"status_code": 200, "body": {"a": 1}}, "error": {"message": "Late"}}, "Late"),
        ({}, "no explanation"),
    ],
)
def test_the_error_of_an_item_is_told_in_the_providers_words(line: dict[str, Any], words: str) -> None:
    batch = response(200, openai_batch(failed=1, error_file_id="file-err"))
    _, api = openai_batches(batch, lines({"custom_id": f"{CLAIM}-5", **line}))
    assert read_all(api) == [BatchItemResult("5", None, words)]


def test_results_of_another_claim_are_left_out() -> None:
    batch = response(200, openai_batch(completed=2, output_file_id="file-out"))
    _, api = openai_batches(batch, lines(done(1, OTHER_CLAIM), {"custom_id": None}))
    assert read_all(api) == []


@pytest.mark.parametrize(
    "given",
    [
        lines(done(1), done(2), size=60, breaks=True),
        lines(done(1), done(2)),
        Pieces([json.dumps(done(1)).encode() + b"\n" + json.dumps(done(2)).encode() + b'\n{"id": "batch_re']),
    ],
    ids=["cut", "short", "torn"],
)
def test_a_stream_that_breaks_off_gives_what_came_and_then_an_error(given: Pieces) -> None:
    client, api = openai_batches(response(200, openai_batch(completed=3, output_file_id="file-out")), given)
    found: list[BatchItemResult] = []

    async def read() -> None:
        async for result in api.results(CLAIM, "batch_1"):
            found.append(result)

    with pytest.raises(RetryableError):
        asyncio.run(read())
    assert [result.item for result in found] == ["1", "2"]
    assert client.open == 0


def test_too_few_results_name_the_batch() -> None:
    _, api = openai_batches(
        response(200, openai_batch(completed=3, failed=1, output_file_id="file-out")), lines(done(1))
    )
    with pytest.raises(RetryableError, match=r"batch batch_1 of OpenAI model 'gpt-4o-mini' broke off: 1 of 4 came"):
        read_all(api)


@pytest.mark.parametrize("more", [{}, {"output_file_id": "file-out"}])
def test_a_batch_that_has_ended_without_any_result_is_not_believed(more: dict[str, Any]) -> None:
    _, api = openai_batches(response(200, openai_batch(**more)), lines())
    with pytest.raises(RetryableError, match="batch_1"):
        read_all(api)


def test_a_batch_that_was_cancelled_may_have_no_results() -> None:
    _, api = openai_batches(response(200, openai_batch("cancelled")))
    assert read_all(api) == []


def test_a_file_that_is_gone_names_the_batch() -> None:
    batch = response(200, openai_batch(completed=1, output_file_id="file-out"))
    _, api = openai_batches(batch, response(404, openai_error("No such File object: file-out")))
    with pytest.raises(PermanentError, match=r"batch batch_1 .*No such File.*Start the scan again"):
        read_all(api)


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_file_that_cannot_be_had_now_can_be_asked_for_again(code: int) -> None:
    client, api = openai_batches(
        response(200, openai_batch(completed=1, output_file_id="f")),
        response(code, openai_error("Later"), retry_after="3"),
    )
    with pytest.raises(RetryableError, match="Later") as caught:
        read_all(api)
    assert caught.value.retry_after == 3
    assert client.open == 0


def test_the_results_of_a_batch_that_is_running_are_no_results() -> None:
    _, api = openai_batches(response(200, openai_batch("in_progress")))
    with pytest.raises(RetryableError, match=r"batch_1 .*has not ended yet"):
        read_all(api)


def test_who_stops_early_leaves_no_stream_open() -> None:
    client, api = openai_batches(
        response(200, openai_batch(completed=3, output_file_id="f")), lines(*(done(item) for item in range(3)))
    )
    assert len(read_some(api, 1)) == 1
    assert client.open == 0


def test_a_hundred_megabytes_pass_through_little_memory() -> None:
    number, filler = 5_000, "x" * 20_000

    def chunks() -> Iterator[bytes]:
        rest = b""
        for item in range(number):
            rest += json.dumps(done(item, text=filler)).encode() + b"\n"
            while len(rest) > 65_536:
                yield rest[:65_536]
                rest = rest[65_536:]
        yield rest

    _, api = openai_batches(response(200, openai_batch(completed=number, output_file_id="f")), Pieces(chunks()))

    async def read() -> int:
        return sum([len(str((result.answer or {})["text"])) async for result in api.results(CLAIM, "batch_1")])

    tracemalloc.start()
    try:
        assert asyncio.run(read()) == number * len(filler) == 100_000_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000
