"""Workers of the tests' own, in folders that look like the generated project."""

import json
import shutil
from pathlib import Path
from typing import Any

from tests.support.worker_host import WORKER


def worker_project(folder: Path, entry: str, settings: dict[str, Any]) -> Path:
    """Make a Worker's folder around the text of an entry module, for the real offline host."""
    ignored = shutil.ignore_patterns("node_modules")
    # What is generated is read-only; the copy is not.
    shutil.copytree(WORKER / "dev", folder / "dev", ignore=ignored, copy_function=shutil.copyfile)
    (folder / "dev" / "node_modules").symlink_to(WORKER / "dev" / "node_modules")
    (folder / "python_modules").symlink_to(WORKER / "python_modules")
    (folder / ".wrangler").symlink_to(WORKER / ".wrangler")
    (folder / "dev" / "settings.json").write_text(json.dumps(settings))
    (folder / "src").mkdir()
    (folder / "src" / "entry.py").write_text(entry)
    return folder


def generated_project(folder: Path, entry: str) -> Path:
    """The same with the core, the Cloudflare host, and the bindings of the generated Worker."""
    worker_project(folder, entry, json.loads((WORKER / "dev" / "settings.json").read_text()))
    for package in ("ossgard", "cloudflare_host"):
        (folder / "src" / package).symlink_to(WORKER / "src" / package)
    return folder
