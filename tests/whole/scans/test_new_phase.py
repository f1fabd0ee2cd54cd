"""What `make phase` writes is a phase: the next scan runs through it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.outside.planting import Plan
from tests.outside.world import world
from tests.support.bun_host import bun_host
from tests.whole.scans.client import Client
from tests.whole.scans.rows import file_rows

ROOT = Path(__file__).parents[3]
GENERATOR = Path(sys.executable).with_name("ossgard-gen")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, with what is installed for it."""
    for name in ("spec", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("local", "worker"):
        (tmp_path / "generated" / name).mkdir(parents=True)
    (tmp_path / "generated/local/node_modules").symlink_to(ROOT / "generated/local/node_modules")
    # Pyodide does not follow a link to what it mounts.
    shutil.copytree(ROOT / "generated/worker/python_modules", tmp_path / "generated/worker/python_modules")
    return tmp_path


def test_a_scan_runs_through_a_new_phase(project: Path, tmp_path: Path) -> None:
    run(project, "phase", "triage", "--after", "verify")
    run(project, "generate")
    data = tmp_path / "data"
    data.mkdir()
    with world(Plan(prs=10)) as outside:
        program = project / "generated/local/src/index.ts"
        with bun_host(data, outside.environment(), program) as host:
            scan = Client(host.url, outside.config()).scan("acme/widgets")
        assert (scan.status, scan.error) == ("done", None)
    phases = [row["phase"] for row in file_rows(data)("SELECT DISTINCT phase FROM scan_steps ORDER BY step")]
    assert phases == ["scan", "ingest", "embed", "cluster", "verify", "triage", "rank", None]


def run(project: Path, *arguments: str) -> None:
    """Run the generator as a maintainer does."""
    result = subprocess.run([GENERATOR, *arguments, "--project", project], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
