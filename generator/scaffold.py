"""Starts a new phase: its entry in jobs.yaml and a stub of its code, through which scans run at once."""

from pathlib import Path

import yaml

from generator.diagnostics import did_you_mean
from generator.layout import PHASES
from generator.spec.jobs import PhaseSpec
from generator.spec.names import pascal
from generator.spec.source import SourceFile, read_source

_ENTRY = """\
  - name: {name}
    doc: What this phase is for.
    status: {status}
    next: {next}
    slice: {{of: pull requests, size: 50}}
    budget: {{statements: 0, round_trips: 0}}
"""

_STUB = '''\
"""Phase `{name}`: what it is for."""

from ossgard.pipeline.outcome import NextPhase, Outcome
from ossgard.pipeline.phase import Slice
from ossgard.spec.cursors import {cls}Cursor


class {cls}Phase:
    """What it does."""

    async def run(self, slice: Slice[{cls}Cursor]) -> Outcome:
        """Pass the scan on to the next phase."""
        return Outcome(NextPhase())
'''


class ScaffoldError(Exception):
    """The phase cannot be added; the text says why, and what to do."""


def add_phase(project: Path, templates: Path, name: str, after: str) -> list[Path]:
    """Insert phase `name` after the phase `after`; the files that were written.

    Raises:
        ScaffoldError: a name is not usable, or the files do not have the expected form; nothing was written.
    """
    path = project / "spec" / "jobs.yaml"
    source = read_source(path, "spec/jobs.yaml")
    if source.diagnostics:
        raise ScaffoldError("\n".join(map(str, source.diagnostics)))
    phases = source.data.get("phases", []) if isinstance(source.data, dict) else []
    names = [phase.get("name") for phase in phases if isinstance(phase, dict)]
    if after not in names:
        raise ScaffoldError(f"there is no phase '{after}' to follow: {did_you_mean(after, map(str, names))}")
    stub = templates / PHASES / f"{name}.py"
    if name in names or stub.exists():
        raise ScaffoldError(f"there is a phase '{name}' already")
    previous = phases[names.index(after)]
    entry = _ENTRY.format(name=name, status=previous["status"], next=previous["next"])
    try:
        PhaseSpec.model_validate(yaml.safe_load(entry)[0])
    except ValueError as error:
        raise ScaffoldError(f"{name!r} is not a phase name: write lower-case letters, digits and _") from error
    text = _insert(source, names.index(after), name, entry)
    stub.write_text(_STUB.format(name=name, cls=pascal(name)))
    path.write_text(text)
    return [path, stub]


def _insert(source: SourceFile, index: int, name: str, entry: str) -> str:
    """The text of jobs.yaml with the entry behind phase `index`, which now leads to it."""
    lines = source.text.splitlines(keepends=True)
    next_node = source.values[("phases", index, "next")]
    line, column = next_node.start_mark.line, next_node.start_mark.column
    lines[line] = lines[line][:column] + name + lines[line][next_node.end_mark.column :]
    following = source.values.get(("phases", index + 1))
    if following is None:
        if not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        return "".join([*lines, entry])
    # The next entry's dash stands on the line where its mapping starts; comments above it stay with it.
    at = following.start_mark.line
    while lines[at - 1].lstrip().startswith("#"):
        at -= 1
    return "".join([*lines[:at], entry, *lines[at:]])
