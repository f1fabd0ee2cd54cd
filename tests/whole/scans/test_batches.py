"""Scans in batch mode, on every host: the same groups as ordinarily, through waits, kills and faults."""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from ossgard.pipeline.batch.polling import poller_name
from ossgard.spec.phases import POLLING
from tests.outside.endpoints import BATCH_CREATE, BATCH_RESULTS, BATCH_STATUS, CHAT, EMBEDDINGS
from tests.outside.planting import Plan
from tests.outside.repository import Repository
from tests.outside.world import World
from tests.support.worker_host import PIPELINE, WorkerHost
from tests.whole.scans.batch_hosts import BATCH_HOSTS, WAITING, BatchHost
from tests.whole.scans.client import Client, Watched
from tests.whole.scans.rows import assert_whole

Plant = Callable[[Plan], Repository]
PLAN = Plan(prs=40, odd=False)


@pytest.fixture(scope="session")
def start_batch_host(
    running_world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], BatchHost]]:
    """Starts hosts by name, each once."""
    started: dict[str, BatchHost] = {}
    with ExitStack() as stack:

        def start_once(name: str) -> BatchHost:
            if name not in started:
                directory = tmp_path_factory.mktemp(f"batch-{name}")
                started[name] = stack.enter_context(BATCH_HOSTS[name](directory, running_world.environment()))
            return started[name]

        yield start_once


# What the core alone decides is shown on one of the real hosts.
ON_BUN = pytest.mark.parametrize("host", ["cpython", "bun"], indirect=True)
ON_WORKER = pytest.mark.parametrize("host", ["cpython", "worker"], indirect=True)


@pytest.fixture(params=BATCH_HOSTS)
def host(request: pytest.FixtureRequest, start_batch_host: Callable[[str], BatchHost]) -> BatchHost:
    """A running host, every one in turn."""
    return start_batch_host(request.param)


@pytest.fixture(params=["openai", "anthropic"])
def config(request: pytest.FixtureRequest, outside: World) -> dict[str, Any]:
    """An account's configuration with batches, of each provider."""
    return outside.config(llm=request.param, batch=True)


def register(host: BatchHost, outside: World, config: dict[str, Any]) -> Client:
    """An account; what the registration itself asks of the providers is forgotten."""
    client = Client(host.url, config)
    outside.watch.reset()
    return client


def scan(host: BatchHost, client: Client, repository: Repository, **options: Any) -> Watched:
    """Scan a repository, while its pollers poll as soon as they wait."""
    return client.wait(client.start(repository.full_name, **options), meanwhile=host.pass_time)


def test_a_batch_scan_equals_the_ordinary_one(
    host: BatchHost, outside: World, plant: Plant, config: dict[str, Any]
) -> None:
    repository = plant(PLAN)
    ordinary = Client(host.url, outside.config(llm=config["llm"]["provider"]))
    expected = ordinary.wait(ordinary.start(repository.full_name))
    outside.reset()
    client = register(host, outside, config)
    watched = scan(host, client, repository)
    assert (watched.status, watched.error) == ("done", None)
    assert client.ranking(repository.full_name) == ordinary.ranking(repository.full_name)
    assert client.groups(repository.full_name) == repository.planted_groups
    for tokens in ("inputTokens", "outputTokens"):
        assert watched.scan[tokens] == expected.scan[tokens] > 0
    assert outside.requests(f"{CHAT},{EMBEDDINGS}") == []
    # One for the vectors; then for pairs, for groups and for ranks.
    assert [batch.provider for batch in outside.batches.submitted] == ["openai", *[config["llm"]["provider"]] * 3]
    assert_whole(host.rows, watched.scan["id"])


def test_a_waiting_scan_says_so_and_for_how_long(host: BatchHost, outside: World, plant: Plant) -> None:
    repository = plant(PLAN)
    outside.batches.polls = 6
    client = Client(host.url, outside.config(batch=True))
    watched = scan(host, client, repository)
    assert watched.status == "done"
    shown = [one["progress"] for one in watched.seen if one["status"] == "embedding" and one["progress"]]
    waiting = [progress for progress in shown if progress["note"]]
    # Where the clock is moved on, 10 + 15 + 22.5 + 33.75 + 50.6 seconds pass before the last poll.
    last = 0 if isinstance(host.host, WorkerHost) else 1
    assert {f"{WAITING}, for {minutes} min" for minutes in range(last + 1)} <= {one["note"] for one in waiting}
    assert all(progress["note"].startswith(f"{WAITING}, for ") for progress in waiting)
    assert {progress["total"] for progress in waiting} == {40}
    assert watched.scan["progress"] is None


def test_nothing_is_left_of_a_poller_that_is_through(host: BatchHost, outside: World, plant: Plant) -> None:
    client = Client(host.url, outside.config(batch=True))
    watched = scan(host, client, plant(PLAN))
    assert watched.status == "done"
    for phase in ("embed", "verify", "rank"):
        name = f"scan-{watched.scan['id']}-{phase}"
        until(partial(_is_through, host, name))
        if isinstance(host.host, WorkerHost):
            assert host.host.kept(name) == {}


