"""Faults on the real hosts, one of each class: of the world outside, of the host itself, and of its queue."""

import contextlib
import itertools
import json
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.outside.diffs import ChangedFile
from tests.outside.llm import Behaviour
from tests.outside.planting import Plan
from tests.outside.repository import Repository
from tests.outside.world import World
from tests.support.bun_host import BUN, timed_bun_host
from tests.support.worker_host import DEAD_LETTERS, PIPELINE, WorkerHost
from tests.whole.scans.client import Client
from tests.whole.scans.rows import assert_whole, file_rows
from tests.whole.scans.targets import TARGETS, Running

Plant = Callable[[Plan], Repository]
PLAN = Plan(prs=30, odd=False)
LOSE_VECTORS = Path(__file__).parents[2] / "hosts" / "bun" / "lose-vectors.ts"
# In the titles of pull requests that are alone.
ODD_WORDS = ("axolotl", "narwhal", "zyzzyva", "okapi")
# Where the host is killed: an endpoint, how many requests it lets pass, and what the request has to contain. That it
# may be killed anywhere is proved without a host, in test_stops.py.
CAUGHT_AT = {
    "ingest": ("github.diff", 25, b""),
    "rank": ("openai.chat", 0, b"Your task is ranking"),
}


@pytest.fixture(params=["bun", "worker"])
def name(request: pytest.FixtureRequest) -> str:
    """A real host."""
    target: str = request.param
    return target


@pytest.fixture
def real(name: str, start: Callable[[str], Running]) -> Running:
    """A real host, running."""
    return start(name)


def test_faults_of_every_provider_that_pass_do_no_harm(real: Running, outside: World, plant: Plant) -> None:
    repository = plant(PLAN)
    client = Client(real.url, outside.config(llm="anthropic", gateway=True))
    faults = [
        outside.garble("github.pulls", times=1),
        outside.cut("github.files", "before", times=1),
        outside.fail("github.diff", 429, retry_after=1, times=1, skip=25),
        outside.fail("gateway.openai.embeddings", 500, times=1),
        outside.cut("gateway.anthropic.messages", "body", times=1),
        outside.fail("gateway.anthropic.messages", 529, retry_after=1, times=1),
    ]
    watched = client.scan(repository.full_name)
    assert (watched.status, watched.error) == ("done", None)
    assert [fault.hits for fault in faults] == [1] * len(faults)
    assert client.groups(repository.full_name) == repository.planted_groups
    assert_whole(real.rows, watched.scan["id"])


def test_one_bad_item_of_each_kind_costs_only_itself(real: Running, outside: World, plant: Plant) -> None:
    repository = plant(PLAN)
    first, *others = repository.planted_groups
    for number in first:
        repository.update(number, title=f"{repository.pulls[number].title} quagga")
    bad = [repository.open(f"Do {word}", None, [ChangedFile(f"src/{word}.py", word)]).number for word in ODD_WORDS]
    no_diff, no_title, no_vectors, no_files = bad
    client = Client(real.url, outside.config())
    outside.fail("github.diff", 422, body={"message": "temporarily unavailable"}, pull=no_diff)
    outside.fail("github.files", 451, pull=no_files)
    repository.odd_entries[no_title] = lambda entry: [{**entry, "title": None}]
    outside.llm.behaviour = Behaviour(refuses=frozenset({"quagga"}), refuses_to_embed=frozenset({ODD_WORDS[2]}))
    try:
        watched = client.scan(repository.full_name)
    finally:
        outside.llm.behaviour = Behaviour()
    assert (watched.status, watched.error) == ("done", None)
    told = {warning["code"]: (warning["count"], warning["examples"]) for warning in watched.scan["warnings"]}
    assert told["PULL_UNREADABLE"] == (2, [no_title, no_files])
    assert told["DIFF_UNAVAILABLE"] == (1, [no_diff])
    assert told["NOT_EMBEDDED"] == (1, [no_vectors])
    # Every question that shows one of them is refused.
    assert told["NOT_VERIFIED"][0] >= 1
    assert client.dupes(repository.full_name)["warnings"] == watched.scan["warnings"]
    assert [group for group in client.groups(repository.full_name) if not set(group) & set(first)] == others
    assert watched.scan["embeddingTokens"] > 0
    assert_whole(real.rows, watched.scan["id"], unembedded=[no_vectors])


def test_a_model_that_answers_nothing_fails_the_scan(real: Running, outside: World, plant: Plant) -> None:
    repository = plant(Plan(prs=8, duplicate_share=0.8, odd=False))
    client = Client(real.url, outside.config())
    outside.llm.behaviour = Behaviour(silent=True)
    try:
        watched = client.scan(repository.full_name)
    finally:
        outside.llm.behaviour = Behaviour()
    assert watched.status == "failed"
    assert "has not given a usable answer to any question" in str(watched.error)
    assert [warning["code"] for warning in watched.scan["warnings"]] == ["NOT_VERIFIED"]
    assert_whole(real.rows, watched.scan["id"])


