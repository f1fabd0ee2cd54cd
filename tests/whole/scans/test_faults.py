"""Whole scans while the world outside fails: they end `done` with the right groups, or `failed` and say what to do.

Every fault at every endpoint, on the core without a host, whose queue delivers at once what is to be delivered later.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ossgard.ports import HttpResponse
from tests.outside.llm import Behaviour
from tests.outside.planting import Plan
from tests.outside.repository import Repository
from tests.outside.world import World
from tests.support.cpython_host import CPythonHost, MemoryQueue, cpython_host
from tests.support.ports import HttpxClient
from tests.whole.scans.client import Client
from tests.whole.scans.rows import assert_whole, file_rows
from tests.whole.scans.targets import Running

Plant = Callable[[Plan], Repository]
PLAN = Plan(prs=14, duplicate_share=0.6, odd=False)
RETRY_AFTER = 7
# So long that two such waits fill the day that a scan waits.
LONG_RETRY_AFTER = 40_000
# How long the runner waits each time, until its patience of ten minutes is used up.
BACKOFF = [1, 2, 4, 8, 16, 32, 64, 120, 120, 120, 120]
PATIENCE_SECONDS = 0.8

# Endpoint -> the account that uses it.
ENDPOINTS: Mapping[str, Mapping[str, Any]] = {
    "github.repository": {},
    "github.pulls": {},
    "github.files": {},
    "github.diff": {},
    "openai.embeddings": {},
    "openai.chat": {},
    "anthropic.messages": {"llm": "anthropic"},
    "gateway.openai.embeddings": {"gateway": True},
    "gateway.anthropic.messages": {"llm": "anthropic", "gateway": True},
    "ollama.embed": {"embedding": "ollama"},
    "ollama.chat": {"llm": "ollama"},
}
NO_JSON = ("github.repository", "github.diff")
NAMES = {"github": "GitHub", "openai": "OpenAI", "anthropic": "Anthropic", "ollama": "Ollama"}

FAULTS: Mapping[str, Callable[[World, str, int | None], object]] = {
    "429": lambda world, at, times: world.fail(at, 429, retry_after=RETRY_AFTER, times=times),
    "500": lambda world, at, times: world.fail(at, 500, times=times),
    "502 in HTML": lambda world, at, times: world.fail(at, 502, body="<html>Bad Gateway</html>", times=times),
    "time-out": lambda world, at, times: world.slow(at, 5, times=times),
    "no answer": lambda world, at, times: world.cut(at, "before", times=times),
    "cut answer": lambda world, at, times: world.cut(at, "body", times=times),
    "malformed answer": lambda world, at, times: world.garble(at, times=times),
}


class ImpatientClient(HttpxClient):
    """Gives up soon, so that a test of time-outs need not wait for the product's own."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float,
    ) -> HttpResponse:
        """Send a request and read the whole answer."""
        patience = PATIENCE_SECONDS if timeout_seconds > 5 else timeout_seconds
        return await super().request(method, url, headers=headers, body=body, timeout_seconds=patience)


@pytest.fixture(scope="module")
def impatient(running_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CPythonHost]:
    """A host that waits for nothing."""
    directory = tmp_path_factory.mktemp("impatient")
    queue = MemoryQueue(hurry=True)
    with cpython_host(directory, running_world.environment(), queue=queue, http=ImpatientClient()) as host:
        yield host


@pytest.fixture
def core(impatient: CPythonHost) -> CPythonHost:
    """The same host, as if nobody had waited yet."""
    impatient.queue.waits.clear()
    return impatient


