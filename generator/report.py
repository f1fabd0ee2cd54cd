"""How findings are shown: as text, as JSON for programs, and as GitHub's workflow commands."""

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from generator.diagnostics import Diagnostic


class Format(StrEnum):
    """In which form findings are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def render(findings: Iterable[Diagnostic], form: Format, project: Path) -> str:
    """Findings in a form, their files as the shell sees them: relative to where it stands."""
    shown = [_seen_from_here(finding, project) for finding in findings]
    if form is Format.JSON:
        return json.dumps([_as_data(finding) for finding in shown], indent=2, ensure_ascii=False)
    return "\n".join(map(_command if form is Format.GITHUB else str, shown))


def _seen_from_here(finding: Diagnostic, project: Path) -> Diagnostic:
    file = os.path.relpath(project / finding.position.file)
    return replace(finding, position=replace(finding.position, file=file))


def _as_data(finding: Diagnostic) -> dict[str, str | int]:
    place = finding.position
    return {
        "code": finding.code,
        "severity": finding.severity,
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "message": finding.message,
        "hint": finding.hint,
    }


def _command(finding: Diagnostic) -> str:
    """A workflow command: https://docs.github.com/actions/reference/workflow-commands-for-github-actions."""
    place = finding.position
    properties = {"file": place.file, "line": place.line, "col": place.column, "title": finding.code}
    listed = ",".join(f"{name}={_escaped(str(value), ':,')}" for name, value in properties.items())
    message = finding.message + (f"\nhelp: {finding.hint}" if finding.hint else "")
    return f"::{finding.severity} {listed}::{_escaped(message)}"


def _escaped(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
