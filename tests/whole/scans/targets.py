"""The hosts that whole scans run on, all used the same way."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.bun_host import bun_host
from tests.support.cpython_host import cpython_host
from tests.support.worker_host import worker_host
from tests.whole.scans.rows import Rows, file_rows

# So short that a scan seldom waits for vectors to show, which takes it five seconds; test_limits.py waits.
VECTORIZE_DELAY_MILLISECONDS = 10


@dataclass(frozen=True)
class Running:
    """A running host.

    Args:
        url: where it listens.
        rows: asks its database.
        lines: what it has printed.
        directory: where its state is.
        kill: ends it as a loss of power would.
        host: the host itself, for what only that one has.
    """

    url: str
    rows: Rows
    lines: list[str]
    directory: Path
    kill: Callable[[], None]
    host: Any


@contextmanager
def cpython(directory: Path, environment: Mapping[str, str]) -> Iterator[Running]:
    """The core without a host, its vectors in memory."""
    with cpython_host(directory, environment) as host:
        yield Running(host.url, file_rows(directory), host.log_lines, directory, _cannot, host)


@contextmanager
def bun(directory: Path, environment: Mapping[str, str]) -> Iterator[Running]:
    """The local host, its vectors in sqlite-vec."""
    with bun_host(directory, environment) as host:
        yield Running(host.url, file_rows(directory), host.lines, directory, host.process.kill, host)


@contextmanager
def worker(directory: Path, environment: Mapping[str, str]) -> Iterator[Running]:
    """The Worker in workerd, its vectors in the stand-in for Vectorize."""
    own = {"OSSGARD_VECTORIZE_DELAY_MS": str(VECTORIZE_DELAY_MILLISECONDS)}
    with worker_host(directory, {**environment, **own}) as host:
        yield Running(host.url, host.sql, host.lines, directory, host.kill, host)


def _cannot() -> None:
    raise NotImplementedError("it is this very process")


TARGETS = {"cpython": cpython, "bun": bun, "worker": worker}
# Hosts on which an account may use Ollama and a Qdrant of its own. A scan is slower in workerd, so what is the core's
# own affair is tested on these only.
LOCAL_TARGETS = ("cpython", "bun")
