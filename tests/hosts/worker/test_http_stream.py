"""Bodies read piece by piece in workerd: whole or broken off, and never more of them in memory than a piece."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.worker.bodies import BIG, SENT_BEFORE_CUT, BodyServer, body_server
from tests.hosts.worker.probing import do, eventually
from tests.support.worker_host import WorkerHost, worker_host
from tests.support.worker_project import generated_project

ENTRY = Path(__file__).parent / "probe" / "streaming.py"


@pytest.fixture(scope="module")
def reader(worker: WorkerHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerHost]:
    """A Worker that reads bodies (after the usual one, which fills the cache of compiled packages)."""
    project = generated_project(tmp_path_factory.mktemp("reader"), ENTRY.read_text())
    with worker_host(tmp_path_factory.mktemp("state"), {}, project) as host:
        yield host


@pytest.fixture
def bodies() -> Iterator[BodyServer]:
    """The server of bodies."""
    with body_server() as server:
        yield server


def test_the_answer_comes_with_its_status_and_headers(reader: WorkerHost, bodies: BodyServer) -> None:
    answer = do(reader, "read", url=f"{bodies.url}/headers", headers={"x-mine": "here"})
    assert (answer["status"], answer["headers"]["x-twice"], answer["failure"]) == (404, "a, b", None)
    assert "x-mine: here" in answer["head"]


def test_an_answer_may_have_no_body(reader: WorkerHost, bodies: BodyServer) -> None:
    answer = do(reader, "read", url=f"{bodies.url}/empty")
    assert (answer["status"], answer["read"], answer["failure"]) == (204, 0, None)


@pytest.mark.parametrize("path", ["big", "big-chunked"])
def test_a_hundred_megabytes_pass_through_little_memory(reader: WorkerHost, bodies: BodyServer, path: str) -> None:
    reader.reset_invocations()
    answer = do(reader, "read", url=f"{bodies.url}/{path}")
    assert (answer["read"], answer["failure"]) == (BIG, None)
    assert BIG > 100_000_000
    assert answer["largest"] <= 65_536
    [invocation] = eventually(reader.invocations, bool)
    assert invocation["memoryBytes"] < 64 * 1024**2


@pytest.mark.parametrize("path", ["too-short", "without-the-last-chunk", "cut-chunk"])
def test_a_body_that_breaks_off_is_no_success(reader: WorkerHost, bodies: BodyServer, path: str) -> None:
    answer = do(reader, "read", url=f"{bodies.url}/{path}")
    assert answer["status"] == 200
    assert answer["read"] <= SENT_BEFORE_CUT
    assert answer["failure"] == "the connection was cut"


@pytest.mark.parametrize("path", ["cut-gzip", "no-gzip"])
def test_a_compressed_body_that_is_not_whole_is_no_success(reader: WorkerHost, bodies: BodyServer, path: str) -> None:
    assert do(reader, "read", url=f"{bodies.url}/{path}")["failure"] == "the answer could not be decompressed"


def test_leaving_early_closes_the_connection(reader: WorkerHost, bodies: BodyServer) -> None:
    answer = do(reader, "read", url=f"{bodies.url}/endless", most=1_000_000)
    assert answer["failure"] is None
    eventually(lambda: bodies.left, lambda left: left == ["/endless"])


@pytest.mark.parametrize(("error", "answer"), [(False, "left"), (True, "left in a hurry")])
def test_leaving_without_reading_closes_the_connection(
    reader: WorkerHost, bodies: BodyServer, error: bool, answer: str
) -> None:
    assert do(reader, "leave", url=f"{bodies.url}/endless", error=error) == answer
    eventually(lambda: bodies.left, lambda left: left == ["/endless"])


def test_the_time_is_that_of_the_whole_body(reader: WorkerHost, bodies: BodyServer) -> None:
    answer = do(reader, "read", url=f"{bodies.url}/slow", seconds=1)
    assert 0 < answer["read"] < 500
    assert answer["failure"] == "there was no complete answer within 1 seconds"


def test_the_time_runs_while_nobody_reads(reader: WorkerHost, bodies: BodyServer) -> None:
    answer = do(reader, "read", url=f"{bodies.url}/slow", seconds=0.5, pause=1)
    assert answer["failure"] == "there was no complete answer within 0.5 seconds"


def test_no_answer_in_time_is_a_failure(reader: WorkerHost, bodies: BodyServer) -> None:
    answer = do(reader, "read", url=f"{bodies.url}/silent", seconds=0.5)
    assert answer["reason"] == "there was no complete answer within 0.5 seconds"


def test_nobody_at_the_address_is_a_failure(reader: WorkerHost) -> None:
    answer = do(reader, "leave", url="http://127.0.0.1:1/")
    assert answer["url"] == "http://127.0.0.1:1/"
    assert "Error" not in answer["reason"]
