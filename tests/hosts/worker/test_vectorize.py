"""The Vectorize stand-in, through workerd's own binding: its answers, its limits, and when writes show."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.worker.conftest import PROBE_ENTRY, PROBE_SETTINGS
from tests.hosts.worker.probing import do, eventually
from tests.support.worker_host import WorkerHost, worker_host

Ask = Callable[..., Any]
X, Y, XY = [1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0]


def asker(host: WorkerHost) -> Ask:
    """Calls a method of the binding; an error comes back as its text."""

    def ask(method: str, *arguments: object) -> Any:
        answer = do(host, "vectorize", method=method, arguments=arguments)
        return answer["error"] if isinstance(answer, dict) and "error" in answer else answer

    return ask


@pytest.fixture
def index(probe: WorkerHost) -> Iterator[Ask]:
    """An empty index whose writes show at once."""
    ask = asker(probe)
    probe.control_vectorize(delayMilliseconds=0)
    ask("deleteByIds", [f"v{number}" for number in range(100)])
    assert ask("describe")["vectorCount"] == 0
    yield ask
    probe.control_vectorize(delayMilliseconds=0)


def ids(answer: dict[str, Any]) -> list[str]:
    return [match["id"] for match in answer["matches"]]


def test_finds_the_nearest_vectors(index: Ask) -> None:
    index("upsert", [{"id": "v1", "values": X}, {"id": "v2", "values": Y}, {"id": "v3", "values": XY}])
    answer = index("query", [2, 0, 0, 0])
    assert answer["count"] == 3
    assert [match["id"] for match in answer["matches"]] == ["v1", "v3", "v2"]
    assert [match["score"] for match in answer["matches"]] == pytest.approx([1, 0.7071, 0], abs=1e-4)
    assert set(answer["matches"][0]) == {"id", "score"}
    assert ids(index("queryById", "v2")) == ["v2", "v3", "v1"]
    assert index("queryById", "v9") == {"matches": [], "count": 0}


def test_finds_five_unless_told_otherwise(index: Ask) -> None:
    index("upsert", [{"id": f"v{number}", "values": X} for number in range(60)])
    assert index("query", X)["count"] == 5
    assert index("query", X, {"topK": 100})["count"] == 60


def test_values_are_32_bit_floats(index: Ask) -> None:
    index("upsert", [{"id": "v1", "values": [0.1, 0, 0, 0]}])
    [vector] = index("getByIds", ["v1", "v2"])
    assert vector["values"] == [0.10000000149011612, 0, 0, 0]
    assert index("query", X, {"returnValues": True})["matches"][0]["values"] == vector["values"]


def test_an_insert_keeps_what_exists_and_an_upsert_replaces_it_as_a_whole(index: Ask) -> None:
    index("insert", [{"id": "v1", "values": X, "metadata": {"repoId": 1}}, {"id": "v1", "values": Y}])
    index("insert", [{"id": "v1", "values": Y}])
    assert index("getByIds", ["v1"])[0]["values"] == X
    index("upsert", [{"id": "v1", "values": X}, {"id": "v1", "values": Y, "namespace": "n"}])
    assert index("getByIds", ["v1"]) == [{"id": "v1", "values": Y, "namespace": "n"}]
    assert index("describe")["vectorCount"] == 1


def test_tells_metadata_as_it_is_asked_for(index: Ask) -> None:
    metadata = {"repoId": 1, "label": "ü" * 40, "other": {"deep": [1]}}
    index("upsert", [{"id": "v1", "values": X, "metadata": metadata}])

    def told(level: str) -> Any:
        return index("query", X, {"returnMetadata": level})["matches"][0].get("metadata")

    assert told("none") is None
    assert told("indexed") == {"repoId": 1, "label": "ü" * 32}
    assert told("all") == metadata


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"repoId": 2}, ["v2"]),
        ({"repoId": {"$eq": 2}, "label": "b"}, ["v2"]),
        ({"repoId": 2, "label": "a"}, []),
        ({"repoId": {"$ne": 2}}, ["v1", "v3", "v4"]),
        ({"repoId": {"$in": [1, 2]}}, ["v1", "v2"]),
        ({"repoId": {"$nin": [1, 2]}}, ["v3", "v4"]),
        ({"repoId": {"$gte": 2, "$lt": 3}}, ["v2"]),
        ({"repoId": {"$gt": 2}}, ["v3"]),
        ({"label": {"$lte": "b"}}, ["v1", "v2"]),
        ({"label": None}, ["v3", "v4"]),
        ({"repoId": "2"}, []),
    ],
)
def test_filters(index: Ask, filter: dict[str, object], expected: list[str]) -> None:
    # The label of v3 is of another type than its index, and so in none.
    metadata = [{"repoId": 1, "label": "a"}, {"repoId": 2, "label": "b"}, {"repoId": 3, "label": 7}, {}]
    index("upsert", [{"id": f"v{number}", "values": X, "metadata": data} for number, data in enumerate(metadata, 1)])
    assert sorted(ids(index("query", X, {"filter": filter}))) == expected


def test_keeps_namespaces_apart(index: Ask) -> None:
    index("upsert", [{"id": "v1", "values": X, "namespace": "one"}, {"id": "v2", "values": X}])
    assert ids(index("query", X, {"namespace": "one"})) == ["v1"]
    assert index("query", X)["count"] == 2


def vector(**changes: object) -> dict[str, object]:
    return {"id": "v1", "values": X, **changes}


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("query", [[1, 2]], "VECTOR_QUERY_ERROR (code = 40006): invalid query vector, expected 4 dimensions"),
        ("query", [X, {"topK": 101}], "VECTOR_QUERY_ERROR (code = 40025): max top K is 100, but got 101"),
        ("query", [X, {"topK": 21, "returnMetadata": "all"}], "returnMetadata=all, max top K is 20, but got 21"),
        ("query", [X, {"topK": 21, "returnValues": True}], "(code = 40025): with returnValues=true"),
        ("query", [X, {"topK": 0}], "(code = 40026)"),
        ("query", [X, {"returnMetadata": False}], "(code = 40026): Failed to parse the request body as JSON"),
        ("query", [X, {"namespace": "n" * 65}], "namespace too long; max is 64 bytes, got 65 bytes"),
        ("query", [X, {"filter": {}}], "filter: expected a non-empty object"),
        ("query", [X, {"filter": {"prNumber": 1}}], 'there is no metadata index on "prNumber"'),
        ("query", [X, {"filter": {"label": "x" * 2100}}], "filter: must be less than 2048 bytes"),
        ("query", [X, {"filter": {"repoId": {"$near": 1}}}], "unknown operator"),
        ("queryById", ["ü" * 33], "(code = 40008): id too long; max is 64 bytes, got 66 bytes"),
        (
            "upsert",
            [[vector(values=[1])]],
            '(code = 40012): invalid vector for id="v1", expected 4 dimensions, and got 1',
        ),
        ("upsert", [[vector(values=[1, 2, 3, None])]], 'the values of "v1" are not numbers'),
        ("upsert", [[vector(values=[1, 2, 3, 1e300])]], 'the values of "v1" are not numbers'),
        ("upsert", [[vector(id="i" * 65)]], "VECTOR_UPSERT_ERROR (code = 40008): id too long"),
        ("upsert", [[vector(namespace="n" * 65)]], "(code = 40009): namespace too long"),
        ("upsert", [[vector(metadata={"a": "x" * 10_240})]], "(code = 40016): metadata too large"),
        ("upsert", [[vector(metadata={"a.b": 1})]], "(code = 40018): invalid metadata key"),
        ("upsert", [[vector(metadata={"$a": 1})]], "(code = 40018): invalid metadata key"),
        ("upsert", [[]], "VECTOR_UPSERT_ERROR (code = 40023)"),
        ("insert", [[vector()] * 1001], "VECTOR_INSERT_ERROR (code = 40007): too many vectors in payload"),
        ("getByIds", [["v"] * 21], "VECTOR_GET_ERROR (code = 40007): too many ids in payload; max id count is 20"),
        ("deleteByIds", [["v"] * 101], "VECTOR_DELETE_ERROR (code = 40007): too many ids in payload; max"),
    ],
)
def test_refuses(index: Ask, method: str, arguments: list[object], error: str) -> None:
    assert error in index(method, *arguments)
    assert index("describe")["vectorCount"] == 0


def test_takes_what_is_just_within_the_limits(index: Ask) -> None:
    full = {"id": "v1" + "i" * 62, "namespace": "n" * 64, "metadata": {"a": "x" * (10_240 - len('{"a":""}'))}}
    assert "mutationId" in index("upsert", [vector(**full)])
    assert index("query", X, {"topK": 20, "returnMetadata": "all", "returnValues": True})["count"] == 1
    assert "mutationId" in index("upsert", [vector()] * 1000)
    assert "mutationId" in index("deleteByIds", ["v1" + "i" * 62])


def test_what_is_refused_changes_nothing(index: Ask) -> None:
    index("upsert", [vector(id="v1"), vector(id="v2", values=[1])])
    assert index("describe")["vectorCount"] == 0


def test_writes_show_after_a_while_in_their_order(probe: WorkerHost, index: Ask) -> None:
    probe.control_vectorize(delayMilliseconds=60_000)
    first = index("upsert", [vector()])["mutationId"]
    second = index("deleteByIds", ["v1"])["mutationId"]
    third = index("upsert", [vector(id="v2")])["mutationId"]
    assert len({first, second, third}) == 3
    before = index("describe")
    assert (before["vectorCount"], index("query", X)["count"], index("getByIds", ["v1"])) == (0, 0, [])
    assert before["processedUpToMutation"] not in (first, second, third)
    probe.control_vectorize(delayMilliseconds=0)
    after = index("describe")
    assert (after["vectorCount"], after["dimensions"], after["processedUpToMutation"]) == (1, 4, third)
    assert after["processedUpToDatetime"] > before["processedUpToDatetime"]
    assert ids(index("query", X)) == ["v2"]


def test_vectors_and_waiting_writes_outlast_a_kill(make_project: Callable[..., Path], tmp_path: Path) -> None:
    slow = {"OSSGARD_VECTORIZE_DELAY_MS": "3600000"}
    project = make_project(PROBE_ENTRY.read_text())
    with worker_host(tmp_path, slow, project) as host:
        index = asker(host)
        host.control_vectorize(delayMilliseconds=0)
        index("upsert", [vector(metadata={"repoId": 1, "color": "red"})])
        assert index("describe")["vectorCount"] == 1
        host.control_vectorize(delayMilliseconds=3_600_000)
        waiting = index("upsert", [vector(id="v2", values=Y, metadata={"repoId": 1, "color": "red"})])["mutationId"]
        host.kill()

    # The index gets another metadata index, which knows only what is written from now on.
    settings = json.loads(json.dumps(PROBE_SETTINGS))
    settings["vectorize"]["PROBE_INDEX"]["metadataIndexes"]["color"] = "string"
    with worker_host(tmp_path, slow, make_project(PROBE_ENTRY.read_text(), settings)) as host:
        index = asker(host)
        assert ids(index("query", X, {"filter": {"repoId": 1}})) == ["v1"]
        assert ids(index("query", X, {"filter": {"color": "red"}})) == []
        host.control_vectorize(delayMilliseconds=0)
        eventually(lambda: index("describe"), lambda told: told["processedUpToMutation"] == waiting)
        assert ids(index("query", X, {"filter": {"repoId": 1}})) == ["v1", "v2"]
        assert ids(index("query", X, {"filter": {"color": "red"}})) == ["v2"]
