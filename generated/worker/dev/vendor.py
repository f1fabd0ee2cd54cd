"""Installs the Worker's pinned packages into ../python_modules, for the offline host and for `wrangler deploy`.

It does what `pywrangler sync` does, with pip alone. Run it with any Python from 3.11 on that has pip; it is done at
once when the folder already holds the same pins.
"""

import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
TARGET = PROJECT / "python_modules"
# The pins that the folder holds; it lies inside, so that both are replaced in one step.
STAMP = ".pins"
# What a deployed Worker runs from compatibility date 2026-09-08 on.
PLATFORM = ["--platform", "pyemscripten_2026_0_wasm32", "--python-version", "3.14", "--only-binary", ":all:"]
# Console scripts: nothing in a Worker can run them.
UNUSED = ["bin"]


def main() -> int:
    """Bring the folder up to date; the exit status is pip's."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    pins = sorted(project["project"]["dependencies"])
    stamp = "\n".join([*PLATFORM, *pins, ""])
    if _read(TARGET / STAMP) == stamp:
        return 0
    print(f"Installing {len(pins)} packages into {TARGET.name}/ ...", flush=True)
    with tempfile.TemporaryDirectory(dir=PROJECT, prefix=f".{TARGET.name}-") as folder:
        fresh = Path(folder) / "fresh"
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
        command = [*pip, "--no-compile", "--target", str(fresh), *PLATFORM, *pins]
        status = subprocess.run(command, check=False).returncode
        if status:
            print(f"pip failed ({status}); {TARGET.name}/ is as it was.", file=sys.stderr)
            return status
        for name in UNUSED:
            shutil.rmtree(fresh / name, ignore_errors=True)
        (fresh / STAMP).write_text(stamp, "utf-8")
        if TARGET.exists():
            TARGET.rename(Path(folder) / "stale")
        fresh.rename(TARGET)
    return 0


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
