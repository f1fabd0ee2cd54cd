"""Contradictions in a spec: every check, run over the whole spec, all findings at once."""

from pathlib import Path

from generator.checks import (
    bindings,
    budgets,
    enums,
    errors,
    fields,
    isolation,
    names,
    ownership,
    phases,
    pieces,
    results,
    routes,
    samples,
    statements,
    types,
)
from generator.checks.context import Context
from generator.diagnostics import SpecError
from generator.spec.load import LoadedSpec

# In this order, since a check passes over what an earlier one has found broken.
CHECKS = (
    names.check,
    types.check,
    fields.check,
    routes.check,
    errors.check,
    phases.check,
    bindings.check,
    budgets.check,
    statements.check,
    results.check,
    ownership.check,
    enums.check,
    isolation.check,
    samples.check,
    pieces.check,
)


def check_spec(loaded: LoadedSpec, templates: Path) -> None:
    """Run every check.

    Raises:
        SpecError: with the findings of all of them.
    """
    context = Context(loaded, templates)
    for check in CHECKS:
        check(context)
    if context.diagnostics:
        raise SpecError(context.diagnostics)
