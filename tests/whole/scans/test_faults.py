"""Whole scans while the world outside fails: they end `done` with the right groups, or `failed` and say what to do.

Every fault at every endpoint, on the core without a host, whose queue delivers at once what is to be delivered later.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ossgard.pipeline.phases.ingest import TRY_AGAIN_SECONDS
from ossgard.spec.settings import CODE_COLLECTION
from tests.outside.diffs import ChangedFile
from tests.outside.llm import Behaviour
from tests.outside.planting import Plan
from tests.outside.repository import Repository
from tests.outside.world import World
from tests.support.cpython_host import CPythonHost, MemoryQueue, cpython_host
from tests.whole.scans.client import Client
from tests.whole.scans.impatient import ImpatientClient
from tests.whole.scans.rows import assert_whole, file_rows
from tests.whole.scans.targets import Running

Plant = Callable[[Plan], Repository]
PLAN = Plan(prs=14, duplicate_share=0.6, odd=False)
RETRY_AFTER = 7
# So long that two such waits fill the day that a scan waits.
LONG_RETRY_AFTER = 40_000
# How long the runner waits each time, until its patience of ten minutes is used up.
BACKOFF = [1, 2, 4, 8, 16, 32, 64, 120, 120, 120, 120]

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
# Their answers are not read as JSON.
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


def faults_at_endpoints(faults: Iterable[str]) -> list[tuple[str, str]]:
    """Every fault at every endpoint that can have it."""
    every = itertools.product(ENDPOINTS, faults)
    return [(endpoint, fault) for endpoint, fault in every if fault != "malformed answer" or endpoint not in NO_JSON]


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


@pytest.mark.parametrize(("endpoint", "fault"), faults_at_endpoints(FAULTS))
def test_a_fault_that_passes_does_no_harm(
    core: CPythonHost, running: Running, outside: World, plant: Plant, endpoint: str, fault: str
) -> None:
    repository = plant(PLAN)
    client = Client(core.url, outside.config(**ENDPOINTS[endpoint]))
    FAULTS[fault](outside, endpoint, 1)
    watched = client.scan(repository.full_name)
    assert (watched.status, watched.error) == ("done", None)
    assert client.groups(repository.full_name) == repository.planted_groups
    if fault != "malformed answer":
        # What one pull request's files or diff miss is asked for when the others are read.
        passing = TRY_AGAIN_SECONDS[0] if endpoint in ("github.files", "github.diff") else BACKOFF[0]
        assert core.queue.waits[0] == (RETRY_AFTER if fault == "429" else passing)
    assert outside.watch.faults[0].hits == 1
    assert_whole(running.rows, watched.scan["id"])


@pytest.mark.parametrize(("endpoint", "fault"), faults_at_endpoints(["429", "500", "malformed answer"]))
def test_a_fault_that_stays_fails_the_scan_and_says_what_to_do(
    core: CPythonHost, running: Running, outside: World, plant: Plant, endpoint: str, fault: str
) -> None:
    repository = plant(PLAN)
    client = Client(core.url, outside.config(**ENDPOINTS[endpoint]))
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
    assert "account's configuration" in watched.error
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
    assert "account's configuration" in watched.error
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


# One bad item -> how it is made, and what the scan says of it. It is the repository's newest pull request: it has no
# duplicate, and a title that holds WORD.
WORD = "zyzzyva"
HEAVY_LOAD = {"message": "temporarily unavailable due to heavy server load"}
ITEMS: Mapping[str, tuple[Callable[[World, Repository, int], object], str]] = {
    "diff 422": (lambda world, _, n: world.fail("github.diff", 422, body=HEAVY_LOAD, pull=n), "DIFF_UNAVAILABLE"),
    "diff 451": (lambda world, _, n: world.fail("github.diff", 451, pull=n), "DIFF_UNAVAILABLE"),
    "diff 500": (lambda world, _, n: world.fail("github.diff", 500, pull=n), "DIFF_UNAVAILABLE"),
    "diff cut": (lambda world, _, n: world.cut("github.diff", "body", pull=n), "DIFF_UNAVAILABLE"),
    "diff time-out": (lambda world, _, n: world.slow("github.diff", 5, pull=n), "DIFF_UNAVAILABLE"),
    "files 403": (lambda world, _, n: world.fail("github.files", 403, pull=n), "PULL_UNREADABLE"),
    "files 502": (lambda world, _, n: world.fail("github.files", 502, pull=n), "PULL_UNREADABLE"),
    "files malformed": (lambda world, _, n: world.garble("github.files", pull=n), "PULL_UNREADABLE"),
    "title null": (lambda _, at, n: _list_as(at, n, {"title": None}), "PULL_UNREADABLE"),
    "number as text": (lambda _, at, n: _list_as(at, n, {"number": str(n)}), "PULL_UNREADABLE"),
    "created_at null": (lambda _, at, n: _list_as(at, n, {"created_at": None}), "PULL_UNREADABLE"),
    "text refused": (lambda world, *_: _behave(world, refuses_to_embed=frozenset({WORD})), "NOT_EMBEDDED"),
}


def _list_as(repository: Repository, number: int, changes: Mapping[str, Any]) -> None:
    repository.odd_entries[number] = lambda entry: [{**entry, **changes}]


def _behave(world: World, **behaviour: Any) -> None:
    world.llm.behaviour = Behaviour(**behaviour)


@pytest.fixture(autouse=True)
def usual_model(outside: World) -> Iterator[None]:
    """The model behaves as usual again after each test."""
    yield
    outside.llm.behaviour = Behaviour()


@pytest.mark.parametrize("item", ITEMS)
def test_one_bad_item_costs_only_itself_and_is_told(
    core: CPythonHost, running: Running, outside: World, plant: Plant, item: str
) -> None:
    repository = plant(PLAN)
    bad = repository.open(f"Do {WORD}", None, [ChangedFile("src/other.py", "other")]).number
    client = Client(core.url, outside.config())
    make, code = ITEMS[item]
    make(outside, repository, bad)
    for _ in range(2):
        watched = client.scan(repository.full_name)
        assert (watched.status, watched.error) == ("done", None)
        [told] = watched.scan["warnings"]
        assert (told["code"], told["count"], told["examples"]) == (code, 1, [bad])
        assert client.dupes(repository.full_name)["warnings"] == watched.scan["warnings"]
        assert client.groups(repository.full_name) == repository.planted_groups
        assert_whole(running.rows, watched.scan["id"], unembedded=[bad] if code == "NOT_EMBEDDED" else [])
    outside.heal()
    outside.llm.behaviour = Behaviour()
    repository.odd_entries.clear()
    watched = client.scan(repository.full_name)
    assert (watched.status, watched.scan["warnings"]) == ("done", [])
    assert client.dupes(repository.full_name)["warnings"] == []
    assert_whole(running.rows, watched.scan["id"])


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda world, numbers: _behave(world, unusable_for={numbers[0]}), "NOT_VERIFIED"),
        (lambda world, _: _behave(world, refuses=frozenset({WORD})), "NOT_VERIFIED"),
    ],
    ids=["nonsense", "refused"],
)
@pytest.mark.parametrize("llm", ["openai", "anthropic", "ollama"])
def test_a_group_that_gets_no_usable_answer_costs_no_other(
    core: CPythonHost,
    running: Running,
    outside: World,
    plant: Plant,
    make: Callable[[World, list[int]], None],
    code: str,
    llm: str,
) -> None:
    repository = plant(PLAN)
    client = Client(core.url, outside.config(llm=llm))
    first, *others = repository.planted_groups
    for number in first:
        repository.update(number, title=f"{repository.pulls[number].title} {WORD}")
    make(outside, first)
    watched = client.scan(repository.full_name)
    assert (watched.status, watched.error) == ("done", None)
    told = watched.scan["warnings"][0]
    # Every question that shows one of them, whoever else it is about.
    assert (told["code"], told["count"] >= 1) == (code, True)
    assert set(first) & set(told["examples"])
    assert [group for group in client.groups(repository.full_name) if not set(group) & set(first)] == others
    assert_whole(running.rows, watched.scan["id"])


@pytest.mark.parametrize("llm", ["openai", "anthropic", "ollama"])
def test_a_model_that_answers_nothing_fails_the_scan_and_is_named(
    core: CPythonHost, running: Running, outside: World, plant: Plant, llm: str
) -> None:
    repository = plant(PLAN)
    config = outside.config(llm=llm)
    client = Client(core.url, config)
    outside.llm.behaviour = Behaviour(silent=True)
    watched = client.scan(repository.full_name)
    assert watched.status == "failed"
    assert f"model '{config['llm']['model']}' has not given a usable answer" in str(watched.error)
    assert [warning["code"] for warning in watched.scan["warnings"]] == ["NOT_VERIFIED"]
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
    assert not any(id.startswith(f"{repo}-") for id in core.vectors.ids(CODE_COLLECTION))


def test_a_row_that_poisons_a_message_fails_its_scan_and_no_other(
    core: CPythonHost, running: Running, outside: World, plant: Plant, caplog: pytest.LogCaptureFixture
) -> None:
    repository, other = plant(PLAN), plant(PLAN)
    client = Client(core.url, outside.config())
    first = client.scan(repository.full_name)
    repo = first.scan["repoId"]
    core.executor.connection.execute(f"UPDATE prs SET file_paths = 'no JSON' WHERE repo_id = {repo}")
    watched = client.scan(repository.full_name)
    assert watched.status == "failed"
    assert watched.error is not None
    assert "Phase 'embed' met an error that nobody foresaw" in watched.error
    assert "file_paths" in caplog.text
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