@pytest.fixture
def running(core: CPythonHost) -> Running:
    """The same host, to ask its database."""
    return Running(core.url, file_rows(core.directory), core.log_lines, core.directory, lambda: None, core)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_does_no_harm(
    core: CPythonHost, running: Running, outside: World, plant: Plant, endpoint: str, fault: str
) -> None:
    repository = plant(PLAN)
    client = Client(core.url, outside.config(**ENDPOINTS[endpoint]))
    if fault == "malformed answer" and endpoint in NO_JSON:
        pytest.skip("its answer is not read as JSON")
    FAULTS[fault](outside, endpoint, 1)
    watched = client.scan(repository.full_name)
    assert (watched.status, watched.error) == ("done", None)
    assert client.groups(repository.full_name) == repository.planted_groups
    if fault != "malformed answer":
        assert core.queue.waits[0] == (RETRY_AFTER if fault == "429" else BACKOFF[0])
    assert outside.watch.faults[0].hits == 1
    assert_whole(running.rows, watched.scan["id"])


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("fault", ["429", "500", "malformed answer"])
def test_a_fault_that_stays_fails_the_scan_and_says_what_to_do(
    core: CPythonHost, running: Running, outside: World, plant: Plant, endpoint: str, fault: str
) -> None:
    repository = plant(PLAN)
    client = Client(core.url, outside.config(**ENDPOINTS[endpoint]))
    if fault == "malformed answer" and endpoint in NO_JSON:
        pytest.skip("its answer is not read as JSON")
    if fault == "429":
        outside.fail(endpoint, 429, retry_after=LONG_RETRY_AFTER)
    else:
        FAULTS[fault](outside, endpoint, None)
    watched = client.scan(repository.full_name)
    assert watched.status == "failed"
    assert watched.error is not None
    provider = endpoint.removeprefix("gateway.").partition(".")[0]
    assert NAMES[provider] in watched.error
    assert "Start the scan again" in watched.error
    assert f"(tried {3 if fault == '429' else 12} times in " in watched.error
    assert core.queue.waits == ([LONG_RETRY_AFTER] * 2 if fault == "429" else BACKOFF)
    assert_whole(running.rows, watched.scan["id"])
    outside.heal()
    again = client.scan(repository.full_name)
    assert again.status == "done"
    assert client.groups(repository.full_name) == repository.planted_groups
    assert_whole(running.rows, again.scan["id"])


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_refused_key_fails_the_scan_at_once_and_says_what_to_do(
    core: CPythonHost, running: Running, outside: World, plant: Plant, endpoint: str
) -> None:
    repository = plant(PLAN)
    client = Client(core.url, outside.config(**ENDPOINTS[endpoint]))
    outside.fail(endpoint, 401)
    watched = client.scan(repository.full_name)
    assert watched.status == "failed"
    assert watched.error is not None
    assert "PUT /accounts/me" in watched.error
    assert core.queue.waits == []
    assert_whole(running.rows, watched.scan["id"])


def test_github_s_secondary_rate_limit_is_waited_for(core: CPythonHost, outside: World, plant: Plant) -> None:
    repository = plant(PLAN)
    token = outside.github.add_token()
    client = Client(core.url, outside.config(token=token))
    outside.limit_secondary("github.files", retry_after=RETRY_AFTER, times=1, skip=3, key=token)
    assert client.scan(repository.full_name).status == "done"
    assert core.queue.waits == [RETRY_AFTER]


def test_github_s_rate_limit_is_waited_for_until_its_reset(outside: World, plant: Plant, tmp_path: Path) -> None:
    repository = plant(PLAN)
    token = outside.github.add_token()
    # The reset is a moment, so this host's clock is the real one.
    with cpython_host(tmp_path, outside.environment()) as host:
        client = Client(host.url, outside.config(token=token))
        outside.github.leave_requests(token, 20, reset_seconds=3)
        threading.Timer(3, lambda: outside.github.leave_requests(token, 5000)).start()
        watched = client.scan(repository.full_name)
        assert (watched.status, watched.error) == ("done", None)
        assert host.queue.waits
        assert all(1 <= wait <= 4 for wait in host.queue.waits)
        notes = {scan["progress"]["note"] for scan in watched.seen if scan["progress"]}
        assert any(str(note).startswith("waiting until ") and "rate limit" in str(note) for note in notes)


@pytest.mark.parametrize("endpoint", ["github.pulls", "github.files", "github.diff"])
def test_a_token_is_revoked_in_the_middle(
    core: CPythonHost, running: Running, outside: World, plant: Plant, endpoint: str
) -> None:
    repository = plant(PLAN)
    token = outside.github.add_token()
    client = Client(core.url, outside.config(token=token))
    outside.when(endpoint, lambda: outside.github.revoke(token), skip=0 if endpoint == "github.pulls" else 5)
    watched = client.scan(repository.full_name)
    assert watched.status == "failed"
    assert watched.error is not None
    assert watched.error.startswith("GitHub refuses the account's token")
    assert "PUT /accounts/me" in watched.error
    assert_whole(running.rows, watched.scan["id"])
    new = client.request("PUT", "/accounts/me", json={"config": outside.config()})
    assert new.status_code == 200
    assert client.scan(repository.full_name).status == "done"
    assert client.groups(repository.full_name) == repository.planted_groups


