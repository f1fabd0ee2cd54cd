"""What the Worker's invocations used in a scan, next to what was computed and to what the platform allows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.spec.budgets import PhaseBudget, compute_budgets
from generator.spec.load import load_spec
from generator.spec.spec import Spec

ROOT = Path(__file__).parents[3]
ISOLATE_BYTES = 128 * 1024**2


@dataclass(frozen=True)
class Most:
    """The most that any one invocation of a phase used."""

    phase: str
    invocations: int
    d1_queries: int
    round_trips: int
    subrequests: int
    message_bytes: int
    memory_bytes: int
    seconds: float


def by_phase(invocations: Sequence[dict[str, Any]]) -> list[Most]:
    """The queue's invocations, phase by phase in the order of their first one."""
    phases: dict[str, list[dict[str, Any]]] = {}
    for one in invocations:
        if one["kind"] == "queue" and one["messages"]:
            phases.setdefault(one["messages"][0], []).append(one)
    return [
        Most(
            phase,
            len(found),
            d1_queries=max(one["d1Queries"] for one in found),
            round_trips=max(one["d1RoundTrips"] for one in found),
            subrequests=max(one["subrequests"] for one in found),
            message_bytes=max(one["largestMessageBytes"] for one in found),
            memory_bytes=max(one["memoryBytes"] for one in found),
            seconds=max(one["milliseconds"] for one in found) / 1000,
        )
        for phase, found in phases.items()
    ]


def budgets() -> tuple[Spec, dict[str, PhaseBudget]]:
    """The spec, and the computed budget of every phase."""
    spec = load_spec(ROOT / "spec").spec
    return spec, {budget.phase: budget for budget in compute_budgets(spec)}
