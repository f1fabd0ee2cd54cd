"""How long whole scans take on both hosts, and what they cost: round trips, HTTP calls, messages, memory."""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from generator.spec.budgets import compute_budgets
from generator.spec.load import load_spec
from tests.bench.table import print_table
from tests.outside.planting import Plan
from tests.outside.world import World, world
from tests.support.bun_host import bun_host
from tests.support.worker_host import worker_host
from tests.whole.scans.client import Client
from tests.whole.scans.rows import file_rows

ROOT = Path(__file__).parents[2]
SIZES = (100, 1000, 3000)
QUICK_SIZES = (100, 300)
WAIT_SECONDS = 900
INGEST = "ingest"

Invocations = list[dict[str, Any]]


@dataclass(frozen=True)
class Scanned:
    """A scan that is done: how long it took, how much it scanned, and how good its groups are."""

    pulls: int
    seconds: float
    precision: float
    recall: float
    http_calls: int


def bench_scans(sizes: tuple[int, ...] = SIZES) -> None:
    """Whole scans of made-up repositories, on Bun with sqlite-vec and in workerd with the Vectorize stand-in."""
    rows = []
    invocations: Invocations = []
    for size in sizes:
        with world(Plan(prs=size)) as outside, tempfile.TemporaryDirectory() as folder:
            for name, measure in (("Bun", _on_bun), ("workerd", _on_worker)):
                directory = Path(folder) / name
                directory.mkdir()
                scanned, trips, statements, messages, invocations = measure(outside, directory)
                rows.append(
                    [
                        f"{name}, {scanned.pulls:,} pull requests",
                        f"{scanned.seconds:.1f}",
                        f"{1000 * scanned.seconds / scanned.pulls:.1f}",
                        f"{scanned.precision:.2f}/{scanned.recall:.2f}",
                        f"{scanned.http_calls / scanned.pulls:.2f}",
                        f"{messages / scanned.pulls:.3f}",
                        "-" if trips is None else f"{trips / scanned.pulls:.3f}",
                        "-" if statements is None else f"{statements / scanned.pulls:.3f}",
                    ]
                )
    print_table(
        "Scans (messages, round trips and statements outside ingest; goals: 0.1 messages and 0.2 round trips)",
        ["scan", "s", "ms/PR", "precision/recall", "HTTP/PR", "messages/PR", "D1 trips/PR", "statements/PR"],
        rows,
    )
    print_table(
        f"Most of one invocation, {sizes[-1]:,} pull requests, with the computed budget behind it",
        ["phase", "invocations", "D1 queries", "subrequests", "message bytes", "Python memory (MB)"],
        list(_invocation_rows(invocations)),
    )


def _on_bun(outside: World, directory: Path) -> tuple[Scanned, None, None, int, Invocations]:
    with bun_host(directory, {**outside.environment(), "LOG_LEVEL": "error"}) as host:
        scanned = _scan(outside, host.url)
    phases = file_rows(directory)("SELECT phase FROM scan_steps WHERE phase IS NOT NULL")
    return scanned, None, None, sum(row["phase"] != INGEST for row in phases), []


def _on_worker(outside: World, directory: Path) -> tuple[Scanned, int, int, int, Invocations]:
    with worker_host(directory, {**outside.environment(), "LOG_LEVEL": "error"}) as host:
        scanned = _scan(outside, host.url)
        answer = httpx.get(f"{host.control_url}/invocations").raise_for_status().json()
    invocations: Invocations = answer["invocations"] if isinstance(answer, dict) else answer
    slices = [one for one in invocations if one["kind"] == "queue"]
    counted = [one for one in slices if INGEST not in one["messages"]]
    trips = sum(one["d1RoundTrips"] for one in counted)
    return scanned, trips, sum(one["d1Queries"] for one in counted), len(counted), slices


def _scan(outside: World, url: str) -> Scanned:
    """Register an account and scan the world's repository."""
    client = Client(url, outside.config())
    outside.reset()
    start = time.perf_counter()
    watched = client.wait(client.start("acme/widgets"), WAIT_SECONDS)
    seconds = time.perf_counter() - start
    if watched.status != "done":
        raise RuntimeError(f"the scan failed: {watched.error}")
    score = outside.repository.score(client.groups("acme/widgets"))
    calls = sum(outside.count(service).calls for service in ("github", "openai", "anthropic"))
    return Scanned(int(watched.scan["prCount"]), seconds, score.precision, score.recall, calls)


def _invocation_rows(invocations: Invocations) -> Iterator[list[str]]:
    budgets = {budget.phase: budget for budget in compute_budgets(load_spec(ROOT / "spec").spec)}
    most: dict[str, Counter[str]] = {}
    for one in invocations:
        counts = most.setdefault(",".join(one["messages"]), Counter())
        counts["invocations"] += 1
        for field in ("d1Queries", "subrequests", "largestMessageBytes", "memoryBytes"):
            counts[field] = max(counts[field], one[field])
    for phase, counts in most.items():
        budget = budgets.get(phase)
        yield [
            phase,
            str(counts["invocations"]),
            f"{counts['d1Queries']} of {budget.d1_queries if budget else '-'}",
            f"{counts['subrequests']} of {budget.subrequests if budget else '-'}",
            f"{counts['largestMessageBytes']} of {budget.message_bytes if budget else '-'}",
            f"{counts['memoryBytes'] / 2**20:.0f} of 128",
        ]
