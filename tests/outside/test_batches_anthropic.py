"""Anthropic's Message Batches in the world: accepted by the official client, refused as documented, and steered."""

import json
from collections.abc import Sequence
from typing import Any

import anthropic
import httpx
import pytest

from tests.outside.world import World

BATCHES = "/v1/messages/batches"
PARAMS: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hello there"}],
}


def requests(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"custom_id": f"claim-{number}", "params": {**PARAMS, **more}} for number in range(count)]


def submit(claude: httpx.Client, made: Sequence[Any]) -> str:
    response = claude.post(BATCHES, json={"requests": made})
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


def look(claude: httpx.Client, batch_id: str) -> dict[str, Any]:
    found: dict[str, Any] = claude.get(f"{BATCHES}/{batch_id}").json()
    return found


def results(claude: httpx.Client, batch_id: str) -> dict[str, dict[str, Any]]:
    """By custom id, in the order in which they come."""
    response = claude.get(f"{BATCHES}/{batch_id}/results")
    assert response.headers["content-type"].startswith("application/x-jsonl")
    read = [json.loads(line) for line in response.text.splitlines()]
    return {line["custom_id"]: line["result"] for line in read}


def refusal(response: httpx.Response) -> tuple[int, str, str]:
    said = response.json()
    assert said["type"] == "error"
    return response.status_code, said["error"]["type"], said["error"]["message"]


# ---- a batch as it usually goes


def test_the_official_client(outside: World) -> None:
    client = anthropic.Anthropic(base_url=outside.anthropic_url, api_key="sk-ant-world", max_retries=0, timeout=10)
    made: Any = requests(3)
    batch = client.messages.batches.create(requests=made)
    assert (batch.processing_status, batch.results_url, batch.ended_at) == ("in_progress", None, None)
    assert batch.request_counts.processing == 3
    assert (batch.expires_at - batch.created_at).total_seconds() == 86_400
    batch = client.messages.batches.retrieve(batch.id)
    assert (batch.processing_status, batch.request_counts.succeeded) == ("ended", 3)
    assert batch.results_url == f"{outside.anthropic_url}{BATCHES}/{batch.id}/results"
    found = {one.custom_id: one.result for one in client.messages.batches.results(batch.id)}
    assert sorted(found) == ["claim-0", "claim-1", "claim-2"]
    assert {one.type for one in found.values()} == {"succeeded"}
    assert client.messages.batches.list(limit=1).data[0].id == batch.id
    assert client.messages.batches.delete(batch.id).type == "message_batch_deleted"
    with pytest.raises(anthropic.NotFoundError, match=f"Message Batch {batch.id} not found"):
        client.messages.batches.retrieve(batch.id)


def test_answers_are_those_of_single_requests(claude: httpx.Client) -> None:
    batch_id = submit(claude, requests(2))
    look(claude, batch_id)
    single = claude.post("/v1/messages", json=PARAMS).json()
    for result in results(claude, batch_id).values():
        message = result["message"]
        assert message["content"] == single["content"]
        assert message["usage"] == {**single["usage"], "service_tier": "batch"}


def test_prompts_are_cached_within_a_batch(claude: httpx.Client) -> None:
    system = [{"type": "text", "text": "word " * 3_000, "cache_control": {"type": "ephemeral"}}]
    batch_id = submit(claude, requests(4, system=system))
    look(claude, batch_id)
    usages = [result["message"]["usage"] for result in results(claude, batch_id).values()]
    assert sorted(usage["cache_read_input_tokens"] > 0 for usage in usages) == [False, True, True, True]


