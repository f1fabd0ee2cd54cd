"""What one invocation of each phase can cost in the worst case: D1 queries, subrequests and message bytes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from generator.spec.bindings import PlanSpec
from generator.spec.jobs import PhaseSpec
from generator.spec.spec import Spec
from generator.spec.types import parse_type

LARGEST_INTEGER = 2**53 - 1


@dataclass(frozen=True)
class PhaseBudget:
    """The worst case of one invocation: `messages` slices of at most `size` each, worked off one after the other."""

    phase: str
    size: int
    of: str
    messages: int
    d1_queries: int
    subrequests: int
    message_bytes: int

    def fits(self, plan: PlanSpec) -> bool:
        """Whether a plan has room for it."""
        return self.d1_queries <= plan.d1_queries and self.subrequests <= plan.subrequests

    def fitting(self, plans: Mapping[str, PlanSpec]) -> list[str]:
        """The plans that have room for it."""
        return [name for name, plan in plans.items() if self.fits(plan)]


def compute_budgets(spec: Spec) -> list[PhaseBudget]:
    """The budget of every phase, in the order of the spec."""
    return [phase_budget(spec, phase, phase.slice.size) for phase in spec.jobs.phases]


def phase_budget(spec: Spec, phase: PhaseSpec, size: int) -> PhaseBudget:
    """The worst case of a phase whose slices have `size` items."""
    runner, budget = spec.jobs.runner, phase.budget
    calls = sum(call.count * (ceil(size / call.per) if call.per else 1) * call.attempts for call in budget.calls)
    messages = spec.bindings.queue.max_batch_size
    return PhaseBudget(
        phase=phase.name,
        size=size,
        of=phase.slice.of,
        messages=messages,
        d1_queries=messages * (runner.statements + budget.statements),
        subrequests=messages * (runner.subrequests + budget.round_trips + calls),
        message_bytes=message_bytes(spec, phase.name),
    )


def dead_letter_budget(spec: Spec) -> PhaseBudget:
    """The worst case of the consumer of the dead-letter queue, which fails one scan for each message."""
    messages, runner = spec.bindings.dead_letter.max_batch_size, spec.jobs.runner
    statements, subrequests = messages * runner.statements, messages * runner.subrequests
    return PhaseBudget("dead letters", 1, "scan", messages, statements, subrequests, message_bytes(spec, ""))


def largest_size(spec: Spec, phase: PhaseSpec, plan: PlanSpec) -> int:
    """The largest slice of a phase that fits a plan; 0 when none does."""
    low, high = 0, phase.slice.size
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if phase_budget(spec, phase, middle).fits(plan) else (low, middle - 1)
    return low


def message_bytes(spec: Spec, phase: str) -> int:
    """The bytes of a message with the largest values, the platform's overhead included."""
    body: dict[str, object] = {}
    for name, text in spec.jobs.message.fields.items():
        type_ = parse_type(text)
        if type_.name in spec.enums:
            body[name] = max(spec.enums[type_.name].values, key=len)
        else:
            body[name] = {"text": phase, "integer": LARGEST_INTEGER, "boolean": False}.get(
                type_.name, -1.7976931348623157e308
            )
    size = len(json.dumps(body, separators=(",", ":")).encode())
    return size + spec.bindings.limits.queue_message_overhead_bytes
