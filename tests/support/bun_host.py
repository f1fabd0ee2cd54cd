"""The local host as a process of its own: Bun with the core in Pyodide, on a free loopback port."""

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUN = ROOT / ".tools" / "node_modules" / ".bin" / "bun"
PROGRAM = ROOT / "generated" / "local" / "src" / "index.ts"

START_SECONDS = 60
STOP_SECONDS = 20


@dataclass
class BunHost:
    """A running host."""

    url: str
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)


@contextmanager
def bun_host(directory: Path, environment: Mapping[str, str], program: Path = PROGRAM) -> Iterator[BunHost]:
    """Run the local host with its database in `directory`, and stop it in the end as an operator would."""
    lines: list[str] = []
    own = {"DATABASE_PATH": str(directory / "ossgard.db"), "HOST": "127.0.0.1", "PORT": "0"}
    process = subprocess.Popen(
        [BUN, program],
        env={**os.environ, **environment, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield BunHost(_wait_until_ready(process, lines), process, lines)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _wait_until_ready(process: subprocess.Popen[str], lines: list[str]) -> str:
    """The URL that the host prints; what it prints is read to the end, so that it never waits for a reader."""
    assert process.stdout is not None
    output = process.stdout
    found: list[str] = []
    ready = threading.Event()

    def read() -> None:
        for line in output:
            lines.append(line.rstrip("\n"))
            if match := re.match(r"ossgard listens on (\S+)", line):
                found.append(match[1])
                ready.set()
        ready.set()

    threading.Thread(target=read, daemon=True).start()
    if not ready.wait(START_SECONDS) or not found:
        process.kill()
        raise RuntimeError("the local host did not start:\n" + "\n".join(lines))
    return found[0]
