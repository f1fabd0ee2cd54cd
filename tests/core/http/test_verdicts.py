"""What persons say of pairs of pull requests, over HTTP."""

from typing import Any

import pytest

from tests.core.http.test_app import prepared, request, store_dupes
from tests.core.world import World

PATH = "/repos/acme/rocket/verdicts"


@pytest.fixture
def world() -> World:
    world = prepared()
    store_dupes(world)
    return world


def put(world: World, number: int, others: list[int], verdict: str, **more: Any) -> Any:
    body = {"prNumber": number, "otherPrNumbers": others, "verdict": verdict, **more}
    return request(world, "PUT", PATH, json=body)


def listed(world: World) -> list[tuple[Any, ...]]:
    answer = request(world, "GET", "/repos/ACME/Rocket/verdicts")
    assert answer.status_code == 200
    assert answer.json()["repo"] == "acme/rocket"
    return [(one["prNumber"], one["otherPrNumber"], one["verdict"], one["reason"]) for one in answer.json()["verdicts"]]


def test_nothing_is_said_at_first(world: World) -> None:
    assert listed(world) == []


@pytest.mark.parametrize("verdict", ["duplicate", "not_duplicate", "keep"])
def test_what_is_said_is_shown_as_it_was_said(world: World, verdict: str) -> None:
    answer = put(world, 12, [10, 11, 10], verdict, reason="I know them")
    assert answer.status_code == 200
    shown = {(one["prNumber"], one["otherPrNumber"]) for one in answer.json()["verdicts"]}
    assert {frozenset(pair) for pair in shown} == {frozenset((12, 10)), frozenset((12, 11))}
    assert {one[2:] for one in listed(world)} == {(verdict, "I know them")}
    if verdict == "keep":
        assert {one[0] for one in listed(world)} == {12}, "the one to keep comes first"


def test_the_last_word_counts(world: World) -> None:
    put(world, 10, [11, 12], "duplicate")
    world.clock.advance(seconds=1)
    answer = put(world, 12, [10], "not_duplicate")
    assert [(one["verdict"], one["reason"]) for one in answer.json()["verdicts"]] == [("not_duplicate", None)]
    assert listed(world) == [(10, 12, "not_duplicate", None), (10, 11, "duplicate", None)]


def test_it_can_be_taken_back_in_either_order(world: World) -> None:
    put(world, 10, [11, 12], "duplicate")
    assert request(world, "DELETE", f"{PATH}/12/10").status_code == 204
    assert listed(world) == [(10, 11, "duplicate", None)]
    again = request(world, "DELETE", f"{PATH}/12/10")
    assert (again.status_code, again.json()["code"]) == (404, "VERDICT_NOT_FOUND")
    assert again.json()["error"] == "Nothing was said of acme/rocket#12 and #10"


def test_a_models_verdict_is_not_taken_back(world: World) -> None:
    world.executor.connection.execute(
        "INSERT INTO verdicts (pr_id, other_id, source, verdict, confidence, created_at)"
        " VALUES (1, 2, 'model', 'none', 1, '')"
    )
    assert request(world, "DELETE", f"{PATH}/10/11").status_code == 404
    assert listed(world) == []


@pytest.mark.parametrize(
    ("body", "status", "code", "told"),
    [
        ((99, [10], "duplicate"), 404, "PR_NOT_STORED", "99"),
        ((10, [11, 99], "duplicate"), 404, "PR_NOT_STORED", "99"),
        ((10, [10], "duplicate"), 400, "INVALID_REQUEST", "otherPrNumbers"),
        ((10, [10, 11], "keep"), 400, "INVALID_REQUEST", "otherPrNumbers"),
        ((10, [], "duplicate"), 400, "INVALID_REQUEST", "otherPrNumbers"),
        ((10, list(range(11, 112)), "duplicate"), 400, "INVALID_REQUEST", "otherPrNumbers"),
        ((10, [11], "superseded"), 400, "INVALID_REQUEST", "verdict"),
        ((0, [11], "duplicate"), 400, "INVALID_REQUEST", "prNumber"),
        ((2**53, [11], "duplicate"), 400, "INVALID_REQUEST", "prNumber"),
    ],
)
def test_what_cannot_be_said_stores_nothing(
    world: World, body: tuple[int, list[int], str], status: int, code: str, told: str
) -> None:
    answer = put(world, *body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert told in str(answer.json()["error"])
    assert listed(world) == []


@pytest.mark.parametrize("number", [2**53, 2**63, -1])
def test_numbers_that_no_row_has_store_nothing(world: World, number: int) -> None:
    assert put(world, 10, [number], "duplicate").status_code in (400, 404)
    assert request(world, "DELETE", f"{PATH}/10/{number}").status_code in (400, 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_repository_that_is_not_tracked_is_told(world: World, method: str) -> None:
    path = "/repos/acme/nothing/verdicts" + ("/1/2" if method == "DELETE" else "")
    body = {"prNumber": 1, "otherPrNumbers": [2], "verdict": "keep"} if method == "PUT" else None
    answer = request(world, method, path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (404, "REPO_NOT_TRACKED")
