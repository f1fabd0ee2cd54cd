"""Mistakes and what is found: each gives the finding of its kind at its place, and its correction gives none.

Every kind of finding is explained, and has a mistake that gives it.
"""

from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from typer.testing import CliRunner

from generator.cli import app
from generator.diagnostics import Diagnostic, explanation
from generator.findings import FAMILIES, KINDS, RETIRED, reference
from tests.generator.mistakes import Edits, at, findings, mistakes

MISTAKES = mistakes()
# What no edit of the spec gives: their tests are in other files.
ELSEWHERE = {"OUT001": "test_generate", "TPL001": "test_report"}
ELSEWHERE |= {code: "test_compat" for code in KINDS if code.startswith("COMPAT")}


@cache
def usual() -> frozenset[str]:
    """What the small spec is told as it stands: warnings, since most of the real code is for another spec."""
    with TemporaryDirectory() as folder:
        return frozenset(finding.message for finding in findings(Path(folder), {}) if finding.severity == "warning")


def unusual(project: Path, edits: Edits) -> list[Diagnostic]:
    """What is found after edits only."""
    return [finding for finding in findings(project, edits) if finding.message not in usual()]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found_at_its_place(tmp_path: Path, name: str) -> None:
    mistake = MISTAKES[name]
    found = unusual(tmp_path, mistake.edit)
    assert [finding.code for finding in found] == [mistake.code]
    assert at(found[0]).startswith(mistake.at)


@pytest.mark.parametrize("name", MISTAKES)
def test_the_correction_of_a_mistake_is_accepted(tmp_path: Path, name: str) -> None:
    mistake = MISTAKES[name]
    assert [str(finding) for finding in unusual(tmp_path, mistake.fixed) if finding.code == mistake.code] == []


def test_every_kind_of_finding_has_a_mistake_and_a_correction() -> None:
    tried = {mistake.code for mistake in MISTAKES.values()}
    assert tried | ELSEWHERE.keys() == KINDS.keys()
    assert {mistake.code for mistake in MISTAKES.values() if mistake.fixed} == tried
    assert all(name.startswith(f"{mistake.code}-") for name, mistake in MISTAKES.items())


@pytest.mark.parametrize("code", KINDS)
def test_every_kind_of_finding_is_explained(code: str) -> None:
    said = explanation(KINDS[code])
    assert said.what.endswith(".")
    assert said.way_out.endswith(".")
    shown = CliRunner().invoke(app, ["explain", code.lower()])
    assert shown.exit_code == 0
    assert said.what in shown.output
    assert shown.output in reference()


def test_no_code_is_used_twice_or_again() -> None:
    classes = [name for module in FAMILIES.values() for name in vars(module) if name in KINDS]
    assert [code for code, count in Counter(classes).items() if count > 1] == []
    assert RETIRED.isdisjoint(KINDS)
    numbers: dict[str, set[int]] = {}
    for code in {*KINDS, *RETIRED}:
        numbers.setdefault(code[:-3], set()).add(int(code[-3:]))
    # A code that was removed is a hole, unless it is listed as retired.
    assert {family: found for family, found in numbers.items() if found != set(range(1, len(found) + 1))} == {}


def test_an_unknown_code_is_answered_by_the_closest() -> None:
    result = CliRunner().invoke(app, ["explain", "SQL0O3"])
    assert result.exit_code == 1
    assert "did you mean 'SQL0" in result.output
