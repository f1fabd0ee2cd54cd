"""Budgets: no phase may need more of one invocation than the declared plan gives."""

from generator.checks.context import Context
from generator.findings.jobs import BUDGET001, BUDGET002, BUDGET003
from generator.spec.bindings import PlanSpec
from generator.spec.budgets import (
    PhaseBudget,
    dead_letter_budget,
    largest_size,
    phase_budget,
)
from generator.spec.source import Location
from generator.spec.types import SCALARS, parse_type

# The D1 queries that delete what an old scan has left: six statements, and a count of the rows behind each.
_SCAN_DELETION = 12


def check(context: Context) -> None:
    """Compute the worst case of every phase and hold it against the plan's limits."""
    spec = context.spec
    _check_message(context)
    plan = spec.bindings.plans.get(spec.bindings.worker.plan)
    if plan is None:
        return
    _check_sweep(context, plan)
    limits = spec.bindings.limits
    for index, phase in enumerate(spec.jobs.phases):
        budget = phase_budget(spec, phase, phase.slice.size)
        if budget.message_bytes > limits.queue_message_bytes:
            message = f"a message of '{phase.name}' can have {budget.message_bytes:,} bytes"
            hint = f"the limit queue_message_bytes is {limits.queue_message_bytes:,}; drop fields"
            context.add(BUDGET002, "jobs", ("message", "fields"), message, hint, at_key=True)
            return
        if not budget.fits(plan):
            size = largest_size(spec, phase, plan)
            hint = f"a slice of {size} fits" if size else "no slice size fits: declare fewer calls and statements"
            if budget.messages > 1:
                hint += f"; or lower max_batch_size, {budget.messages}, of the pipeline's queue"
            elif not size:
                hint += ", or choose another plan in bindings.yaml"
            message = f"a slice of '{phase.name}' {_needs(budget, plan)}, on the plan '{spec.bindings.worker.plan}'"
            place: Location = ("phases", index, "slice", "size") if size else ("phases", index, "budget")
            context.add(BUDGET003, "jobs", place, message, hint, at_key=not size)
    budget = dead_letter_budget(spec)
    if not budget.fits(plan):
        each = max(spec.jobs.runner.statements, spec.jobs.runner.subrequests)
        fits = min(plan.d1_queries, plan.subrequests) // each
        message = f"a batch of dead letters {_needs(budget, plan)}, on the plan '{spec.bindings.worker.plan}'"
        context.add(BUDGET003, "bindings", ("dead_letter", "max_batch_size"), message, f"lower it to {fits}")


def _check_sweep(context: Context, plan: PlanSpec) -> None:
    """What one sweep deletes must leave the other half of an invocation to the messages that it sends again."""
    fits = min(plan.d1_queries, plan.subrequests) // 2 // _SCAN_DELETION
    if context.spec.jobs.retention.scans_a_sweep > fits:
        plan_name = context.spec.bindings.worker.plan
        message = f"a sweep that deletes so much takes over half an invocation of the plan '{plan_name}'"
        context.add(BUDGET003, "jobs", ("retention", "scans_a_sweep"), message, f"lower it to {fits}")


def _needs(budget: PhaseBudget, plan: PlanSpec) -> str:
    """The numbers that are over a limit."""
    over = []
    if budget.d1_queries > plan.d1_queries:
        over.append(f"{budget.d1_queries:,} D1 queries (the limit d1_queries is {plan.d1_queries:,})")
    if budget.subrequests > plan.subrequests:
        over.append(f"{budget.subrequests:,} subrequests (the limit subrequests is {plan.subrequests:,})")
    return "can need " + " and ".join(over)


def _check_message(context: Context) -> None:
    """A message's fields have a largest size: names of phases, enums, numbers and flags."""
    for name, text in context.spec.jobs.message.fields.items():
        type_ = parse_type(text)
        known = type_.name in context.spec.enums or type_.name in SCALARS
        if type_.is_list or not known or (type_.name == "text" and name != "type"):
            message = f"a message carries ids only, and '{name}' is {type_}"
            hint = "intermediate results live in tables; use an integer, a boolean or an enum"
            context.add(BUDGET001, "jobs", ("message", "fields", name), message, hint)