def test_a_provider_that_hangs_is_given_up(real: Running, outside: World) -> None:
    outside.slow("openai.*", 30)
    began = time.monotonic()
    client = Client(real.url, outside.config())
    assert len(client.warnings) == 2
    assert time.monotonic() - began < 15


def test_a_token_is_revoked_in_the_middle(real: Running, outside: World, plant: Plant) -> None:
    repository = plant(PLAN)
    token = outside.github.add_token()
    client = Client(real.url, outside.config(token=token))
    outside.when("github.diff", lambda: outside.github.revoke(token), skip=5)
    watched = client.scan(repository.full_name)
    assert watched.status == "failed"
    assert str(watched.error).startswith("GitHub refuses the account's token")
    assert "account's configuration" in str(watched.error)
    assert_whole(real.rows, watched.scan["id"])


def test_the_repository_is_deleted_on_github_in_the_middle(real: Running, outside: World, plant: Plant) -> None:
    repository = plant(PLAN)
    client = Client(real.url, outside.config())
    outside.when("github.diff", lambda: outside.github.delete_repository(repository.owner, repository.name), skip=5)
    watched = client.scan(repository.full_name)
    assert watched.status == "failed"
    assert f"no repository {repository.full_name}" in str(watched.error)
    assert_whole(real.rows, watched.scan["id"])


def test_the_repository_is_deleted_by_its_account_in_the_middle(real: Running, outside: World, plant: Plant) -> None:
    repository = plant(PLAN)
    client = Client(real.url, outside.config())
    answers: list[int] = []
    path = f"/repos/{repository.full_name}"
    outside.when("openai.embeddings", lambda: answers.append(client.request("DELETE", path).status_code))
    scan = client.start(repository.full_name)
    _until(lambda: client.request("GET", f"/scans/{scan}").status_code == 404)
    _until(lambda: real.rows("SELECT id FROM vector_purges") == [])
    assert answers == [204]
    for table in ("scan_steps", "listed_prs", "candidate_groups", "dupe_groups"):
        assert real.rows(f"SELECT scan_id FROM {table} WHERE scan_id = {scan}") == []
    watched = client.scan(repository.full_name)
    assert client.groups(repository.full_name) == repository.planted_groups
    assert_whole(real.rows, watched.scan["id"])


def test_killed_and_started_again(name: str, outside: World, plant: Plant, tmp_path: Path) -> None:
    repository = plant(PLAN)
    client, scan = None, 1
    for phase in (*CAUGHT_AT, None):
        with TARGETS[name](tmp_path, outside.environment()) as host:
            outside.heal()
            death = _kill_in(phase, outside, host) if phase else threading.Event()
            if client is None:
                client = Client(host.url, outside.config())
                # The host may be killed before it answers; it is its first scan.
                with contextlib.suppress(httpx.HTTPError):
                    client.start(repository.full_name)
            else:
                client.move(host.url)
                _deliver_again(host, scan)
            if phase:
                assert death.wait(30), f"the phase {phase} was not reached"
            else:
                watched = client.wait(scan)
                assert (watched.status, watched.error) == ("done", None)
                assert client.groups(repository.full_name) == repository.planted_groups
                assert_whole(host.rows, scan, killed=True)


def _kill_in(phase: str, outside: World, host: Running) -> threading.Event:
    """Kill the host while it waits for an answer; the event tells when it is dead."""
    endpoint, skip, text = CAUGHT_AT[phase]
    left, dead = [skip], threading.Event()

    def kill() -> None:
        if dead.is_set() or text not in outside.requests(endpoint)[-1].body:
            return
        if left[0] == 0:
            host.kill()
            dead.set()
        left[0] -= 1

    outside.when(endpoint, kill, times=None)
    return dead


def _deliver_again(host: Running, scan: int) -> None:
    """Redeliver the scan's last message, as Cloudflare's queue would; Miniflare's has forgotten it."""
    if not isinstance(host.host, WorkerHost):
        return
    worker = host.host
    row = host.rows(f"SELECT step, phase FROM scan_steps WHERE scan_id = {scan} ORDER BY step DESC LIMIT 1")[0]
    body = {"type": row["phase"], "scanId": scan, "step": row["step"]}

    def deliver() -> None:
        # The host may be killed before it answers.
        with contextlib.suppress(httpx.HTTPError):
            worker.deliver(PIPELINE, body)

    threading.Thread(target=deliver, daemon=True).start()


def test_poisoned_messages_do_not_stop_the_queue(real: Running, name: str, outside: World, plant: Plant) -> None:
    poison: list[object] = ["text", 7, None, [], {"type": "embed"}, {"type": "no-such-phase", "scanId": 1, "step": 1}]
    repository = plant(PLAN)
    client = Client(real.url, outside.config())
    if isinstance(real.host, WorkerHost):
        for body in poison:
            answer = real.host.deliver(PIPELINE, body)
            assert answer["outcome"] == "ok", answer
            assert answer["retryMessages"] == []
    else:
        connection = sqlite3.connect(real.directory / "ossgard.db", timeout=10)
        with connection:
            for number, body in enumerate(poison):
                payload = body if isinstance(body, dict) else {"poison": body}
                connection.execute(
                    "INSERT INTO jobs (id, type, payload) VALUES (?, ?, ?)",
                    (f"poison-{number}", "embed", json.dumps(payload)),
                )
        connection.close()
    watched = client.scan(repository.full_name)
    assert (watched.status, watched.error) == ("done", None)
    assert_whole(real.rows, watched.scan["id"])
    if name == "bun":
        _until(lambda: real.rows("SELECT id FROM jobs WHERE status IN ('queued', 'running')") == [])
        # One of them names a scan, and is one that nobody knows: that is done.
        failed = real.rows("SELECT error FROM jobs WHERE id LIKE 'poison-%' AND status = 'failed'")
        assert len(failed) == len(poison) - 1
        assert all("not a pipeline message" in str(row["error"]) for row in failed)


