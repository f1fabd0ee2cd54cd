"""Whole scans in a hostile world: the host lives, others are served meanwhile, and scans end as the table says."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.outside.faults import Watch
from tests.outside.hostile import KINDS, TABLE
from tests.outside.planting import Plan
from tests.outside.qdrant import Qdrant
from tests.outside.repository import Repository
from tests.outside.world import World
from tests.support.server import serve
from tests.whole.scans.client import Client
from tests.whole.scans.targets import Running

Plant = Callable[[Plan], Repository]
PLAN = Plan(prs=8, duplicate_share=0.6, odd=False)
MIB = 1024 * 1024
# No scan of eight pull requests needs as much, and every bomb is larger.
GROWTH = 150 * MIB
CASES = [("cpython", name) for name in TABLE] + [(host, name) for host in ("bun", "worker") for name in KINDS]


@pytest.mark.parametrize(("target", "name"), CASES)
def test_a_hostile_answer_hurts_nobody(
    start: Callable[[str], Running], outside: World, plant: Plant, target: str, name: str
) -> None:
    host, row = start(target), TABLE[name]
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
    if row.passes:
        assert (watched.status, watched.error) == ("done", None)
    else:
        assert watched.status == "failed"
        assert re.search(row.words, watched.error or "")
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
