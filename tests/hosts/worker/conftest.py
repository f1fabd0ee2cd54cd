"""The Worker in workerd, a probe that shows how the runtime treats a Worker, and stand-ins for what they talk to."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.outside.github_api import GitHubApi, github_standin
from tests.outside.planting import Plan
from tests.outside.world import World, world
from tests.support.worker_host import WorkerHost, worker_host
from tests.support.worker_project import worker_project

PROBE_ENTRY = Path(__file__).parent / "probe" / "entry.py"
PROBE_SETTINGS = {
    "name": "probe",
    "d1": {"binding": "DB", "database": "probe"},
    "vectorize": {
        "PROBE_INDEX": {
            "index": "probe-index",
            "dimensions": 4,
            "metric": "cosine",
            "metadataIndexes": {"repoId": "number", "label": "string"},
        }
    },
    "producers": {"PROBE_QUEUE": "probe-pipeline"},
    "consumers": {
        "probe-pipeline": {
            "maxBatchSize": 1,
            "maxBatchTimeout": 0,
            "maxRetries": 1,
            "deadLetterQueue": "probe-dead-letters",
        },
        "probe-dead-letters": {"maxBatchSize": 1, "maxBatchTimeout": 0, "maxRetries": 1},
    },
    "durableObjects": {"PROBE_OBJECT": "ProbeObject"},
    "variables": {"LOG_LEVEL": "info"},
    "limits": {
        "plan": "tiny",
        "d1Queries": 5,
        "subrequests": 8,
        "messageBytes": 400,
        "messageOverheadBytes": 100,
    },
    "migrations": [
        {
            "name": "0001_notes.sql",
            "statements": [
                "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)",
                # The offline host looks here for messages of an earlier run.
                "CREATE TABLE scan_steps (scan_id INTEGER, step INTEGER, phase TEXT, sent_at TEXT)",
            ],
        }
    ],
}


@pytest.fixture(scope="session")
def github() -> Iterator[GitHubApi]:
    """The stand-in for GitHub."""
    with github_standin() as github:
        github.add_repository("acme", "rocket")
        yield github


@pytest.fixture(scope="session")
def running_world() -> Iterator[World]:
    """One for all tests; its repository does not matter."""
    with world(Plan(prs=2)) as it:
        yield it


@pytest.fixture
def outside(running_world: World) -> World:
    """The running world, healed and uncounted."""
    running_world.heal()
    running_world.reset()
    return running_world


@pytest.fixture(scope="session")
def worker(github: GitHubApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerHost]:
    """The generated Worker, started once."""
    environment = {"GITHUB_API_URL": github.url, "LOG_LEVEL": "warning"}
    with worker_host(tmp_path_factory.mktemp("worker"), environment) as host:
        yield host


@pytest.fixture(scope="session")
def make_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes a Worker's folder around the text of an entry module, for the real offline host."""

    def make(entry: str, settings: dict[str, Any] = PROBE_SETTINGS) -> Path:
        return worker_project(tmp_path_factory.mktemp("project"), entry, settings)

    return make


@pytest.fixture(scope="session")
def probe(
    worker: WorkerHost, make_project: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerHost]:
    """The probe, started once (after the Worker, which fills the cache of compiled packages)."""
    with worker_host(tmp_path_factory.mktemp("probe"), {}, make_project(PROBE_ENTRY.read_text())) as host:
        yield host