@pytest.mark.parametrize("endpoint", ["github.pulls", "github.files", "github.diff"])
def test_the_repository_is_deleted_on_github_in_the_middle(
    core: CPythonHost, running: Running, outside: World, plant: Plant, endpoint: str
) -> None:
    repository = plant(PLAN)
    client = Client(core.url, outside.config())
    skip = 0 if endpoint == "github.pulls" else 5
    outside.when(endpoint, lambda: outside.github.delete_repository(repository.owner, repository.name), skip=skip)
    watched = client.scan(repository.full_name)
    assert watched.status == "failed"
    assert watched.error is not None
    assert f"no repository {repository.full_name}" in watched.error
    assert_whole(running.rows, watched.scan["id"])


@pytest.mark.parametrize("endpoint", ["github.pulls", "github.diff", "openai.embeddings", "openai.chat"])
def test_the_repository_is_deleted_by_its_account_in_the_middle(
    core: CPythonHost, running: Running, outside: World, plant: Plant, endpoint: str
) -> None:
    repository = plant(PLAN)
    client = Client(core.url, outside.config())
    answers: list[int] = []
    path = f"/repos/{repository.full_name}"
    outside.when(endpoint, lambda: answers.append(client.request("DELETE", path).status_code))
    scan = client.start(repository.full_name)
    _until(lambda: client.request("GET", f"/scans/{scan}").status_code == 404)
    assert answers == [204]
    _until(lambda: running.rows("SELECT * FROM vector_purges") == [])
    assert client.request("GET", f"{path}/dupes").status_code == 404
    for table in ("scan_steps", "listed_prs", "candidate_groups", "dupe_groups"):
        assert running.rows(f"SELECT * FROM {table} WHERE scan_id = {scan}") == []
    assert [row for row in core.log_lines if '"level": "error"' in row] == []
    watched = client.scan(repository.full_name)
    assert client.groups(repository.full_name) == repository.planted_groups
    assert_whole(running.rows, watched.scan["id"])


def test_a_model_that_answers_badly_costs_no_group(
    core: CPythonHost, running: Running, outside: World, plant: Plant
) -> None:
    repository = plant(PLAN)
    client = Client(core.url, outside.config())
    outside.llm.behaviour = Behaviour(code_fence=0.5, invented_ids=1, broken_first=0.5, wrong_shape_first=0.5)
    try:
        watched = client.scan(repository.full_name)
    finally:
        outside.llm.behaviour = Behaviour()
    assert watched.status == "done"
    assert client.groups(repository.full_name) == repository.planted_groups
    assert_whole(running.rows, watched.scan["id"])


def test_a_group_that_gets_no_usable_answer_is_left_out(
    core: CPythonHost, running: Running, outside: World, plant: Plant
) -> None:
    repository = plant(PLAN)
    client = Client(core.url, outside.config())
    first, *others = repository.planted_groups
    outside.llm.behaviour = Behaviour(unusable_for={first[0]})
    try:
        watched = client.scan(repository.full_name)
    finally:
        outside.llm.behaviour = Behaviour()
    assert watched.status == "done"
    assert client.groups(repository.full_name) == others
    assert_whole(running.rows, watched.scan["id"])


def test_vectors_of_a_wrong_size_are_refused_before_anything_is_stored(
    core: CPythonHost, running: Running, outside: World, plant: Plant
) -> None:
    repository = plant(PLAN)
    client = Client(core.url, outside.config())
    outside.shrink_vectors()
    watched = client.scan(repository.full_name)
    assert watched.status == "failed"
    assert "dimensions" in str(watched.error)
    assert "1536" in str(watched.error)
    repo = watched.scan["repoId"]
    assert running.rows(f"SELECT id FROM prs WHERE repo_id = {repo} AND embed_hash IS NOT NULL") == []
    assert not any(id.startswith(f"{repo}-") for id in core.vectors.ids("ossgard-code"))


def test_a_row_that_poisons_a_message_fails_its_scan_and_no_other(
    core: CPythonHost, running: Running, outside: World, plant: Plant
) -> None:
    repository, other = plant(PLAN), plant(PLAN)
    client = Client(core.url, outside.config())
    first = client.scan(repository.full_name)
    repo = first.scan["repoId"]
    core.executor.connection.execute(f"UPDATE prs SET file_paths = 'no JSON' WHERE repo_id = {repo}")
    watched = client.scan(repository.full_name)
    assert watched.status == "failed"
    assert watched.error is not None
    assert "Unexpected error in phase 'embed'" in watched.error
    assert "Start the scan again" in watched.error
    assert core.queue.waits == BACKOFF[:3]
    assert_whole(running.rows, watched.scan["id"])
    assert client.scan(other.full_name).status == "done"
    # What is read anew is right again.
    assert client.scan(repository.full_name, full=True).status == "done"
    assert client.groups(repository.full_name) == repository.planted_groups


def _until(holds: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)
