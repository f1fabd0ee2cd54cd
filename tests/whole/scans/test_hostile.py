"""Whole scans in a hostile world: the host lives, others are served meanwhile, and scans end as the table says."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.outside.faults import Watch
from tests.outside.hostile import ACCOUNTS, ENCODED, TABLE, Hostile
from tests.outside.planting import Plan
from tests.outside.qdrant import Qdrant
from tests.outside.repository import Repository
from tests.outside.world import World
from tests.support.server import serve
from tests.whole.scans.client import Client, Watched
from tests.whole.scans.impatient import ImpatientCore, impatient_core, plan_for
from tests.whole.scans.internals import leaks
from tests.whole.scans.targets import Running

pytestmark = pytest.mark.slow
Plant = Callable[[Plan], Repository]
PLAN = Plan(prs=8, duplicate_share=0.6, odd=False)
MIB = 1024 * 1024
# No scan of eight pull requests needs as much, and every bomb is larger.
GROWTH = 150 * MIB

# One of each kind, for hosts that are slow to try all of it.
KINDS = (
    ("deep lists", "github.pulls"),
    ("deep text of a model", "openai.chat"),
    ("gzip bomb", "github.pulls"),
    ("redirect elsewhere", "github.pulls"),
    ("a byte a second", "github.pulls"),
    ("NaN", "openai.embeddings"),
    ("invalid UTF-8", "github.pulls"),
    ("204", "openai.chat"),
    ("gzip that is none", "github.pulls"),
    ("odd headers twice", "openai.embeddings"),
    ("Retry-After -1", "openai.chat"),
)
ROWS = {(row.kind, row.endpoint): row for row in TABLE}


@pytest.fixture(scope="module")
def core(running_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImpatientCore]:
    """A host for each account."""
    with impatient_core(running_world, tmp_path_factory.mktemp("hostile")) as core:
        yield core


def _together() -> dict[str, list[Hostile]]:
    """The rows that one scan can meet together, by kind and account: they pass. Others meet a scan of their own.

    Every kind meets the first account, and one of the others in turn; with `HOSTILE=all` it meets all of them.
    """
    first, *others = ACCOUNTS
    turns = {kind: others[number % len(others)] for number, kind in enumerate(dict.fromkeys(row.kind for row in TABLE))}
    found: dict[str, list[Hostile]] = {}
    for row in TABLE:
        if row.account in (first, turns[row.kind]) or os.environ.get("HOSTILE") == "all":
            name = f"{row.kind}, {row.account if row.passes else row.endpoint}"
            found.setdefault(name, []).append(row)
    return found


TOGETHER = _together()


@pytest.mark.parametrize("name", TOGETHER)
def test_a_scan_ends_as_the_table_says(core: ImpatientCore, outside: World, plant: Plant, name: str) -> None:
    rows = TOGETHER[name]
    account = rows[0].account
    elsewhere = Watch(Qdrant(api_key="").app(), {})
    with serve(elsewhere) as url:
        faults = [outside.watch.add(row.fault(url)) for row in rows]
        watched = core.scan(plant(plan_for(account)), account)
    assert list(elsewhere.requests) == []
    assert {fault.endpoint: fault.hits > 0 for fault in faults} == {fault.endpoint: True for fault in faults}
    _assert_outcome(watched, rows)
    assert bool(core.hosts[account].queue.waits) or not any(row.outcome.waits for row in rows)


def _assert_outcome(watched: Watched, rows: Sequence[Hostile]) -> None:
    expected = rows[0].outcome
    assert leaks(watched) == []
    if expected.status == "done":
        assert (watched.status, watched.error) == ("done", None)
        assert [warning["code"] for warning in watched.scan["warnings"]] == [expected.warning] * bool(expected.warning)
    else:
        assert watched.status == "failed"
        assert re.search(expected.words, watched.error or "")


# Each on one of the two; with `HOSTILE=all` on both.
REAL = [
    (target, kind, endpoint)
    for number, (kind, endpoint) in enumerate(KINDS)
    for place, target in enumerate(("bun", "worker"))
    if number % 2 == place or os.environ.get("HOSTILE") == "all"
]


@pytest.mark.parametrize(("target", "kind", "endpoint"), REAL)
def test_a_hostile_answer_hurts_nobody(
    start: Callable[[str], Running], outside: World, plant: Plant, target: str, kind: str, endpoint: str
) -> None:
    _assert_hurts_nobody(start(target), outside, plant, ROWS[kind, endpoint])


# workerd leaves Zstandard packed.
@pytest.mark.parametrize(("target", "encoding"), [("bun", "br"), ("bun", "zstd"), ("worker", "br")])
def test_a_bomb_in_an_encoding_of_the_web_hurts_nobody(
    start: Callable[[str], Running], outside: World, plant: Plant, target: str, encoding: str
) -> None:
    _assert_hurts_nobody(start(target), outside, plant, ENCODED[encoding])


def _assert_hurts_nobody(host: Running, outside: World, plant: Plant, row: Hostile) -> None:
    repository, bystander = plant(PLAN), plant(PLAN)
    victim, other = Client(host.url, outside.config()), Client(host.url, outside.config())
    assert other.scan(bystander.full_name).status == "done"
    before = _memory(host)
    elsewhere = Watch(Qdrant(api_key="").app(), {})
    with serve(elsewhere) as url:
        outside.watch.add(row.fault(url))
        scan_id = victim.start(repository.full_name)
        watched = victim.wait(scan_id, meanwhile=lambda _: other.groups(bystander.full_name))
    assert list(elsewhere.requests) == []
    outside.watch.clear()
    _assert_outcome(watched, [row])
    assert victim.scan(repository.full_name).status == "done"
    assert _memory(host) - before < GROWTH


def _memory(host: Running) -> int:
    """The resident bytes of a host's processes; 0 where it is this one."""
    process = getattr(host.host, "process", None)
    return 0 if process is None else sum(_resident(pid) for pid in _family(process.pid))


def _family(pid: int) -> list[int]:
    """A process and all that it has started: workerd runs beneath Miniflare."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in _family(int(child)))]


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
