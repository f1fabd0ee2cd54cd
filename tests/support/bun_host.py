"""The local host as a process of its own: Bun with the core in Pyodide, on a free loopback port."""

import os
import re
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
BUN = ROOT / ".tools" / "node_modules" / ".bin" / "bun"
PROGRAM = ROOT / "generated" / "local" / "src" / "index.ts"
TIMED_PROGRAM = ROOT / "tests" / "hosts" / "bun" / "timed-host.ts"

# Long for a machine that is busy with other tests.
START_SECONDS = 240
STOP_SECONDS = 20


@dataclass
class BunHost:
    """A running host; `lines` is what it has printed so far."""

    url: str
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def kill(self) -> None:
        """Kill the host as if the machine had lost its power."""
        self.process.kill()
        self.process.wait()


@dataclass
class TimedBunHost(BunHost):
    """A running host whose clock can be moved on, and whose disk can be filled."""

    control_url: str = ""
    database: Path = Path()

    def now(self) -> datetime:
        """The host's time."""
        return _moment(httpx.get(f"{self.control_url}/now", verify=False))

    def advance(self, seconds: float) -> datetime:
        """Move the host's time on, and wake what has slept long enough; the new time."""
        return _moment(httpx.post(f"{self.control_url}/advance", json={"seconds": seconds}, verify=False))

    def advance_to(self, moment: datetime) -> datetime:
        """Move the host's time on to a moment, unless that has passed; the new time."""
        return self.advance(max(0.0, (moment - self.now()).total_seconds()))

    def fill_disk(self, is_full: bool = True) -> None:
        """Keep SQLite from making the database's file larger, or give it room again."""
        httpx.post(f"{self.control_url}/disk", json={"isFull": is_full}, verify=False).raise_for_status()

    def next_polls(self) -> list[dict[str, Any]]:
        """The rows of `batch_polls`, the one that is polled next first."""
        return self.rows("SELECT * FROM batch_polls ORDER BY next_poll_at, name")

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """What a query finds in the host's database; that of a host that was killed can be asked, too."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, values)]


@contextmanager
def bun_host(directory: Path, environment: Mapping[str, str], program: Path = PROGRAM) -> Iterator[BunHost]:
    """Run the local host with its database in `directory`, and stop it in the end as an operator would."""
    with _running(directory, environment, program) as (process, lines, url):
        yield BunHost(url, process, lines)


@contextmanager
def timed_bun_host(directory: Path, environment: Mapping[str, str], still: bool = False) -> Iterator[TimedBunHost]:
    """Run the local host with its database in `directory`, and with a clock that can be moved on.

    Started again in the same directory, after it has ended or was killed, the host finds its clock where it was.

    Args:
        directory: for the database and the clock.
        environment: the host's variables.
        still: time passes only when it is moved on, so that what the host writes down is exact to the millisecond.
    """
    clock = {"CLOCK_FILE": str(directory / "clock.json"), "CLOCK_STILL": "1" if still else ""}
    with _running(directory, {**environment, **clock}, TIMED_PROGRAM) as (process, lines, url):
        control_url = next(line.split()[-1] for line in lines if line.startswith("Control interface on "))
        yield TimedBunHost(url, process, lines, control_url, directory / "ossgard.db")


@contextmanager
def _running(
    directory: Path, environment: Mapping[str, str], program: Path
) -> Iterator[tuple[subprocess.Popen[str], list[str], str]]:
    """The process, what it has printed so far, and its URL."""
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
        yield process, lines, _wait_until_ready(process, lines)
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


def _moment(answer: httpx.Response) -> datetime:
    return datetime.fromisoformat(answer.raise_for_status().json()["now"])
