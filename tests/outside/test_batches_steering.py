"""Tests steer the batches of the world: how they end, what goes wrong on the way, and what is written down of them."""

from collections.abc import Callable

import httpx
import pytest

from tests.outside.openai_requests import line, lines, look, problems, read, refusal, submit
from tests.outside.world import World


@pytest.mark.parametrize("failing", [3, {"claim-2", "claim-5"}, lambda custom_id: custom_id in ("claim-2", "claim-5")])
def test_some_items_fail(outside: World, client: httpx.Client, failing: int | set[str] | Callable[[str], bool]) -> None:
    outside.batches.failing = failing
    batch = look(client, submit(client, lines(6)))
    assert batch["status"] == "completed"
    assert batch["request_counts"] == {"total": 6, "completed": 4, "failed": 2}
    assert len(read(client, batch["output_file_id"])) == 4
    errors = read(client, batch["error_file_id"])
    assert sorted(one["custom_id"] for one in errors) == ["claim-2", "claim-5"]
    assert {(one["response"]["status_code"], one["error"]) for one in errors} == {(400, None)}
    assert errors[0]["response"]["body"]["error"]["type"] == "invalid_request_error"


def test_an_item_fails_by_itself(client: httpx.Client) -> None:
    batch = look(client, submit(client, [line("good"), line("bad", dimensions=5_000)]))
    [error] = read(client, batch["error_file_id"])
    assert (error["custom_id"], error["response"]["status_code"]) == ("bad", 400)
    assert error["response"]["body"]["error"]["param"] == "dimensions"


def test_all_items_fail(outside: World, client: httpx.Client) -> None:
    outside.batches.failing, outside.batches.failing_status = 1, 500
    batch = look(client, submit(client, lines(2)))
    assert (batch["status"], batch["output_file_id"]) == ("completed", None)
    assert {one["response"]["status_code"] for one in read(client, batch["error_file_id"])} == {500}


def test_a_batch_expires(outside: World, client: httpx.Client) -> None:
    outside.batches.expire, outside.batches.window_seconds = 0.5, 5
    batch = look(client, submit(client, lines(4)))
    assert (batch["status"], batch["expires_at"]) == ("expired", batch["created_at"] + 5)
    assert batch["expired_at"] is not None
    assert batch["request_counts"] == {"total": 4, "completed": 2, "failed": 2}
    assert sorted(one["custom_id"] for one in read(client, batch["output_file_id"])) == ["claim-0", "claim-1"]
    for one in read(client, batch["error_file_id"]):
        assert one["response"] is None
        assert one["error"] == {
            "code": "batch_expired",
            "message": "This request could not be executed before the completion window expired.",
        }
    outside.batches.expire = 1
    assert look(client, submit(client, lines(4)))["output_file_id"] is None


def test_a_batch_is_cancelled(outside: World, client: httpx.Client) -> None:
    outside.batches.polls = 4
    batch_id = submit(client, lines(8))
    look(client, batch_id)
    look(client, batch_id)
    cancelled = client.post(f"/batches/{batch_id}/cancel").json()
    assert (cancelled["status"], cancelled["output_file_id"]) == ("cancelling", None)
    batch = look(client, batch_id)
    assert (batch["status"], batch["request_counts"]) == ("cancelled", {"total": 8, "completed": 4, "failed": 4})
    assert batch["cancelling_at"] <= batch["cancelled_at"]
    assert {one["error"]["code"] for one in read(client, batch["error_file_id"])} == {"batch_cancelled"}
    assert client.post(f"/batches/{batch_id}/cancel").json()["status"] == "cancelled"


def test_a_batch_that_ended_is_not_cancelled(client: httpx.Client) -> None:
    batch_id = submit(client, lines(1))
    look(client, batch_id)
    response = client.post(f"/batches/{batch_id}/cancel")
    assert refusal(response) == (409, "Cannot cancel a batch with status 'completed'.", None, None)


def test_somebody_else_cancels(outside: World, client: httpx.Client) -> None:
    outside.batches.polls = 100
    first, second = submit(client, lines(1)), submit(client, lines(1))
    outside.batches.cancel(first)
    assert [look(client, one)["status"] for one in (first, second)] == ["cancelled", "validating"]
    outside.batches.cancel()
    assert look(client, second)["status"] == "cancelled"


def test_the_next_batch_fails_as_a_whole(outside: World, client: httpx.Client) -> None:
    outside.batches.fail("server_error", "Something broke.")
    found = problems(client, lines(1))
    assert found == [{"code": "server_error", "message": "Something broke.", "param": None, "line": None}]
    assert look(client, submit(client, lines(1)))["status"] == "completed"