def test_a_batch_is_in_progress_until_it_ends(outside: World, claude: httpx.Client) -> None:
    outside.batches.polls, outside.batches.failing = 3, 4
    batch_id = submit(claude, requests(4))
    under_way = claude.get(f"{BATCHES}/{batch_id}")
    assert under_way.headers["retry-after"] == "10"
    seen = [under_way.json(), *(look(claude, batch_id) for _ in range(2))]
    assert [batch["processing_status"] for batch in seen] == ["in_progress", "in_progress", "ended"]
    nothing = {"succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    assert seen[1]["request_counts"] == {"processing": 4, **nothing}
    assert seen[2]["request_counts"] == {**nothing, "processing": 0, "succeeded": 3, "errored": 1}
    assert seen[2]["ended_at"] > seen[2]["created_at"]
    assert seen[2]["archived_at"] is None


def test_there_are_no_results_before_the_end(outside: World, claude: httpx.Client) -> None:
    outside.batches.polls = 2
    batch_id = submit(claude, requests(1))
    refused = refusal(claude.get(f"{BATCHES}/{batch_id}/results"))
    assert refused == (404, "not_found_error", f"Message Batch {batch_id} has no available results.")
    refused = refusal(claude.delete(f"{BATCHES}/{batch_id}"))
    assert refused[:2] == (400, "invalid_request_error")
    assert "In progress batches cannot be deleted" in refused[2]


def test_what_was_submitted_is_recorded(outside: World, claude: httpx.Client) -> None:
    batch_id = submit(claude, requests(2))
    look(claude, batch_id)
    results(claude, batch_id)
    [record] = outside.batches.of("anthropic")
    assert (record.id, record.key, record.requests) == (batch_id, claude.headers["x-api-key"], 2)
    assert record.custom_ids == ["claim-0", "claim-1"]
    assert (len(record.polls), len(record.collected)) == (1, 1)
    assert outside.count("anthropic.batches.create").inputs == 2


# ---- what is refused at once


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "requests: Field required"),
        ({"requests": {}}, "requests: Input should be a valid list"),
        ({"requests": []}, "requests: List should have at least 1 item after validation, not 0"),
        ({"requests": [{"params": PARAMS}]}, "requests.0.custom_id: Field required"),
        ({"requests": [{"custom_id": "a"}]}, "requests.0.params: Field required"),
        ({"requests": [{"custom_id": "a", "params": 1}]}, "requests.0.params: Input should be a valid dictionary"),
        (
            {"requests": [{"custom_id": "a" * 65, "params": PARAMS}]},
            "requests.0.custom_id: String should have at most 64 characters",
        ),
        (
            {"requests": [{"custom_id": "a.b", "params": PARAMS}]},
            "requests.0.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'",
        ),
        (
            {"requests": [{"custom_id": "a", "params": PARAMS, "more": 1}]},
            "requests.0.more: Extra inputs are not permitted",
        ),
        (
            {"requests": [{"custom_id": "a", "params": PARAMS}] * 2},
            "requests: custom_id's must be unique within a batch. Duplicate custom_id found: a",
        ),
    ],
)
def test_a_batch_is_refused(outside: World, claude: httpx.Client, body: dict[str, Any], message: str) -> None:
    assert refusal(claude.post(BATCHES, json=body)) == (400, "invalid_request_error", message)
    assert outside.batches.submitted == []


def test_a_batch_is_too_large(outside: World, claude: httpx.Client) -> None:
    many = [{"custom_id": f"claim-{number}", "params": {}} for number in range(100_001)]
    status, _, message = refusal(claude.post(BATCHES, json={"requests": many}))
    assert (status, message) == (400, "requests: List should have at most 100000 items after validation, not 100001")
    outside.batches.anthropic_bytes = 100
    refused = refusal(claude.post(BATCHES, json={"requests": requests(1)}))
    assert refused == (413, "request_too_large", "Request exceeds the maximum size")


def test_keys_and_versions(outside: World, claude: httpx.Client) -> None:
    batch_id = submit(claude, requests(1))
    stranger = {**claude.headers, "x-api-key": "sk-ant-world"}
    for method, path in (("GET", ""), ("GET", "/results"), ("POST", "/cancel"), ("DELETE", "")):
        refused = claude.request(method, f"{BATCHES}/{batch_id}{path}", headers=stranger)
        assert refusal(refused) == (404, "not_found_error", f"Message Batch {batch_id} not found.")
    listed = claude.get(BATCHES, params={"limit": 1_000}, headers=stranger).json()["data"]
    assert batch_id not in [one["id"] for one in listed]
    with httpx.Client(base_url=outside.anthropic_url) as nobody:
        assert nobody.get(BATCHES).status_code == 401
        assert nobody.get(BATCHES, headers={"x-api-key": "sk-ant-world"}).status_code == 400


# ---- lists


