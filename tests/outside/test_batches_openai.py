"""OpenAI's batches in the world: accepted by the official client, validated and limited."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import openai
import pytest

from tests.outside.openai_requests import (
    CHAT,
    EMBEDDINGS,
    create,
    line,
    lines,
    look,
    problems,
    read,
    refusal,
    submit,
    upload,
)
from tests.outside.world import World

KEY = "sk-proj-world"


def key_of(client: httpx.Client) -> str:
    return str(client.headers["authorization"]).removeprefix("Bearer ")


# ---- a batch as it usually goes


@pytest.mark.parametrize("url", [CHAT, EMBEDDINGS])
def test_the_official_client(outside: World, url: Any) -> None:
    client = openai.OpenAI(base_url=outside.openai_url, api_key=KEY, max_retries=0, timeout=10)
    content = "\n".join(json.dumps(one) for one in lines(4, url)).encode()
    file = client.files.create(file=("some.jsonl", content), purpose="batch")
    assert (file.bytes, file.purpose, file.status) == (len(content), "batch", "processed")
    assert client.files.content(file.id).read() == content
    metadata = {"claim": "abc"}
    batch = client.batches.create(input_file_id=file.id, endpoint=url, completion_window="24h", metadata=metadata)
    assert (batch.status, batch.metadata, batch.errors) == ("validating", metadata, None)
    assert batch.expires_at == batch.created_at + 86_400
    assert batch.request_counts is not None
    assert batch.request_counts.total == 0
    batch = client.batches.retrieve(batch.id)
    assert (batch.status, batch.error_file_id) == ("completed", None)
    assert batch.request_counts is not None
    assert batch.request_counts.to_dict() == {"total": 4, "completed": 4, "failed": 0}
    assert batch.output_file_id is not None
    output = client.files.content(batch.output_file_id).text.splitlines()
    assert sorted(json.loads(one)["custom_id"] for one in output) == [f"claim-{number}" for number in range(4)]
    assert client.batches.list(limit=1).data[0].id == batch.id
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError, match="No such File object"):
        client.files.retrieve(file.id)


@pytest.mark.parametrize(("url", "path"), [(CHAT, "/chat/completions"), (EMBEDDINGS, "/embeddings")])
def test_answers_are_those_of_single_requests(client: httpx.Client, url: str, path: str) -> None:
    requests = lines(3, url)
    batch = look(client, submit(client, requests))
    single = {one["custom_id"]: client.post(path, json=one["body"]).json() for one in requests}
    for result in read(client, batch["output_file_id"]):
        assert (result["response"]["status_code"], result["error"]) == (200, None)
        assert result["id"].startswith("batch_req_")
        body, expected = result["response"]["body"], single[result["custom_id"]]
        assert body.get("data") == expected.get("data")
        assert body.get("choices") == expected.get("choices")
        assert body["usage"] == expected["usage"]


def test_a_batch_goes_through_its_stages(outside: World, client: httpx.Client) -> None:
    outside.batches.polls = 4
    batch_id = submit(client, lines(4))
    seen = [look(client, batch_id) for _ in range(5)]
    stages = ["validating", "in_progress", "finalizing", "completed", "completed"]
    assert [batch["status"] for batch in seen] == stages
    assert [batch["request_counts"]["completed"] for batch in seen] == [0, 2, 3, 4, 4]
    assert seen[1]["output_file_id"] is None
    times = ("created_at", "in_progress_at", "finalizing_at", "completed_at")
    assert sorted(seen[-1][name] for name in times) == [seen[-1][name] for name in times]


def test_a_batch_takes_seconds(outside: World, client: httpx.Client) -> None:
    now = 1_000_000.0
    outside.batches.now, outside.batches.seconds = lambda: now, 60
    batch_id = submit(client, lines(2))
    now += 59
    assert [look(client, batch_id)["status"] for _ in range(3)] == ["finalizing"] * 3
    now += 1
    [listed] = client.get("/batches").json()["data"]
    assert (listed["status"], listed["completed_at"]) == ("completed", 1_000_060)


def test_results_are_shuffled_unless_told_otherwise(outside: World, client: httpx.Client) -> None:
    orders = []
    for unordered in (True, False):
        outside.batches.unordered = unordered
        batch = look(client, submit(client, lines(30)))
        orders.append([one["custom_id"] for one in read(client, batch["output_file_id"])])
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])
    assert orders[1] == [f"claim-{number}" for number in range(30)]


def test_what_was_submitted_is_recorded(outside: World, client: httpx.Client) -> None:
    batch_id = submit(client, lines(3), metadata={"claim": "abc"})
    batch = look(client, batch_id)
    look(client, batch_id)
    read(client, batch["output_file_id"])
    [record] = outside.batches.submitted
    assert (record.id, record.provider, record.key, record.requests) == (batch_id, "openai", key_of(client), 3)
    assert (record.model, record.endpoint) == ("text-embedding-3-small", EMBEDDINGS)
    assert record.custom_ids == ["claim-0", "claim-1", "claim-2"]
    assert record.metadata == {"claim": "abc"}
    assert (len(record.polls), len(record.collected), record.stage) == (2, 1, "completed")
    assert outside.batches.of(key=KEY) == outside.batches.of("anthropic") == []
    assert outside.count("openai.batches.create").inputs == 3
    outside.reset()
    assert outside.batches.submitted == []
    assert look(client, batch_id)["status"] == "completed"


# ---- files


def test_uploads_are_refused(outside: World, client: httpx.Client) -> None:
    content = {"file": ("some.jsonl", b"{}")}
    assert refusal(client.post("/files", files=content))[1] == "'purpose' is a required property"
    assert refusal(client.post("/files", data={"purpose": "batch"}, files={"other": ("a", b"b")}))[2] == "file"
    assert "is not one of" in refusal(client.post("/files", data={"purpose": "fun"}, files=content))[1]
    assert client.post("/files", data={"purpose": "vision"}, files=content).status_code == 400
    assert client.post("/files", json={}).status_code == 400
    assert refusal(upload(client, lines(1), "requests.txt"))[1] == "Invalid file format for Batch API. Must be .jsonl"
    for nothing in ([], ["{broken"], ["[]"]):
        status, message, *_ = refusal(upload(client, nothing))
        assert (status, message[:20]) == (400, "Invalid file format.")
    outside.batches.openai_file_bytes = 100
    assert refusal(upload(client, lines(1))) == (400, "File is too large.", None, None)


def test_files_and_batches_belong_to_a_key(outside: World, client: httpx.Client) -> None:
    file_id = upload(client, lines(1)).json()["id"]
    batch_id = submit(client, lines(1))
    output = look(client, batch_id)["output_file_id"]
    stranger = httpx.Client(base_url=outside.openai_url, headers={"authorization": f"Bearer {KEY}"})
    for path in (f"/files/{file_id}", f"/files/{output}/content", f"/batches/{batch_id}"):
        assert client.get(path).status_code == 200
        assert stranger.get(path).status_code == 404
    assert stranger.delete(f"/files/{file_id}").status_code == 404
    assert refusal(stranger.post(f"/batches/{batch_id}/cancel"))[1] == f"No batch found with id '{batch_id}'."
    assert batch_id not in [one["id"] for one in stranger.get("/batches", params={"limit": 100}).json()["data"]]
    assert client.get("/files/file-unknown").json()["error"]["message"] == "No such File object: file-unknown"
    assert httpx.get(f"{outside.openai_url}/batches").status_code == 401


# ---- what makes a batch fail


@pytest.mark.parametrize(
    ("requests", "code", "param", "number"),
    [
        ([line("a"), "{broken"], "invalid_json_line", None, 2),
        ([line("a"), "", "[1]"], "invalid_json_line", None, 3),
        ([line("a"), line("a")], "duplicate_custom_id", "custom_id", 2),
        ([line("a"), {**line("b"), "url": CHAT}], "invalid_url", "url", 2),
        ([line("a"), {**line("b"), "method": "GET"}], "invalid_method", "method", 2),
        ([{"method": "POST", "url": EMBEDDINGS, "body": {}}], "missing_required_parameter", "custom_id", 1),
        ([line("a", model="gpt-4o-mini")], "model_not_found", "body.model", 1),
        ([line("a", model=None)], "invalid_request", "body.model", 1),
        ([line("a"), line("b", model="text-embedding-3-large")], "mismatched_model", "body.model", 2),
        ([line("a", url=CHAT, stream=True)], "streaming_unsupported", "body.stream", 1),
        ([line("a", url=CHAT, messages=None)], "invalid_request", "body.messages", 1),
        ([""], "empty_file", None, None),
    ],
)
def test_a_file_is_invalid(
    client: httpx.Client, requests: list[Any], code: str, param: str | None, number: int | None
) -> None:
    [problem] = problems(client, requests)
    assert (problem["code"], problem["param"], problem["line"]) == (code, param, number)
    assert problem["message"]


def test_every_invalid_line_is_named(client: httpx.Client) -> None:
    found = problems(client, [line("a", model="nothing"), line("b"), "{broken", line("b")])
    assert [(one["line"], one["code"]) for one in found] == [
        (1, "model_not_found"),
        (3, "invalid_json_line"),
        (4, "duplicate_custom_id"),
    ]
    assert found[0]["message"] == "The provided model 'nothing' is not supported by the Batch API."


def test_a_batch_has_no_more_than_so_many_requests(client: httpx.Client) -> None:
    [problem] = problems(client, lines(50_001, CHAT))
    assert problem["code"] == "too_many_tasks"
    assert "50000" in problem["message"]


def test_a_batch_has_no_more_than_so_many_inputs(outside: World, client: httpx.Client) -> None:
    outside.batches.openai_inputs = 4
    pairs = [line(f"claim-{number}", input=["one", "two"]) for number in range(3)]
    assert look(client, submit(client, pairs[:2]))["status"] == "completed"
    assert problems(client, pairs)[0]["code"] == "too_many_tasks"


def test_an_unknown_input_file(client: httpx.Client) -> None:
    output = look(client, submit(client, lines(1)))["output_file_id"]
    for file_id in ("file-unknown", output):
        [problem] = problems(client, lines(1), input_file_id=file_id)
        assert (problem["code"], problem["param"]) == ("invalid_request", "file_id")
        assert problem["message"].startswith(f"Cannot find file {file_id}, or organization")


def test_tokens_of_batches_that_did_not_end_are_limited(outside: World, client: httpx.Client) -> None:
    outside.batches.polls = 2
    outside.batches.enqueued_tokens = {"text-embedding-3-small": 3_000}
    some = [line("a", "word " * 2_000)]
    first = submit(client, some)
    second = submit(client, some)
    [problem] = [look(client, second) for _ in range(2)][-1]["errors"]["data"]
    assert problem == {
        "code": "token_limit_exceeded",
        "message": "Enqueued token limit reached for text-embedding-3-small in organization org-world. Limit: 3,000 "
        "enqueued tokens. Please try again once some in_progress batches have been completed.",
        "param": None,
        "line": None,
    }
    other_model = submit(client, [line("a", "word " * 2_000, model="text-embedding-3-large")])
    assert [look(client, first)["status"] for _ in range(2)][-1] == "completed"
    third = submit(client, some)
    assert [look(client, one)["status"] for one in (third, third, other_model)][1:] == ["completed", "in_progress"]


# ---- what is refused at once


@pytest.mark.parametrize(
    ("change", "message", "param", "code"),
    [
        ({"completion_window": "1h"}, "Supported values are: '24h'.", "completion_window", "invalid_value"),
        ({"endpoint": "/v1/dreams"}, "Invalid value: '/v1/dreams'.", "endpoint", "invalid_value"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "at most 16", "metadata", "object_above_max_properties"),
        ({"metadata": {"a": "x" * 513}}, "maximum length 512", "metadata.a", "string_above_max_length"),
        ({"metadata": {"a" * 65: "x"}}, "maximum length 64", f"metadata.{'a' * 65}", "string_above_max_length"),
        ({"metadata": {"a": ["x"]}}, "expected a string, but got an array", "metadata.a", "invalid_type"),
    ],
)
def test_a_batch_is_refused(
    outside: World, client: httpx.Client, change: Mapping[str, Any], message: str, param: str, code: str
) -> None:
    status, said, where, name = refusal(create(client, lines(1), **change))
    assert (status, where, name) == (400, param, code)
    assert message in said
    assert outside.batches.submitted == []


@pytest.mark.parametrize("name", ["input_file_id", "endpoint", "completion_window"])
def test_a_batch_lacks_something(client: httpx.Client, name: str) -> None:
    body = {"input_file_id": "file-1", "endpoint": CHAT, "completion_window": "24h"}
    del body[name]
    response = client.post("/batches", json=body)
    assert refusal(response) == (400, f"Missing required parameter: '{name}'.", name, "missing_required_parameter")


# ---- lists


def test_batches_are_listed_page_by_page(client: httpx.Client) -> None:
    made = [submit(client, lines(1)) for _ in range(5)]
    newest_first = made[::-1]
    page = client.get("/batches", params={"limit": 2}).json()
    assert [one["id"] for one in page["data"]] == newest_first[:2]
    assert (page["object"], page["first_id"], page["last_id"], page["has_more"]) == ("list", *newest_first[:2], True)
    page = client.get("/batches", params={"limit": 3, "after": page["last_id"]}).json()
    assert [one["id"] for one in page["data"]] == newest_first[2:]
    assert page["has_more"] is False
    assert client.get("/batches", params={"after": made[0]}).json()["last_id"] is None
    assert client.get("/batches", params={"after": "batch_unknown"}).status_code == 404


@pytest.mark.parametrize(
    ("limit", "code"),
    [("0", "integer_below_min_value"), ("101", "integer_above_max_value"), ("many", "invalid_type")],
)
def test_pages_have_a_size(client: httpx.Client, limit: str, code: str) -> None:
    assert refusal(client.get("/batches", params={"limit": limit}))[2:] == ("limit", code)
