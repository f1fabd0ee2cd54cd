"""What batch mode costs beside the waiting: the same scan ordinarily and in batches, on both hosts, waits left out."""

import tempfile
import time
from datetime import datetime
from pathlib import Path

from tests.bench.table import print_table
from tests.outside.planting import Plan
from tests.outside.world import World, world
from tests.support.bun_host import TimedBunHost, timed_bun_host
from tests.support.worker_host import WorkerHost, worker_host
from tests.whole.scans.client import Client

SIZES = (300, 1000)
QUICK_SIZES = (100,)
WAIT_SECONDS = 600
# Bytes that each answer carries besides, so that the results of the larger scan are over 100 MB.
PADDING = 120_000

Host = TimedBunHost | WorkerHost

# The scan's last message, when it waits for a batch that is being polled.
WAITING = """
    SELECT scan_id, phase FROM scan_steps
    WHERE batch_id IS NOT NULL AND sent_at IS NOT NULL AND step = (SELECT max(step) FROM scan_steps)
    """


def bench_batches(sizes: tuple[int, ...] = SIZES) -> None:
    """Scans of made-up repositories, each ordinarily, in batches, and in batches with large results."""
    rows = []
    for size in sizes:
        with world(Plan(prs=size)) as outside, tempfile.TemporaryDirectory() as folder:
            for name, run in (("Bun", timed_bun_host), ("workerd", worker_host)):
                modes: list[tuple[str, bool, int]] = [("ordinary", False, 0), ("batches", True, 0)]
                baseline = 0.0
                for mode, batch, padding in [*modes, ("large results", True, PADDING)]:
                    directory = Path(folder) / name / mode
                    directory.mkdir(parents=True)
                    outside.heal()
                    outside.batches.padding = padding
                    with run(directory, {**outside.environment(), "LOG_LEVEL": "error"}) as host:
                        seconds = _scan(outside, host, batch)
                    baseline = baseline or seconds
                    read = outside.count("openai.content").response_bytes
                    rows.append(
                        [
                            f"{name}, {size:,} pull requests, {mode}",
                            f"{seconds:.1f}",
                            f"{seconds / baseline:.2f}",
                            str(outside.count("openai").calls),
                            f"{read / 1e6:.1f}",
                        ]
                    )
    print_table(
        "Batch mode (waits left out; ratio to the ordinary scan of the same host)",
        ["scan", "s", "ratio", "calls of the provider", "MB of results"],
        rows,
    )


def _scan(outside: World, host: Host, batch: bool) -> float:
    """Scan the world's repository; the seconds that took."""
    client = Client(host.url, outside.config(batch=batch))
    outside.reset()
    start = time.perf_counter()
    watched = client.wait(client.start("acme/widgets"), WAIT_SECONDS, lambda scan: _poll(host) if batch else None)
    if watched.status != "done":
        raise RuntimeError(f"the scan failed: {watched.error}")
    return time.perf_counter() - start


def _poll(host: Host) -> None:
    """Have whoever waits for a batch poll now."""
    if isinstance(host, TimedBunHost):
        for row in host.next_polls():
            host.advance_to(datetime.fromisoformat(row["next_poll_at"]))
        return
    for row in host.sql(WAITING):
        name = f"scan-{row['scan_id']}-{row['phase']}"
        if host.next_alarm(name) is not None:
            host.run_alarm(name)