def test_answers_are_padded(outside: World, client: httpx.Client) -> None:
    outside.batches.padding = 100_000
    outside.batches.failing = 5
    batch = look(client, submit(client, lines(10)))
    assert client.get(f"/files/{batch['output_file_id']}").json()["bytes"] > 800_000
    bodies = [one["response"]["body"] for one in read(client, batch["output_file_id"])]
    assert [len(body["padding"]) for body in bodies] == [100_000] * 8
    assert bodies[0]["data"]
    assert client.get(f"/files/{batch['error_file_id']}").json()["bytes"] < 2_000


def test_healing_lets_batches_go_as_usual(outside: World, client: httpx.Client) -> None:
    outside.batches.polls, outside.batches.failing = 1_000, 1
    batch_id = submit(client, lines(1))
    assert look(client, batch_id)["status"] == "validating"
    outside.heal()
    assert look(client, batch_id)["request_counts"]["completed"] == 1


def test_steering_over_http(outside: World, client: httpx.Client) -> None:
    with httpx.Client(base_url=outside.url, timeout=5) as control:
        steering = {"polls": 100, "failing": ["claim-1"]}
        assert control.post("/control/batches", json=steering).json()["ok"]
        assert control.post("/control/batches", json={"nonsense": 1}).status_code == 400
        batch_id = submit(client, lines(2))
        assert look(client, batch_id)["status"] == "validating"
        [record] = control.get("/control/batches").json()
        assert (record["id"], record["requests"], record["stage"]) == (batch_id, 2, "validating")
        assert len(record["polls"]) == 1
        assert control.post("/control/batches/cancel", json={"id": batch_id}).json()["ok"]
        assert look(client, batch_id)["status"] == "cancelled"
        control.post("/control/batches", json={})
        control.post("/control/batches/fail", json={"code": "oops", "message": "It broke."})
        assert problems(client, lines(1))[0]["code"] == "oops"
        assert control.get("/control/config", params={"batch": "1"}).json()["llm"]["batch"] is True


# ---- faults


def test_endpoints_of_batches(outside: World, client: httpx.Client) -> None:
    batch_id = submit(client, lines(1))
    batch = look(client, batch_id)
    client.get("/batches")
    read(client, batch["output_file_id"])
    client.delete(f"/files/{batch['input_file_id']}")
    client.post(f"/batches/{batch_id}/cancel")
    names = ("files", "batches.create", "batch", "batches.list", "content", "file", "batch.cancel")
    assert [request.endpoint for request in outside.requests()] == [f"openai.{name}" for name in names]


def test_something_happens_after_a_batch_was_accepted(outside: World, client: httpx.Client) -> None:
    seen: list[int] = []
    outside.after("openai.batches.create", lambda: seen.append(len(outside.batches.submitted)))
    outside.when("openai.batches.create", lambda: seen.append(len(outside.batches.submitted)))
    submit(client, lines(1))
    submit(client, lines(1))
    assert seen == [0, 1]


def test_a_batch_is_accepted_but_the_answer_is_lost(outside: World, client: httpx.Client) -> None:
    outside.cut("openai.batches.create", times=1)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        submit(client, lines(1), metadata={"claim": "abc"})
    [listed] = client.get("/batches").json()["data"]
    assert listed["metadata"] == {"claim": "abc"}


def collect(response: httpx.Response, received: bytearray) -> None:
    for piece in response.iter_bytes():
        received += piece


@pytest.mark.parametrize("after_bytes", [None, 30_000])
def test_results_break_off(outside: World, client: httpx.Client, after_bytes: int | None) -> None:
    outside.batches.padding = 10_000
    batch = look(client, submit(client, lines(40)))
    outside.cut("openai.content", times=1, after_bytes=after_bytes)
    received = bytearray()
    with client.stream("GET", f"/files/{batch['output_file_id']}/content") as response:
        assert response.status_code == 200
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            collect(response, received)
    whole = received.count(b"\n")
    assert whole == 2 if after_bytes else 15 < whole < 25
    assert len(read(client, batch["output_file_id"])) == 40


def test_vectors_of_a_batch_are_shrunk(outside: World, client: httpx.Client) -> None:
    outside.batches.failing = 2
    batch = look(client, submit(client, lines(4)))
    outside.shrink_vectors("openai.content", times=1)
    sizes = [
        {len(one["response"]["body"]["data"][0]["embedding"]) for one in read(client, batch["output_file_id"])}
        for _ in range(2)
    ]
    assert sizes == [{4}, {8}]
