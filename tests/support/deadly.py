"""Hosts whose Python can be ended by a scan or by a request, for real: it runs out of stack."""

import shutil
from pathlib import Path

from tests.support.bun_host import ROOT

GENERATED = ROOT / "generated"
# What ends Pyodide, put into the first phase, for repositories of one owner, and before all requests of one path.
SCAN = """

async def _run(self, slice, run=ScanPhase.run):
    if slice.owner == "deadly":
        __import__("json").loads("[" * 100_000)
    return await run(self, slice)


ScanPhase.run = _run
"""
REQUEST = """

async def get_health(context, answer=get_health):
    if __import__("os").path.exists("/host/deadly"):
        __import__("json").loads("[" * 100_000)
    return await answer(context)
"""


def deadly_bun_project(folder: Path) -> Path:
    """A copy of the local host; its program. Its requests for /health are deadly while `arm` says so."""
    local, worker = folder / "local", folder / "worker"
    ignored = shutil.ignore_patterns("node_modules")
    shutil.copytree(GENERATED / "local", local, ignore=ignored)
    (local / "node_modules").symlink_to(GENERATED / "local" / "node_modules")
    shutil.copytree(GENERATED / "worker" / "src", worker / "src")
    # Pyodide does not follow a link to what it mounts.
    shutil.copytree(GENERATED / "worker" / "python_modules", worker / "python_modules")
    core = worker / "src" / "ossgard"
    for module, added in (("pipeline/phases/scan.py", SCAN), ("routes/health.py", REQUEST)):
        path = core / module
        path.chmod(0o644)
        path.write_text(path.read_text() + added)
    return local / "src" / "index.ts"


def arm(program: Path, armed: bool) -> None:
    """Make requests for /health deadly, or harmless."""
    sign = program.parents[1] / "python" / "deadly"
    if armed:
        sign.touch()
    else:
        sign.unlink()
