"""The counters of the offline host: what each invocation of a Worker asks of the platform."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.hosts.worker.probing import do, eventually, notes
from tests.support.worker_host import WorkerHost

Invocations = list[dict[str, Any]]
NOTHING = {
    "d1Queries": 0,
    "d1RoundTrips": 0,
    "vectorizeCalls": 0,
    "queueSends": 0,
    "queueMessages": 0,
    "queueMessageBytes": 0,
    "largestMessageBytes": 0,
    "durableObjectCalls": 0,
    "fetches": 0,
    "subrequests": 0,
}


@pytest.fixture
def invocations(probe: WorkerHost) -> Callable[..., Invocations]:
    """Gives the invocations of a kind since the test began, once there are as many."""
    probe.reset_invocations()

    def read(kind: str, count: int = 1) -> Invocations:
        return eventually(
            lambda: [invocation for invocation in probe.invocations() if invocation["kind"] == kind],
            lambda found: len(found) >= count,
        )

    return read


def used(invocation: dict[str, Any]) -> dict[str, Any]:
    """The counts of an invocation that are not 0."""
    return {what: invocation[what] for what in NOTHING if invocation[what] != 0}


def test_an_invocation_that_asks_for_nothing(probe: WorkerHost, invocations: Callable[..., Invocations]) -> None:
    do(probe, "use")
    [invocation] = invocations("fetch")
    memory, milliseconds = invocation.pop("memoryBytes"), invocation.pop("milliseconds")
    assert invocation == {"kind": "fetch", "name": "POST /", "messages": [], "failed": False, **NOTHING}
    assert 16 * 1024**2 < memory < 128 * 1024**2
    assert milliseconds >= 0


def test_counts_statements_and_round_trips(probe: WorkerHost, invocations: Callable[..., Invocations]) -> None:
    do(probe, "use", statements=2, batches=1)
    assert used(invocations("fetch")[0]) == {"d1Queries": 5, "d1RoundTrips": 3, "subrequests": 3}


def test_counts_messages_with_what_the_platform_adds(
    probe: WorkerHost, invocations: Callable[..., Invocations]
) -> None:
    do(probe, "use", messages=[{"type": "embed", "fail": False}, {"type": "ü", "fail": False}])
    [sender] = invocations("fetch")
    sizes = [len('{"type":"embed","fail":false}') + 100, len('{"type":"ü","fail":false}'.encode()) + 100]
    assert used(sender) == {
        "queueSends": 2,
        "queueMessages": 2,
        "queueMessageBytes": sum(sizes),
        "largestMessageBytes": sizes[0],
        "subrequests": 2,
    }
    handlers = invocations("queue", 2)
    assert sorted((handler["name"], handler["messages"]) for handler in handlers) == [
        ("probe-pipeline", ["embed"]),
        ("probe-pipeline", ["ü"]),
    ]
    # The probe leaves a note of every message.
    assert all(used(handler) == {"d1Queries": 1, "d1RoundTrips": 1, "subrequests": 1} for handler in handlers)


def test_counts_calls_of_vectorize(probe: WorkerHost, invocations: Callable[..., Invocations]) -> None:
    do(probe, "vectorize", method="describe", arguments=[])
    assert used(invocations("fetch")[0]) == {"vectorizeCalls": 1, "subrequests": 1}


def test_counts_requests(probe: WorkerHost, invocations: Callable[..., Invocations], worker: WorkerHost) -> None:
    do(probe, "use", fetches=[f"{worker.url}/health"] * 2)
    assert used(invocations("fetch")[0]) == {"fetches": 2, "subrequests": 2}


def test_counts_calls_of_durable_objects_and_what_they_do(
    probe: WorkerHost, invocations: Callable[..., Invocations]
) -> None:
    do(probe, "use", calls=2)
    do(probe, "fetch_object", name="counted")
    assert [used(invocation) for invocation in invocations("fetch", 2)] == [
        {"durableObjectCalls": 2, "subrequests": 2},
        {"durableObjectCalls": 1, "subrequests": 1},
    ]
    assert [invocation["name"] for invocation in invocations("rpc", 2)] == ["ProbeObject.add"] * 2
    assert [invocation["name"] for invocation in invocations("object-fetch")] == ["ProbeObject"]


def test_counts_what_alarms_and_schedules_do(probe: WorkerHost, invocations: Callable[..., Invocations]) -> None:
    do(probe, "set_alarm", name="counted", milliseconds=10)
    probe.run_schedule()
    for kind in ("alarm", "scheduled"):
        assert used(invocations(kind)[0]) == {"d1Queries": 1, "d1RoundTrips": 1, "subrequests": 1}


def test_tells_an_invocation_that_failed(probe: WorkerHost, invocations: Callable[..., Invocations]) -> None:
    answer = httpx.post(probe.url, json={"do": "nothing that is there"}, verify=False)
    assert answer.status_code == 500
    assert invocations("fetch")[0]["failed"] is True


def test_keeps_invocations_apart_that_run_at_once(probe: WorkerHost, invocations: Callable[..., Invocations]) -> None:
    with ThreadPoolExecutor(4) as pool:
        for statements in (1, 2, 3, 4):
            pool.submit(do, probe, "use", statements=statements, pause=0.05)
    found = invocations("fetch", 4)
    assert sorted(invocation["d1Queries"] for invocation in found) == [1, 2, 3, 4]


def test_warns_of_what_the_platform_would_stop(probe: WorkerHost, invocations: Callable[..., Invocations]) -> None:
    seen = len(probe.lines)
    do(probe, "use", batches=2, calls=7, messages=[{"type": "x" * 300, "fail": False}])
    lines = eventually(lambda: probe.lines[seen:], lambda lines: len(lines) >= 3)
    assert lines == [
        "Over the limit: fetch POST /: 6 D1 queries; the plan 'tiny' allows 5",
        "Over the limit: fetch POST /: 10 subrequests; the plan 'tiny' allows 8",
        "Over the limit: fetch POST /: 424 bytes in a queue message; Queues allows 400",
    ]
    notes(probe, "x" * 20, 1)


def test_the_worker_sees_its_own_bindings_only(probe: WorkerHost) -> None:
    assert sorted(do(probe, "bindings")) == ["DB", "LOG_LEVEL", "PROBE_INDEX", "PROBE_OBJECT", "PROBE_QUEUE"]
