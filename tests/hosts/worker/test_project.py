"""The Worker's project: what `wrangler deploy` and the vendoring of its packages make of it."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.support.worker_host import BUN, WORKER

WRANGLER = WORKER / "dev" / "node_modules" / "wrangler" / "bin" / "wrangler.js"


def test_wrangler_accepts_it(tmp_path: Path) -> None:
    command: list[str | Path] = [BUN, "--bun", WRANGLER, "deploy", "--dry-run", "--outdir", tmp_path]
    environment = {**os.environ, "WRANGLER_SEND_METRICS": "false", "NO_COLOR": "1", "CI": "1"}
    run = subprocess.run(command, cwd=WORKER, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "WARNING" not in run.stdout + run.stderr
    for binding in ("env.DB", "env.PIPELINE_QUEUE", "env.BATCH_POLLER", "env.VECTORIZE_CODE", "env.VECTORIZE_INTENT"):
        assert binding in run.stdout
    size = re.search(r"gzip: ([0-9.]+) KiB", run.stdout)
    assert size is not None
    # The limit of the free plan.
    assert float(size[1]) < 3 * 1024


def test_every_package_is_pinned() -> None:
    project = tomllib.loads((WORKER / "pyproject.toml").read_text())["project"]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", pin) for pin in project["dependencies"])


def test_vendoring_again_changes_nothing() -> None:
    before = (WORKER / "python_modules").stat()
    run = subprocess.run(
        [sys.executable, WORKER / "dev" / "vendor.py"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stdout) == (0, "")
    assert (WORKER / "python_modules").stat().st_ino == before.st_ino
