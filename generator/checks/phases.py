"""The chain of phases: one start, an end, no loop; a status and a processor for each."""

import ast
from pathlib import Path

from generator.checks.context import Context
from generator.diagnostics import did_you_mean
from generator.findings.jobs import (
    PHASE001,
    PHASE002,
    PHASE003,
    PHASE004,
    PHASE005,
    PHASE006,
    PHASE007,
    PHASE008,
    PHASE009,
)
from generator.layout import PHASES
from generator.spec.names import PYTHON_RESERVED, pascal

DONE = "done"
STATUS_ENUM = "ScanStatus"
# The statuses of a scan that no phase works on.
ENDED = ("done", "failed", "paused")
_MESSAGE = {"type": "text", "scanId": "integer", "step": "integer"}


def check(context: Context) -> None:
    """Check the phases, their statuses and their processors."""
    _check_names(context)
    if not context.is_broken("jobs", "phases"):
        _check_chain(context)
    _check_statuses(context)
    _check_processors(context)
    _check_retries(context)
    fields = context.spec.jobs.message.fields
    for name, text in _MESSAGE.items():
        if fields.get(name) != text:
            message = f"the runner needs the message field '{name}: {text}'"
            context.add(PHASE008, "jobs", ("message", "fields", name), message, f"write {name}: {text}")


def _check_names(context: Context) -> None:
    phases = context.spec.jobs.phases
    names = [phase.name for phase in phases]
    for index, phase in enumerate(phases):
        if phase.name in names[:index]:
            context.add(
                PHASE001,
                "jobs",
                ("phases", index, "name"),
                f"there is a phase '{phase.name}' already",
                "rename one of them",
            )
        elif phase.name == DONE or phase.name in PYTHON_RESERVED:
            hint = "`done` is what follows the last phase" if phase.name == DONE else "choose another name"
            context.add(PHASE001, "jobs", ("phases", index, "name"), f"a phase cannot be called '{phase.name}'", hint)
        if phase.next != DONE and phase.next not in names:
            hint = did_you_mean(phase.next, [*names, DONE])
            context.add(PHASE002, "jobs", ("phases", index, "next"), f"unknown phase '{phase.next}'", hint)


def _check_chain(context: Context) -> None:
    phases = context.spec.jobs.phases
    following = {phase.name: phase.next for phase in phases}
    order, at = list[str](), phases[0].name
    while at != DONE and at not in order:
        order.append(at)
        at = following[at]
    if at != DONE:
        index = [phase.name for phase in phases].index(order[-1])
        circle = " -> ".join([*order[order.index(at) :], at])
        message = f"the phases go in a circle: {circle}"
        context.add(PHASE003, "jobs", ("phases", index, "next"), message, "the last phase has `next: done`")
        return
    first = phases[0].name
    for index, phase in enumerate(phases):
        if phase.name not in order:
            hint = f"name it as the `next` of the phase before it; the first phase is '{first}', as the first entry"
            context.add(PHASE004, "jobs", ("phases", index, "name"), f"no scan reaches the phase '{phase.name}'", hint)


def _check_statuses(context: Context) -> None:
    enum = context.spec.database.enums.get(STATUS_ENUM)
    if enum is None:
        context.add(
            PHASE005,
            "database",
            ("enums",),
            f"the phases need an enum '{STATUS_ENUM}'",
            "its values are the scan's statuses",
        )
        return
    for index, phase in enumerate(context.spec.jobs.phases):
        if phase.status not in enum.values:
            hint = did_you_mean(phase.status, enum.values)
            context.add(
                PHASE005, "jobs", ("phases", index, "status"), f"{STATUS_ENUM} has no value '{phase.status}'", hint
            )
        elif phase.status in ENDED:
            hint = (
                f"a status of a scan that is active: {', '.join(value for value in enum.values if value not in ENDED)}"
            )
            context.add(
                PHASE006, "jobs", ("phases", index, "status"), f"'{phase.status}' means that the scan has ended", hint
            )


def _check_processors(context: Context) -> None:
    folder = context.templates / PHASES
    for index, phase in enumerate(context.spec.jobs.phases):
        location = ("phases", index, "name")
        if context.is_broken("jobs", *location):
            continue
        module = folder / f"{phase.name}.py"
        shown = f"templates/{PHASES.as_posix()}/{phase.name}.py"
        if not module.is_file():
            hint = f"write it with `class {pascal(phase.name)}Phase`; `make phase` writes a stub of both"
            context.add(PHASE007, "jobs", location, f"the phase '{phase.name}' has no processor {shown}", hint)
        elif f"{pascal(phase.name)}Phase" not in _classes(module):
            hint = (
                f"its class is called {pascal(phase.name)}Phase and has `async def run(self, slice: Slice) -> Outcome`"
            )
            context.add(PHASE007, "jobs", location, f"{shown} has no class '{pascal(phase.name)}Phase'", hint)


def _check_retries(context: Context) -> None:
    retries = context.spec.jobs.retries
    for name in ("base_seconds", "rate_limit_base_seconds"):
        if getattr(retries, name) > retries.longest_seconds:
            message = f"{name} is over longest_seconds, {retries.longest_seconds}"
            context.add(PHASE009, "jobs", ("retries", name), message, "raise longest_seconds, or lower it")
    polling = context.spec.jobs.polling
    lasting = polling.lasting_seconds()
    if lasting < retries.patience_seconds:
        message = f"{polling.max_errors} errors in a row can come within {lasting} seconds"
        hint = f"raise it, since an outage of patience_seconds, {retries.patience_seconds}, fails no scan"
        context.add(PHASE009, "jobs", ("polling", "max_errors"), message, hint)
    if polling.first_seconds > polling.longest_seconds:
        message = f"first_seconds is over longest_seconds, {polling.longest_seconds}"
        context.add(PHASE009, "jobs", ("polling", "first_seconds"), message, "raise longest_seconds, or lower it")


def _classes(path: Path) -> set[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
