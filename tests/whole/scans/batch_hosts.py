"""The hosts that scans in batch mode run on: nobody waits for minutes, since tests let the pollers poll."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ossgard.pipeline.batch.polling import poller_name
from ossgard.times import from_text
from tests.support.bun_host import timed_bun_host
from tests.support.cpython_host import CPythonHost, cpython_host
from tests.support.worker_host import worker_host
from tests.whole.scans.rows import Rows, file_rows
from tests.whole.scans.targets import VECTORIZE_DELAY_MILLISECONDS

WAITING = "waiting for provider batch"

# The last message of each scan, when it waits for a batch that is being polled.
_WAITING_STEPS = """
    SELECT scan_id, phase, batch_id FROM scan_steps AS step
    JOIN scans ON scans.id = step.scan_id
    WHERE batch_id IS NOT NULL AND sent_at IS NOT NULL AND scans.status NOT IN ('done', 'failed')
      AND step = (SELECT max(step) FROM scan_steps AS last WHERE last.scan_id = step.scan_id)
    ORDER BY scan_id
    """


@dataclass(frozen=True)
class BatchHost:
    """A running host.

    Args:
        url: where it listens.
        rows: asks its database.
        lines: what it has printed.
        kill: ends it as a loss of power would.
        next_poll: by a poller's name, when it polls next; None when it has nothing to poll.
        poll: has a poller poll at its next time, which comes at once; how many seconds that was away.
        host: the host itself, for what only that one has.
    """

    url: str
    rows: Rows
    lines: list[str]
    kill: Callable[[], None]
    next_poll: Callable[[str], datetime | None]
    poll: Callable[[str], float]
    host: Any

    def pass_time(self, scan: Mapping[str, Any]) -> list[tuple[str, float]]:
        """While a scan waits for a batch, let its poller poll; the pollers with the seconds that passed for it."""
        note = (scan["progress"] or {}).get("note") or ""
        if not note.startswith(WAITING):
            return []
        waiting = [step for step in self.rows(_WAITING_STEPS) if step["scan_id"] == scan["id"]]
        names = [poller_name(step["scan_id"], step["phase"]) for step in waiting]
        return [(name, self.poll(name)) for name in names if self.next_poll(name) is not None]


@contextmanager
def cpython(directory: Path, environment: Mapping[str, str]) -> Iterator[BatchHost]:
    """The core without a host, with a clock that is moved ahead."""
    with cpython_host(directory, environment) as host:
        yield moved_on(host)


def moved_on(host: CPythonHost) -> BatchHost:
    """The core without a host, whose clock is moved ahead when a poller is to poll."""
    rows = file_rows(host.directory)

    def poll(name: str) -> float:
        seconds = _seconds(host.clock.now(), _table_poll(rows, name))
        host.clock.advance(seconds=seconds)
        return seconds

    return BatchHost(host.url, rows, host.log_lines, _cannot, lambda name: _table_poll(rows, name), poll, host)


@contextmanager
def bun(directory: Path, environment: Mapping[str, str]) -> Iterator[BatchHost]:
    """The local host, with a clock that is moved ahead."""
    with timed_bun_host(directory, environment) as host:
        rows = file_rows(directory)

        def poll(name: str) -> float:
            seconds = _seconds(host.now(), _table_poll(rows, name))
            host.advance(seconds)
            return seconds

        yield BatchHost(host.url, rows, host.lines, host.kill, lambda name: _table_poll(rows, name), poll, host)


@contextmanager
def worker(directory: Path, environment: Mapping[str, str]) -> Iterator[BatchHost]:
    """The Worker in workerd; its alarms are real, and their handler is run before they are due."""
    own = {"OSSGARD_VECTORIZE_DELAY_MS": str(VECTORIZE_DELAY_MILLISECONDS)}
    with worker_host(directory, {**environment, **own}) as host:

        def poll(name: str) -> float:
            seconds = _seconds(datetime.now(UTC), host.next_alarm(name))
            host.run_alarm(name)
            return seconds

        yield BatchHost(host.url, host.sql, host.lines, host.kill, host.next_alarm, poll, host)


def _table_poll(rows: Rows, name: str) -> datetime | None:
    """When a poller that is kept in the database polls next."""
    found = rows(f"SELECT next_poll_at FROM batch_polls WHERE name = '{name}'")
    return from_text(found[0]["next_poll_at"]) if found else None


def _seconds(now: datetime, at: datetime | None) -> float:
    return max(0.0, (at - now).total_seconds()) if at is not None else 0.0


def _cannot() -> None:
    raise NotImplementedError("it is this very process")


BATCH_HOSTS = {"cpython": cpython, "bun": bun, "worker": worker}
