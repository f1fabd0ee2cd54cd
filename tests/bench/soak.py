"""What the local host keeps after many scans, in memory and in files, and how soon it answers meanwhile."""

import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.table import print_table
from tests.outside.planting import Plan
from tests.outside.world import World, world
from tests.support.bun_host import BunHost, bun_host
from tests.whole.scans.client import ENDED, Client
from tests.whole.scans.rows import file_rows

PULLS = 30
# In a row: the first one fills what is kept, the others should add little to it.
ROWS_OF_SCANS = (1, 9, 10)
ACCOUNTS = 10
WAIT_SECONDS = 120
# Between two looks at the memory, and between two looks at a scan.
LOOK_SECONDS = 0.05
JOBS = "SELECT count(*) AS count FROM jobs"


def bench_soak() -> None:
    """Scans in a row by one account, then by several at once, each of everything anew."""
    rows: list[list[str]] = []
    with (
        world(Plan(prs=PULLS, odd=False)) as outside,
        tempfile.TemporaryDirectory() as folder,
        bun_host(Path(folder), {**outside.environment(), "LOG_LEVEL": "error"}) as host,
    ):
        clients = [Client(host.url, outside.config()) for _ in range(ACCOUNTS)]
        done = 0
        first: _Run | None = None
        for times, accounts in [*((times, 1) for times in ROWS_OF_SCANS), (1, ACCOUNTS)]:
            run = _Run(outside, host, Path(folder))
            run.scan(clients[:accounts], times)
            first = first or run
            label = f"scans {done + 1} to {done + times}" if accounts == 1 else f"{accounts} accounts at once"
            done += times
            rows.append([label, *run.cells(first)])
    print_table(
        f"Soak on Bun ({PULLS} pull requests; ratios to the first row; jobs stay for the days of `retention`)",
        [
            *("scans", "s", "RSS before (MB)", "peak", "after", "ratio", "files (MB)", "ratio", "WAL of it", "jobs"),
            *("GET /scans/{id} p50 (ms)", "p99"),
        ],
        rows,
    )


class _Run:
    """Some scans, with what was measured before, while and after they ran."""

    def __init__(self, outside: World, host: BunHost, folder: Path) -> None:
        self._name = outside.repository.full_name
        self._pid = host.process.pid
        self._folder = folder
        self._before = self._memory()
        self._peak = self._before
        self._latencies: list[float] = []

    def scan(self, clients: Sequence[Client], times: int) -> None:
        """Have each client scan everything so many times, all clients at once."""
        start = time.perf_counter()
        threads = [threading.Thread(target=self._scan, args=(client, times)) for client in clients]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            self._peak = max(self._peak, self._memory())
            time.sleep(LOOK_SECONDS)
        self._seconds = time.perf_counter() - start
        self._after = self._memory()
        self._peak = max(self._peak, self._after)
        self._wal = self._size("ossgard.db-wal")
        self._files = self._size("ossgard.db") + self._wal
        self._jobs = file_rows(self._folder)(JOBS)[0]["count"]

    def cells(self, first: "_Run") -> list[str]:
        """The row of a table; ratios are to the first run."""
        quantiles = statistics.quantiles(self._latencies, n=100)
        megabytes = [f"{size / 1e6:.0f}" for size in (self._before, self._peak, self._after)]
        return [
            f"{self._seconds:.1f}",
            *megabytes,
            f"{self._after / first._after:.2f}",
            f"{self._files / 1e6:.1f}",
            f"{self._files / first._files:.2f}",
            f"{self._wal / 1e6:.1f}",
            str(self._jobs),
            f"{1000 * quantiles[49]:.1f}",
            f"{1000 * quantiles[98]:.1f}",
        ]

    def _scan(self, client: Client, times: int) -> None:
        for _ in range(times):
            scan = client.start(self._name, full=True)
            end = time.monotonic() + WAIT_SECONDS
            while (found := self._look(client, scan))["status"] not in ENDED:
                if time.monotonic() > end:
                    raise RuntimeError(f"the scan does not end: {found}")
                time.sleep(LOOK_SECONDS)
            if found["status"] != "done":
                raise RuntimeError(f"the scan failed: {found['error']}")

    def _look(self, client: Client, scan: int) -> dict[str, Any]:
        start = time.perf_counter()
        found = client.look(scan)
        self._latencies.append(time.perf_counter() - start)
        return found

    def _memory(self) -> int:
        """Resident, in bytes."""
        command = ["ps", "-o", "rss=", "-p", str(self._pid)]
        return 1024 * int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def _size(self, name: str) -> int:
        return (self._folder / name).stat().st_size