def _is_through(host: BatchHost, name: str) -> bool:
    return host.next_poll(name) is None


@ON_WORKER
def test_one_item_in_a_hundred_fails_and_is_asked_for_otherwise(host: BatchHost, outside: World, plant: Plant) -> None:
    repository = plant(Plan(prs=100, odd=False))
    outside.batches.failing = 100
    client = register(host, outside, outside.config(batch=True))
    watched = scan(host, client, repository)
    assert (watched.status, watched.error) == ("done", None)
    assert client.groups(repository.full_name) == repository.planted_groups
    assert len(outside.requests(EMBEDDINGS)) in (1, 2), "one for each signal of the one that failed"
    assert_whole(host.rows, watched.scan["id"])


@ON_BUN
def test_chat_items_that_fail_are_asked_for_otherwise(
    host: BatchHost, outside: World, plant: Plant, config: dict[str, Any]
) -> None:
    repository = plant(PLAN)
    outside.batches.failing = 2
    client = register(host, outside, config)
    watched = scan(host, client, repository)
    assert (watched.status, watched.error) == ("done", None)
    assert client.groups(repository.full_name) == repository.planted_groups
    assert outside.requests(CHAT)
    assert_whole(host.rows, watched.scan["id"])


@ON_BUN
def test_what_the_token_limit_does_not_hold_goes_in_several_batches(
    host: BatchHost, outside: World, plant: Plant
) -> None:
    repository = plant(PLAN)
    outside.batches.enqueued_tokens = {"text-embedding-3-small": 6_000}
    client = register(host, outside, outside.config(batch=True))
    watched = scan(host, client, repository)
    assert (watched.status, watched.error) == ("done", None)
    assert client.groups(repository.full_name) == repository.planted_groups
    refused, *taken = [batch for batch in outside.batches.submitted if batch.endpoint == "/v1/embeddings"]
    assert refused.stage == "failed"
    assert len(taken) > 1
    assert sum(batch.requests for batch in taken) == 40
    for before, after in itertools.pairwise(taken):
        assert before.ended_at is not None
        assert before.ended_at <= after.created_at, "one after the other"
    assert outside.requests(EMBEDDINGS) == []
    assert_whole(host.rows, watched.scan["id"])


def test_three_errors_of_a_poll_do_no_harm(host: BatchHost, outside: World, plant: Plant) -> None:
    repository = plant(PLAN)
    faults = [
        outside.fail(BATCH_STATUS, 500, times=1),
        outside.fail(BATCH_STATUS, 429, retry_after=1, times=1),
        outside.cut(BATCH_STATUS, "before", times=1),
    ]
    client = Client(host.url, outside.config(batch=True))
    watched = scan(host, client, repository)
    assert (watched.status, watched.error) == ("done", None)
    assert [fault.hits for fault in faults] == [1, 1, 1]


@ON_WORKER
def test_errors_of_polls_that_last_fail_the_scan(host: BatchHost, outside: World, plant: Plant) -> None:
    fault = outside.fail(BATCH_STATUS, 503)
    client = Client(host.url, outside.config(batch=True))
    watched = scan(host, client, plant(PLAN))
    outside.heal()
    assert watched.status == "failed"
    assert outside.batches.submitted[0].id in str(watched.error)
    assert "Start the scan again later" in str(watched.error)
    assert fault.hits == POLLING.max_errors
    assert_whole(host.rows, watched.scan["id"])


@ON_BUN
def test_a_refused_key_fails_the_scan_at_once(host: BatchHost, outside: World, plant: Plant) -> None:
    fault = outside.fail(BATCH_STATUS, 401, times=1)
    client = Client(host.url, outside.config(batch=True))
    watched = scan(host, client, plant(PLAN))
    assert watched.status == "failed"
    assert "embedding.api_key" in str(watched.error)
    assert fault.hits == 1


@ON_WORKER
def test_a_batch_that_expires_fails_the_scan_by_name(
    host: BatchHost, outside: World, plant: Plant, config: dict[str, Any]
) -> None:
    def expire() -> None:
        outside.batches.expire = 1

    chat = "openai.batch" if config["llm"]["provider"] == "openai" else "anthropic.batch"
    # The first batch embeds; the second verifies.
    outside.when(BATCH_CREATE, expire, skip=1)
    client = Client(host.url, config)
    watched = scan(host, client, plant(PLAN))
    assert watched.status == "failed"
    assert f"{outside.batches.submitted[1].id} of" in str(watched.error)
    assert "expired" in str(watched.error)
    assert outside.requests(chat)
    assert_whole(host.rows, watched.scan["id"])


@ON_BUN
def test_a_batch_that_outlives_its_expiry_fails_the_scan_by_name(host: BatchHost, outside: World, plant: Plant) -> None:
    outside.batches.polls, outside.batches.window_seconds = 1000, -3600
    client = Client(host.url, outside.config(batch=True))
    watched = scan(host, client, plant(PLAN))
    assert watched.status == "failed"
    assert f"was not done with batch {outside.batches.submitted[0].id} when it expired" in str(watched.error)
    assert_whole(host.rows, watched.scan["id"])