def test_a_database_that_another_process_has_locked_answers_503_and_fails_no_scan(
    start: Callable[[str], Running], outside: World, plant: Plant
) -> None:
    host = start("bun")
    repository = plant(Plan(prs=2, odd=False))
    client = Client(host.url, outside.config())
    scan = client.start(repository.full_name)
    with contextlib.closing(sqlite3.connect(host.directory / "ossgard.db", timeout=10)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        answer = client.request("POST", "/repos", json={"owner": "acme", "name": "locked"})
        lock.rollback()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["error"] == (
        "The database cannot be used for now: another process has locked it. Try again later"
    )
    watched = client.wait(scan)
    assert (watched.status, watched.error) == ("done", None)


def test_a_full_disk_answers_503_and_scans_go_on_when_there_is_room(
    outside: World, plant: Plant, tmp_path: Path
) -> None:
    names = (f"{'x' * 80}-{number}" for number in itertools.count())
    with timed_bun_host(tmp_path, outside.environment()) as host:
        client = Client(host.url, outside.config())

        def add() -> httpx.Response:
            return client.request("POST", "/repos", json={"owner": "acme", "name": next(names)})

        def is_told(scan: int, text: str) -> bool:
            return text in str(client.look(scan)["progress"])

        # The first makes the tables of the vectors, the second another block of them.
        for problem in ("its disk is full", "its vectors cannot be read or written, as when its disk is full"):
            repository = plant(PLAN)
            outside.when("openai.embeddings", host.fill_disk)
            scan = client.start(repository.full_name)
            _until(partial(is_told, scan, f"The database cannot be used for now: {problem}"))
            # The first rows still fit into pages that are there.
            answer = next(answer for answer in iter(add, None) if answer.status_code != 201)
            assert answer.status_code == 503
            assert answer.json() == {
                "error": "The database cannot be used for now: its disk is full. Try again later",
                "code": "DATABASE_UNAVAILABLE",
            }
            host.fill_disk(False)
            assert add().status_code == 201
            watched = client.wait(scan, meanwhile=lambda _: host.advance(10))
            assert (watched.status, watched.error) == ("done", None)
            assert client.groups(repository.full_name) == repository.planted_groups
            assert_whole(file_rows(tmp_path), scan)


def test_a_lost_vector_is_embedded_again(real: Running, outside: World, plant: Plant) -> None:
    repository = plant(PLAN)
    client = Client(real.url, outside.config())
    repo_id = client.scan(repository.full_name).scan["repoId"]
    assert client.groups(repository.full_name) == repository.planted_groups
    number = repository.planted_groups[0][0]
    lost = {f"ossgard-{signal}": f"{repo_id}-{number}-{signal}" for signal in ("code", "intent")}
    if isinstance(real.host, WorkerHost):
        real.host.control_vectorize(lost=list(lost.values()))
    else:
        for collection, vector in lost.items():
            subprocess.run([BUN, LOSE_VECTORS, real.directory / "ossgard.db", collection, vector], check=True)
    outside.reset()
    # Nothing is searched for those that have not changed; a review searches.
    assert client.review(repository.full_name, number).status_code == 200
    assert outside.count("openai.embeddings").inputs == 2
    outside.reset()
    watched = client.scan(repository.full_name)
    assert (watched.status, watched.error) == ("done", None)
    assert client.groups(repository.full_name) == repository.planted_groups
    assert outside.count("openai.embeddings").inputs == 0
    assert_whole(real.rows, watched.scan["id"])


def test_a_full_dead_letter_queue_fails_its_scans(
    start: Callable[[str], Running], outside: World, plant: Plant
) -> None:
    host = start("worker")
    client = Client(host.url, outside.config())
    outside.slow("github.repository", 6)
    repositories = [plant(Plan(prs=2, odd=False)) for _ in range(12)]
    scans = [client.start(repository.full_name) for repository in repositories]
    for scan in scans:
        host.host.deliver(DEAD_LETTERS, {"type": "scan", "scanId": scan, "step": 1})
    for scan in scans:
        watched = client.wait(scan)
        assert watched.status == "failed"
        assert watched.error == "Phase 'scan' was tried too often without success. Start the scan again"
        assert_whole(host.rows, scan)
    outside.heal()
    assert client.scan(repositories[0].full_name).status == "done"


def _until(holds: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not become so"
        time.sleep(0.03)
