"""OpenAI's batches: what is sent, every status, and a batch that is found again."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ossgard.errors import ConnectionFailure, PermanentError, RetryableError
from ossgard.ports import HttpResponse
from ossgard.providers.batch.api import BatchState, BatchStatus, SubmittedBatch
from tests.core.providers.batch_cases import (
    CLAIM,
    KEY,
    NOW,
    OPENAI,
    OTHER_CLAIM,
    openai_batch,
    openai_batches,
    openai_embeddings,
    openai_error,
)
from tests.core.providers.scripted import ScriptedClient, response

TOMORROW = NOW + timedelta(days=1)
TOO_MANY = (
    "Enqueued token limit reached for gpt-4o-mini in organization org-x. Limit: 2,000,000 enqueued tokens. "
    "Please try again once some in_progress batches have been completed."
)


# ---- submitting


def submit(*answers: HttpResponse | Exception) -> tuple[ScriptedClient, SubmittedBatch]:
    client, api = openai_batches(*answers)
    file = api.new_file(CLAIM)
    file.add("1", {"model": "gpt-4o-mini"}, 10)
    return client, asyncio.run(api.submit(CLAIM, file))


def test_a_file_is_uploaded_and_a_batch_made_of_it_that_carries_the_claim() -> None:
    client, submitted = submit(response(200, {"id": "file-1"}), response(200, openai_batch("validating")))
    assert submitted == SubmittedBatch("batch_1", TOMORROW)
    assert client.calls == [f"POST {OPENAI}/files", f"POST {OPENAI}/batches"]
    (_, uploaded, _), (_, _, made) = client.sent
    assert uploaded["Content-Type"] == f"multipart/form-data; boundary=ossgard-{CLAIM}"
    assert uploaded["Authorization"] == f"Bearer {KEY}"
    assert client.bodies[0] is not None
    assert f'"custom_id":"{CLAIM}-1"'.encode() in client.bodies[0]
    assert made == {
        "input_file_id": "file-1",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "metadata": {"ossgard_claim": CLAIM},
    }


def test_a_batch_of_embeddings_is_one() -> None:
    client = ScriptedClient(response(200, {"id": "file-1"}), response(200, openai_batch("validating")))
    api = openai_embeddings(client).batches
    asyncio.run(api.submit(CLAIM, api.new_file(CLAIM)))
    assert client.sent[1][2]["endpoint"] == "/v1/embeddings"


@pytest.mark.parametrize("status", [404, 405, 501])
@pytest.mark.parametrize("uploaded", [True, False])
def test_a_server_without_batches_is_one(status: int, uploaded: bool) -> None:
    before = [response(200, {"id": "file-1"})] if uploaded else []
    with pytest.raises(PermanentError, match=r"has no batch interface: Unknown path.*Turn llm\.batch off"):
        submit(*before, response(status, openai_error("Unknown path")))


def test_it_is_the_embeddings_that_have_no_batches() -> None:
    api = openai_embeddings(ScriptedClient(response(404))).batches
    with pytest.raises(PermanentError, match=r"Turn embedding\.batch off"):
        asyncio.run(api.submit(CLAIM, api.new_file(CLAIM)))


@pytest.mark.parametrize("answer", [response(500), response(429), ConnectionFailure(OPENAI, "closed")])
def test_a_submission_that_fails_can_be_tried_again(answer: HttpResponse | Exception) -> None:
    with pytest.raises(RetryableError):
        submit(response(200, {"id": "file-1"}), answer)


@pytest.mark.parametrize("answers", [[{}], [{"id": "file-1"}, {}], [{"id": "file-1"}, {"id": ""}]])
def test_an_answer_without_an_id_is_malformed(answers: list[object]) -> None:
    with pytest.raises(RetryableError, match="malformed"):
        submit(*(response(200, answer) for answer in answers))


def test_too_many_waiting_tokens_at_once_are_a_rate_limit() -> None:
    with pytest.raises(RetryableError, match="takes no further batch now: Enqueued token limit") as caught:
        submit(response(200, {"id": "file-1"}), response(400, openai_error(TOO_MANY, "token_limit_exceeded")))
    assert caught.value.rate_limited


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_submission_says_why_but_not_the_key(status: int) -> None:
    with pytest.raises(PermanentError, match="Bad key") as caught:
        submit(response(status, openai_error(f"Bad key {KEY}")))
    assert KEY not in str(caught.value)


# ---- status


def status(batch: dict[str, Any]) -> BatchStatus:
    client, api = openai_batches(response(200, batch))
    found = asyncio.run(api.status("batch_1"))
    assert client.calls == [f"GET {OPENAI}/batches/batch_1"]
    return found


@pytest.mark.parametrize("named", ["validating", "in_progress", "finalizing", "cancelling", "something new"])
def test_a_batch_that_is_under_way_is_running(named: str) -> None:
    assert status(openai_batch(named, completed=1)) == BatchStatus(BatchState.RUNNING, TOMORROW, 1)


@pytest.mark.parametrize(
    ("named", "state"),
    [
        ("completed", BatchState.ENDED),
        ("failed", BatchState.FAILED),
        ("expired", BatchState.EXPIRED),
        ("cancelled", BatchState.CANCELLED),
    ],
)
def test_a_batch_that_is_over_is_told_how(named: str, state: BatchState) -> None:
    assert status(openai_batch(named)).state is state


def test_what_was_answered_before_a_batch_expired_can_be_read() -> None:
    found = status(openai_batch("expired", completed=2, failed=1, output_file_id="file-out"))
    assert (found.state, found.succeeded) == (BatchState.EXPIRED, 2)


def test_what_was_answered_before_a_batch_was_cancelled_can_be_read() -> None:
    found = status(openai_batch("cancelled", completed=2))
    assert (found.state, found.succeeded) == (BatchState.CANCELLED, 2)


def failed(*errors: dict[str, Any]) -> BatchStatus:
    return status(openai_batch("failed", errors={"object": "list", "data": list(errors)}))


def test_a_failed_batch_tells_its_first_problem() -> None:
    found = failed(
        {"code": "invalid_json_line", "message": f"This line is not valid. Key: {KEY}", "line": 7}, {"code": "other"}
    )
    assert found.problem == "This line is not valid. Key: ****cdef (line 7 of the requests)"
    assert found.token_limit is None


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        ({"code": "model_not_found", "message": "x" * 1000}, "x" * 300),
        ({"code": "model_not_found", "message": None, "line": None}, "model_not_found"),
        ({}, "no explanation"),
    ],
)
def test_problems_are_short_whatever_there_is_to_say(problem: dict[str, Any], words: str) -> None:
    assert failed(problem).problem == words


@pytest.mark.parametrize("errors", [None, {}, {"data": None}, {"data": ["x"]}])
def test_a_batch_may_fail_without_a_word(errors: object) -> None:
    assert status(openai_batch("failed", errors=errors)).problem == ""


@pytest.mark.parametrize(
    ("problem", "limit"),
    [
        ({"code": "token_limit_exceeded", "message": TOO_MANY}, 2_000_000),
        ({"code": None, "message": TOO_MANY}, 2_000_000),
        ({"code": "token_limit_exceeded", "message": TOO_MANY.replace("2,000,000", "90000")}, 90_000),
        ({"code": "token_limit_exceeded", "message": "Too many."}, 0),
        ({"code": "invalid_json_line", "message": "Limit: 5"}, None),
    ],
)
def test_a_token_limit_is_read_from_the_providers_words(problem: dict[str, Any], limit: int | None) -> None:
    assert failed(problem).token_limit == limit


def test_a_batch_without_counts_or_times_has_a_status_all_the_same() -> None:
    assert status({"id": "batch_1", "status": "validating"}) == BatchStatus(BatchState.RUNNING, TOMORROW, 0)
    assert status(openai_batch("validating", expires_at=10**15)).expires_at == TOMORROW


def test_a_batch_that_is_gone_is_named() -> None:
    _, api = openai_batches(response(404, openai_error("No batch found with id 'batch_1'.")))
    with pytest.raises(PermanentError, match=r"no batch batch_1 any more, or llm\.api_key .*Start the scan again"):
        asyncio.run(api.status("batch_1"))


@pytest.mark.parametrize("code", [401, 403])
def test_a_refused_key_names_the_batch(code: int) -> None:
    _, api = openai_batches(response(code, openai_error(f"Incorrect API key provided: {KEY}")))
    with pytest.raises(PermanentError, match=r"Batch batch_1 .*refuses the API key \(llm\.api_key\)") as caught:
        asyncio.run(api.status("batch_1"))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "answer", [response(500), response(503), ConnectionFailure(OPENAI, "closed"), response(200, [])]
)
def test_a_status_that_cannot_be_had_now_can_be_asked_for_again(answer: HttpResponse | Exception) -> None:
    _, api = openai_batches(answer)
    with pytest.raises(RetryableError):
        asyncio.run(api.status("batch_1"))


def test_a_rate_limit_is_one_for_status_too() -> None:
    _, api = openai_batches(response(429, openai_error("Slow down"), retry_after="7"))
    with pytest.raises(RetryableError) as caught:
        asyncio.run(api.status("batch_1"))
    assert (caught.value.rate_limited, caught.value.retry_after) == (True, 7)


def test_an_id_is_no_path() -> None:
    client, api = openai_batches(response(200, openai_batch()))
    asyncio.run(api.status("../files?x"))
    assert client.calls == [f"GET {OPENAI}/batches/..%2Ffiles%3Fx"]


# ---- finding


def page(*found: dict[str, Any], has_more: bool = False) -> HttpResponse:
    return response(200, {"object": "list", "data": list(found), "has_more": has_more})


def find(*pages: HttpResponse, **more: Any) -> tuple[ScriptedClient, SubmittedBatch | None]:
    client, api = openai_batches(*pages)
    return client, asyncio.run(api.find(CLAIM, more.pop("since", NOW), 3, **more))


def others(number: int, **more: Any) -> list[dict[str, Any]]:
    metadata: list[object] = [None, {}, {"ossgard_claim": OTHER_CLAIM}]
    return [openai_batch(id=f"other_{place}", metadata=metadata[place % 3], **more) for place in range(number)]


@pytest.mark.parametrize("named", ["validating", "in_progress", "completed", "failed", "expired", "cancelled"])
def test_a_batch_is_found_by_its_claim_whatever_its_state(named: str) -> None:
    client, found = find(page(*others(3), openai_batch(named, id="ours")))
    assert found == SubmittedBatch("ours", TOMORROW)
    assert client.calls == [f"GET {OPENAI}/batches?limit=100"]


def test_what_was_never_submitted_is_not_found() -> None:
    assert find(page())[1] is None
    assert find(page(*others(5)))[1] is None


def test_a_batch_that_is_known_to_be_another_is_not_found() -> None:
    assert find(page(openai_batch(id="ours")), excluding=["ours"])[1] is None


def test_later_pages_are_looked_through() -> None:
    client, found = find(page(*others(100), has_more=True), page(openai_batch(id="ours")))
    assert found is not None
    assert client.calls[1] == f"GET {OPENAI}/batches?limit=100&after=other_99"


def test_batches_from_before_the_claim_are_not() -> None:
    old = int((NOW - timedelta(hours=1)).timestamp())
    client, found = find(page(*others(2), *others(1, created_at=old), has_more=True))
    assert found is None
    assert len(client.calls) == 1


def test_a_clock_may_be_some_minutes_off() -> None:
    since = datetime.fromtimestamp(int(NOW.timestamp()), UTC) + timedelta(minutes=5)
    assert find(page(*others(1), openai_batch(id="ours")), since=since)[1] is not None


def test_the_search_ends_even_where_batches_do_not() -> None:
    client, found = find(*(page(*others(100), has_more=True) for _ in range(10)))
    assert found is None
    assert len(client.calls) == 10


def test_a_batch_without_an_expiry_gets_a_day() -> None:
    assert find(page(openai_batch(id="ours", expires_at=None)))[1] == SubmittedBatch("ours", TOMORROW)


def test_a_list_can_be_unavailable_or_unknown() -> None:
    with pytest.raises(RetryableError):
        find(response(500))
    with pytest.raises(RetryableError, match="malformed"):
        find(response(200, {"data": None}))
    with pytest.raises(PermanentError, match=r"Turn llm\.batch off"):
        find(response(404))
