"""Whole scans: from `POST /scan` to ranked groups, the same ones on every host."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tests.outside.endpoints import CHAT, EMBEDDINGS
from tests.outside.planting import Plan
from tests.outside.repository import Repository
from tests.outside.world import World
from tests.whole.scans.client import Client
from tests.whole.scans.rows import assert_whole
from tests.whole.scans.targets import LOCAL_TARGETS, TARGETS, Running

Plant = Callable[[Plan], Repository]
SMALL = Plan(prs=40, odd=False)
PHASES = ["queued", "ingesting", "embedding", "clustering", "verifying", "ranking", "done"]


@pytest.fixture(scope="session")
def expected(start: Callable[[str], Running], running_world: World) -> list[Any]:
    """The ranking of the world's first repository, by the core without a host."""
    client = Client(start("cpython").url, running_world.config())
    assert client.scan(running_world.repository.full_name).status == "done"
    return client.ranking(running_world.repository.full_name)


def test_every_host_finds_the_same_groups_ranks_and_scores(
    host: Running, client: Client, outside: World, expected: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    name = outside.repository.full_name
    watched = client.scan(name)
    assert (watched.status, watched.error) == ("done", None)
    assert client.ranking(name) == expected
    score = outside.repository.score(client.groups(name))
    with capsys.disabled():
        print(f"\n  {score.found} pairs: precision {score.precision:.2f}, recall {score.recall:.2f}", end=" ")
    assert score.precision >= 0.95
    assert score.recall >= 0.95
    assert_whole(host.rows, watched.scan["id"])


def test_a_scan_shows_how_far_it_is_and_what_it_cost(client: Client, outside: World) -> None:
    watched = client.scan(outside.repository.full_name, full=True)
    statuses = [scan["status"] for scan in watched.seen]
    assert statuses == sorted(statuses, key=PHASES.index)
    for status in PHASES:
        progress = [scan["progress"] for scan in watched.seen if scan["status"] == status and scan["progress"]]
        counted = [shown for shown in progress if not shown["note"]]
        assert all(0 <= shown["done"] <= shown["total"] for shown in progress)
        assert [shown["done"] for shown in counted] == sorted(shown["done"] for shown in counted)
        assert len({shown["total"] for shown in counted}) <= 1
    read = [scan["progress"]["done"] for scan in watched.seen if scan["status"] == "ingesting" and scan["progress"]]
    assert max(read) > min(read), "progress within a phase is seen"
    tokens = [(scan["inputTokens"], scan["outputTokens"]) for scan in watched.seen]
    assert tokens == sorted(tokens)
    scan = watched.scan
    assert scan["prCount"] == len(outside.repository.open_numbers)
    assert scan["dupeGroupCount"] == len(client.groups(outside.repository.full_name))
    assert (scan["progress"], scan["phaseCursor"], scan["error"]) == (None, None, None)
    assert scan["completedAt"] is not None
    asked = outside.requests(f"{CHAT},{EMBEDDINGS}")
    assert scan["inputTokens"] > 10 * len(asked)
    assert scan["outputTokens"] > 10 * len(outside.requests(CHAT))


def test_a_second_scan_of_an_unchanged_repository_embeds_nothing_and_reads_no_diff(
    host: Running, client: Client, outside: World, plant: Plant
) -> None:
    repository = plant(SMALL)
    client.scan(repository.full_name)
    first = client.ranking(repository.full_name)
    outside.reset()
    watched = client.scan(repository.full_name)
    assert watched.status == "done"
    assert outside.requests(EMBEDDINGS) == []
    assert outside.requests("github.diff,github.files,github.pull") == []
    assert client.ranking(repository.full_name) == first
    assert_whole(host.rows, watched.scan["id"])


def test_a_full_scan_reads_and_embeds_everything_again(local: Running, outside: World, plant: Plant) -> None:
    repository = plant(SMALL)
    client = Client(local.url, outside.config())
    client.scan(repository.full_name)
    first = client.ranking(repository.full_name)
    outside.reset()
    client.scan(repository.full_name, full=True)
    assert outside.count("github.diff").statuses == {200: 40}
    assert outside.count("openai.embeddings").inputs == 80
    assert client.ranking(repository.full_name) == first


def test_only_what_has_changed_is_read_and_embedded(
    host: Running, client: Client, outside: World, plant: Plant
) -> None:
    repository = plant(SMALL)
    client.scan(repository.full_name)
    group = max(repository.planted_groups, key=len)
    alone = sorted(repository.open_numbers - set().union(*repository.groups, *repository.lookalikes))
    touched, pushed, edited, rebased, closed, merged, removed, doubled = alone[:8]
    repository.touch(touched)
    repository.push(pushed)
    repository.update(edited, title="Something else altogether", body="Nothing of what it was.")
    repository.force_push_same(rebased)
    repository.close(closed)
    repository.merge(merged)
    repository.remove(removed)
    repository.merge(group[0])
    copy = repository.open_duplicate(doubled).number
    outside.reset()
    watched = client.scan(repository.full_name)
    assert watched.status == "done"
    read = {int(request.path.split("/")[-1]) for request in outside.requests("github.diff")}
    assert read == {touched, pushed, edited, rebased, copy}
    assert outside.count("github.diff").statuses == {304: 2, 200: 3}
    # Both signals of the one whose diff is another, of the one whose words are others, and of the new one.
    assert outside.count("openai.embeddings").inputs == 6
    groups = client.groups(repository.full_name)
    assert [doubled, copy] in groups
    assert all(group[0] not in found for found in groups)
    score = repository.score(groups)
    assert (score.precision, score.recall) == (1.0, 1.0)
    states = {row["number"]: row["state"] for row in host.rows(_states(watched.scan["repoId"]))}
    assert {number: states[number] for number in (closed, merged, removed, group[0])} == {
        closed: "closed",
        merged: "merged",
        removed: "closed",
        group[0]: "merged",
    }
    assert_whole(host.rows, watched.scan["id"])


def test_what_is_opened_again_is_back(local: Running, outside: World, plant: Plant) -> None:
    repository = plant(SMALL)
    client = Client(local.url, outside.config())
    group = repository.planted_groups[0]
    client.scan(repository.full_name)
    repository.close(group[0])
    client.scan(repository.full_name)
    assert group not in client.groups(repository.full_name)
    repository.reopen(group[0])
    client.scan(repository.full_name)
    assert group in client.groups(repository.full_name)


def test_a_scan_of_the_newest_closes_nothing(local: Running, outside: World, plant: Plant) -> None:
    repository = plant(Plan(prs=120, odd=False))
    client = Client(local.url, outside.config())
    watched = client.scan(repository.full_name, maxPrs=110)
    assert (watched.status, watched.scan["prCount"]) == ("done", 110)
    assert len(outside.requests("github.diff")) == 110
    outside.reset()
    again = client.scan(repository.full_name, maxPrs=5)
    assert (again.status, again.scan["prCount"]) == ("done", 5)
    assert outside.requests("github.diff,github.pull") == []
    states = {row["state"] for row in local.rows(_states(watched.scan["repoId"]))}
    assert states == {"open"}


@pytest.mark.parametrize(
    ("host", "name"),
    [
        *itertools.product(TARGETS, ["anthropic", "gateway"]),
        *itertools.product(LOCAL_TARGETS, ["ollama"]),
        ("bun", "qdrant"),
    ],
    indirect=["host"],
)
def test_every_provider_leads_to_the_same_groups(host: Running, outside: World, plant: Plant, name: str) -> None:
    configs = {
        "anthropic": outside.config(llm="anthropic"),
        "gateway": outside.config(llm="anthropic", gateway=True),
        "ollama": outside.config(llm="ollama", embedding="ollama"),
        "qdrant": outside.config(qdrant=True),
    }
    repository = plant(SMALL)
    client = Client(host.url, configs[name])
    watched = client.scan(repository.full_name)
    assert (watched.status, watched.error) == ("done", None)
    score = repository.score(client.groups(repository.full_name))
    assert (score.precision, score.recall) == (1.0, 1.0)
    if name == "gateway":
        assert outside.requests("openai.*,anthropic.*") == [], "nothing goes past the gateway"
        assert outside.requests("gateway.openai.embeddings")
        assert outside.requests("gateway.anthropic.messages")
    if name == "qdrant":
        assert outside.count("qdrant.upsert").statuses.keys() == {200}
    assert_whole(host.rows, watched.scan["id"])


def test_two_accounts_scan_one_repository_at_once(host: Running, outside: World, plant: Plant) -> None:
    repository = plant(SMALL)
    clients = [Client(host.url, outside.config()) for _ in range(2)]
    scans = [client.start(repository.full_name) for client in clients]
    for client, scan in zip(clients, scans, strict=True):
        watched = client.wait(scan)
        assert (watched.status, watched.scan["prCount"]) == ("done", 40)
        assert_whole(host.rows, scan)
        again = client.request("POST", f"/repos/{repository.full_name}/scan")
        assert again.status_code == 202
        client.wait(again.json()["scanId"])
    assert clients[0].ranking(repository.full_name) == clients[1].ranking(repository.full_name)
    assert clients[0].request("GET", f"/scans/{scans[1]}").status_code == 404


def test_a_review_shows_the_groups_and_the_nearest(client: Client, outside: World, plant: Plant) -> None:
    repository = plant(SMALL)
    client.scan(repository.full_name)
    group = max(repository.planted_groups, key=len)
    new = repository.open_duplicate(group[0]).number
    known = client.review(repository.full_name, group[0]).json()
    assert known["pr"]["number"] == group[0]
    assert [sorted(member["prNumber"] for member in found["members"]) for found in known["dupeGroups"]] == [group]
    assert {near["prNumber"] for near in known["similarPrs"]} >= set(group[1:])
    read = client.review(repository.full_name, new)
    assert read.status_code == 200, read.text
    assert (read.json()["pr"]["number"], read.json()["dupeGroups"]) == (new, [])
    nearest = read.json()["similarPrs"][0]
    assert (nearest["prNumber"], nearest["codeScore"]) == (group[0], pytest.approx(1, abs=1e-4))
    assert len(read.json()["similarPrs"]) <= 10
    assert client.review(repository.full_name, 100_000).status_code == 404


def test_a_scan_that_is_active_is_not_started_twice(local: Running, outside: World, plant: Plant) -> None:
    repository = plant(SMALL)
    client = Client(local.url, outside.config())
    outside.slow("github.pulls", 0.5, times=1)
    scan = client.start(repository.full_name)
    answer = client.request("POST", f"/repos/{repository.full_name}/scan")
    assert (answer.status_code, answer.json()["scanId"]) == (200, scan)
    assert client.wait(scan).status == "done"


def test_an_empty_repository_has_no_groups(host: Running, client: Client, plant: Plant) -> None:
    repository = plant(Plan(prs=0))
    watched = client.scan(repository.full_name)
    assert (watched.status, watched.scan["prCount"], watched.scan["dupeGroupCount"]) == ("done", 0, 0)
    assert client.groups(repository.full_name) == []
    assert_whole(host.rows, watched.scan["id"])


def _states(repo_id: int) -> str:
    return f"SELECT number, state FROM prs WHERE repo_id = {repo_id}"