def test_batches_are_listed_page_by_page(claude: httpx.Client) -> None:
    made = [submit(claude, requests(1)) for _ in range(5)]
    newest_first = made[::-1]

    def page(**query: Any) -> tuple[list[str], bool]:
        answer = claude.get(BATCHES, params=query).json()
        ids = [one["id"] for one in answer["data"]]
        assert (answer["first_id"], answer["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))
        return ids, answer["has_more"]

    assert page() == (newest_first, False)
    assert page(limit=2) == (newest_first[:2], True)
    assert page(limit=3, after_id=newest_first[1]) == (newest_first[2:], False)
    assert page(limit=2, before_id=newest_first[4]) == (newest_first[2:4], True)
    assert page(before_id=newest_first[0]) == ([], False)
    assert claude.get(BATCHES, params={"after_id": "msgbatch_unknown"}).status_code == 404


@pytest.mark.parametrize("limit", ["0", "1001", "many"])
def test_pages_have_a_size(claude: httpx.Client, limit: str) -> None:
    status, _, message = refusal(claude.get(BATCHES, params={"limit": limit}))
    assert (status, message[:6]) == (400, "limit:")


# ---- what tests steer


def test_items_fail_when_they_are_executed(outside: World, claude: httpx.Client) -> None:
    outside.batches.failing, outside.batches.failing_status = {"claim-0"}, 529
    made = [
        *requests(2),
        {"custom_id": "no-messages", "params": {"model": "claude-haiku-4-5", "max_tokens": 1}},
        {"custom_id": "no-model", "params": {**PARAMS, "model": "claude-none"}},
        {"custom_id": "stream", "params": {**PARAMS, "stream": True}},
    ]
    batch_id = submit(claude, made)
    assert look(claude, batch_id)["request_counts"]["errored"] == 4
    found = results(claude, batch_id)
    assert found.pop("claim-1")["type"] == "succeeded"
    assert {result["type"] for result in found.values()} == {"errored"}
    assert {result["error"]["type"] for result in found.values()} == {"error"}
    errors = {custom_id: result["error"]["error"] for custom_id, result in found.items()}
    assert errors["claim-0"]["type"] == "overloaded_error"
    assert errors["no-messages"] == {"type": "invalid_request_error", "message": "messages: Field required"}
    assert errors["no-model"]["type"] == "not_found_error"
    assert "is not supported in the Message Batches API" in errors["stream"]["message"]


def test_a_batch_is_cancelled(outside: World, claude: httpx.Client) -> None:
    outside.batches.polls = 4
    batch_id = submit(claude, requests(4))
    look(claude, batch_id)
    batch = claude.post(f"{BATCHES}/{batch_id}/cancel").json()
    assert (batch["processing_status"], batch["request_counts"]["processing"]) == ("canceling", 4)
    assert batch["cancel_initiated_at"] is not None
    batch = look(claude, batch_id)
    assert (batch["processing_status"], batch["request_counts"]["canceled"]) == ("ended", 3)
    assert [result for result in results(claude, batch_id).values() if result["type"] != "succeeded"] == [
        {"type": "canceled"}
    ] * 3
    assert claude.post(f"{BATCHES}/{batch_id}/cancel").status_code == 400


def test_a_batch_expires(outside: World, claude: httpx.Client) -> None:
    outside.batches.expire = 0.25
    batch_id = submit(claude, requests(4))
    batch = look(claude, batch_id)
    assert (batch["processing_status"], batch["request_counts"]["expired"]) == ("ended", 1)
    assert results(claude, batch_id)["claim-3"] == {"type": "expired"}


def test_results_come_in_another_order(claude: httpx.Client) -> None:
    batch_id = submit(claude, requests(30))
    look(claude, batch_id)
    found = list(results(claude, batch_id))
    assert found != sorted(found, key=lambda custom_id: int(custom_id.removeprefix("claim-")))


def test_answers_are_padded(outside: World, claude: httpx.Client) -> None:
    outside.batches.padding = 10_000
    batch_id = submit(claude, requests(2))
    look(claude, batch_id)
    assert [len(result["message"]["padding"]) for result in results(claude, batch_id).values()] == [10_000] * 2


# ---- faults


def test_endpoints_of_batches(outside: World, claude: httpx.Client) -> None:
    batch_id = submit(claude, requests(1))
    look(claude, batch_id)
    claude.get(BATCHES)
    results(claude, batch_id)
    claude.post(f"{BATCHES}/{batch_id}/cancel")
    names = ("batches.create", "batch", "batches.list", "batch.results", "batch.cancel")
    assert [request.endpoint for request in outside.requests()] == [f"anthropic.{name}" for name in names]


def test_a_status_fails_and_then_does_not(outside: World, claude: httpx.Client) -> None:
    batch_id = submit(claude, requests(1))
    outside.fail("anthropic.batch", 529, times=2)
    statuses = [claude.get(f"{BATCHES}/{batch_id}").status_code for _ in range(3)]
    assert statuses == [529, 529, 200]
    assert len(outside.batches.submitted[0].polls) == 1


def test_something_happens_after_a_batch_was_accepted(outside: World, claude: httpx.Client) -> None:
    seen: list[int] = []
    outside.after("anthropic.batches.create", lambda: seen.append(len(outside.batches.submitted)), skip=1)
    for _ in range(3):
        submit(claude, requests(1))
    assert seen == [2]


def test_results_break_off(outside: World, claude: httpx.Client) -> None:
    outside.batches.padding = 10_000
    batch_id = submit(claude, requests(40))
    look(claude, batch_id)
    outside.cut("anthropic.batch.results", times=1)
    received = bytearray()
    with claude.stream("GET", f"{BATCHES}/{batch_id}/results") as response:
        assert response.status_code == 200
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            collect(response, received)
    assert 15 < received.count(b"\n") < 25
    assert len(results(claude, batch_id)) == 40


def collect(response: httpx.Response, received: bytearray) -> None:
    for piece in response.iter_bytes():
        received += piece
