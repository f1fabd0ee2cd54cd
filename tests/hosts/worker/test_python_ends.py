"""The Worker when Python has ended in its isolate: the next event gets a new one, and no message ends it for ever."""

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.hosts.worker.probing import eventually
from tests.outside.planting import Plan
from tests.outside.world import World, world
from tests.support.worker_host import PIPELINE, WORKER, WorkerHost, worker_host
from tests.support.worker_project import generated_project
from tests.whole.scans.client import Client

# Ends Python for real: it runs out of stack.
DEADLY = """

import json

from ossgard.pipeline.phase import Processor
from ossgard.spec.processors import PROCESSORS


class Deadly:
    def __init__(self, usual):
        self.usual = usual

    async def run(self, slice):
        if slice.owner == "deadly":
            json.loads("[" * 100_000)
        return await self.usual.run(slice)


usual = PROCESSORS["scan"]
PROCESSORS["scan"] = Processor(Deadly(usual.phase), usual.cursor_type)
"""


@pytest.fixture(scope="module")
def outside() -> Iterator[World]:
    with world(Plan(prs=0)) as it:
        it.add_repository("deadly", "rocket", Plan(prs=2))
        it.add_repository("acme", "innocent", Plan(prs=4, odd=False))
        yield it


def answers(host: WorkerHost) -> bool:
    try:
        return httpx.get(f"{host.url}/health", verify=False, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def restarts_after(host: WorkerHost, deaths: int) -> bool:
    """Whether workerd has been started again after so many deaths before."""
    return host.lines.count("workerd has ended. It is started again.") > deaths


def test_a_message_that_ends_python_does_so_three_times_and_everything_else_goes_on(
    outside: World, tmp_path: Path
) -> None:
    entry = (WORKER / "src" / "entry.py").read_text() + DEADLY
    project = generated_project(tmp_path / "project", entry)
    settings = json.loads((project / "dev" / "settings.json").read_text())
    for consumer in settings["consumers"].values():
        # Deliveries of the tests' own come instead of the queue's.
        consumer["retryDelay"] = 3600
    (project / "dev" / "settings.json").write_text(json.dumps(settings))
    with worker_host(
        tmp_path / "state", {**outside.environment(), "OSSGARD_VECTORIZE_DELAY_MS": "10"}, project
    ) as host:
        client = Client(host.url, outside.config())
        client.start("deadly/rocket")
        for death in range(3):
            eventually(partial(restarts_after, host, death), bool, 90)
            eventually(lambda: answers(host), bool, 90)
            [step] = host.sql("SELECT begun FROM scan_steps WHERE scan_id = 1")
            assert step["begun"] == death + 1
            # Deliveries that come at once would count as one.
            time.sleep(5.2)
            try:
                host.deliver(PIPELINE, {"type": "scan", "scanId": 1, "step": 1})
            except (httpx.HTTPError, AssertionError):
                assert death < 2
        scan = client.look(1)
        assert (scan["status"], scan["error"]) == (
            "failed",
            "The process ended 3 times while it worked on phase 'scan'. Start the scan again; when that ends it again, "
            "report it",
        )
        watched = client.scan("acme/innocent")
        assert (watched.status, watched.error) == ("done", None)
        assert host.lines.count("workerd has ended. It is started again.") == 3