def test_two_accounts_wait_at_the_same_time(host: BatchHost, outside: World, plant: Plant) -> None:
    outside.openai.keys.add("sk-proj-zebra")
    outside.batches.polls = 3
    first, second = plant(PLAN), plant(Plan(prs=30, odd=False))
    config = outside.config(batch=True)
    other = {part: {**config[part], "api_key": "sk-proj-zebra"} for part in ("llm", "embedding")}
    ada, bob = Client(host.url, config), Client(host.url, {**config, **other})
    scans = [(ada, first, ada.start(first.full_name)), (bob, second, bob.start(second.full_name))]

    def pass_time(_: object) -> None:
        for client, _, id in scans:
            host.pass_time(client.look(id))

    for client, repository, id in scans:
        watched = client.wait(id, meanwhile=pass_time)
        assert (watched.status, watched.error) == ("done", None)
        assert client.groups(repository.full_name) == repository.planted_groups
        assert_whole(host.rows, id)
    mine, others = (outside.batches.of(key=config["llm"]["api_key"]), outside.batches.of(key="sk-proj-zebra"))
    assert (len(mine), len(others)) == (4, 4), "each with its own key"


def test_a_scan_is_deleted_while_its_batch_runs(host: BatchHost, outside: World, plant: Plant) -> None:
    repository = plant(PLAN)
    outside.batches.polls = 1000
    client = Client(host.url, outside.config(batch=True))
    id = client.start(repository.full_name)
    name = f"scan-{id}-embed"
    until(lambda: host.next_poll(name) is not None)
    host.poll(name)
    until(lambda: bool(outside.requests(BATCH_STATUS)))
    assert client.request("POST", "/clear-scans").status_code == 200
    asked = len(outside.requests(BATCH_STATUS))
    host.poll(name)
    until(lambda: host.next_poll(name) is None)
    assert len(outside.requests(BATCH_STATUS)) == asked, "nobody is asked about it any more"
    outside.batches.polls = 1
    assert scan(host, client, repository).status == "done"


# When the host dies: the provider has accepted the batch, and its answer does not arrive; after the first poll; when
# the first of the results come. The first batch is OpenAI's, the second Anthropic's.
MOMENTS = {"accepted": BATCH_CREATE, "waiting": BATCH_STATUS, "collecting": BATCH_RESULTS}


# Every moment on every host, and with every provider. That each provider's batch survives a death at any action is
# proved without a host, in core/batch/test_batch_stops.py.
@pytest.mark.parametrize(
    ("real", "moment", "provider"),
    [
        ("bun", "accepted", "openai"),
        ("bun", "waiting", "anthropic"),
        ("bun", "collecting", "openai"),
        ("worker", "accepted", "anthropic"),
        ("worker", "waiting", "openai"),
        ("worker", "collecting", "anthropic"),
    ],
)
def test_killed_it_goes_on_with_the_same_batch(
    real: str, moment: str, provider: str, outside: World, plant: Plant, tmp_path: Path
) -> None:
    repository = plant(PLAN)
    outside.batches.polls = 2
    dead = threading.Event()
    with BATCH_HOSTS[real](tmp_path, outside.environment()) as host:

        def die() -> None:
            host.kill()
            dead.set()

        [endpoint] = [name for name in MOMENTS[moment].split(",") if name.startswith((provider, "*"))]
        outside.after(endpoint.replace("*", provider), die, times=1)
        client = Client(host.url, outside.config(llm="anthropic", batch=True))
        id = client.start(repository.full_name)
        while not dead.is_set():
            with contextlib.suppress(httpx.HTTPError, AssertionError):
                host.pass_time(client.look(id))
            time.sleep(0.02)
    with BATCH_HOSTS[real](tmp_path, outside.environment()) as host:
        client.move(host.url)
        redeliver(host, id)
        watched = client.wait(id, meanwhile=host.pass_time)
        assert (watched.status, watched.error) == ("done", None)
        assert client.groups(repository.full_name) == repository.planted_groups
        assert [batch.provider for batch in outside.batches.submitted] == ["openai", *["anthropic"] * 3]
        assert_whole(host.rows, id, killed=True)


def redeliver(host: BatchHost, id: int) -> None:
    """Deliver the last message once more, as Cloudflare's queue would; Miniflare's has forgotten it."""
    if not isinstance(host.host, WorkerHost):
        return
    worker = host.host
    step = host.rows(f"SELECT * FROM scan_steps WHERE scan_id = {id} ORDER BY step DESC LIMIT 1")[0]
    if host.next_poll(poller_name(id, step["phase"])) is None:
        body = {"type": step["phase"], "scanId": id, "step": step["step"]}
        threading.Thread(target=lambda: worker.deliver(PIPELINE, body), daemon=True).start()


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not become so"
        time.sleep(0.03)
