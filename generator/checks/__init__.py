"""Contradictions in a spec: every check, run over the whole spec, all findings at once."""

from pathlib import Path

from generator.checks import (
    bindings,
    budgets,
    enums,
    errors,
    fields,
    isolation,
    migrations,
    names,
    ownership,
    phases,
    pieces,
    results,
    routes,
    samples,
    statements,
    types,
    unused,
)
from generator.checks.context import Context
from generator.diagnostics import Diagnostic, SpecError, in_order
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
    migrations.lint,
    unused.check,
)
# These run every method on made-up rows, which takes most of the time.
TRIALS = (isolation.check, samples.check, pieces.check, migrations.check)


def check_spec(loaded: LoadedSpec, templates: Path, *, trials: bool = True) -> list[Diagnostic]:
    """Run every check, the trials of methods among them unless they are left out; the warnings.

    Raises:
        SpecError: with the errors of all of them; warnings wait until there are none.
    """
    context = Context(loaded, templates)
    for check in (*CHECKS, *(TRIALS if trials else ())):
        check(context)
    errors = [finding for finding in context.diagnostics if finding.severity == "error"]
    if errors:
        raise SpecError(errors)
    return in_order(context.diagnostics)
