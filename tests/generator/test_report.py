"""How findings reach people and programs: text, JSON, GitHub's commands; paths as the shell sees them; warnings."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from generator.diagnostics import Position
from generator.findings.sql import SQL005
from generator.report import Format, render
from tests.generator.output_folder import command, make_project
from tests.generator.spec_folder import TEMPLATES, SpecFolder

PROJECT = Path(__file__).parents[2]
TEMPLATE = "local/src/spec/types.ts.j2"


@pytest.fixture
def project(spec: SpecFolder) -> Path:
    """A project with the small spec and a few templates of its own."""
    # What nothing uses would be a warning.
    spec.routes["scalars"].clear()
    return make_project(spec)


def break_method(spec: SpecFolder) -> None:
    spec.method("clear", "DELETE FROM note")
    spec.write()


def test_github_gets_one_escaped_command_a_finding(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    finding = SQL005(Position("spec/a,b:c.yaml", 3, 7), "50% of\nit: 'a,b'", "write 100%")
    assert render([finding], Format.GITHUB, project) == (
        "::error file=spec/a%2Cb%3Ac.yaml,line=3,col=7,title=SQL005::50%25 of%0Ait: 'a,b'%0Ahelp: write 100%25"
    )


@pytest.mark.parametrize("spec_only", [[], ["--spec-only"]])
def test_json_holds_every_finding_and_nothing_else(project: Path, spec: SpecFolder, spec_only: list[str]) -> None:
    command("generate", "-p", str(project))
    assert json.loads(command("check", "-p", str(project), "--format", "json", *spec_only).stdout) == []
    break_method(spec)
    result = command("check", "-p", str(project), "--format", "json", *spec_only)
    assert result.exit_code == 1
    (found,) = json.loads(result.stdout)
    assert (found["code"], found["severity"], found["line"]) == ("SQL005", "error", 24)
    assert found["message"] == "there is no table 'note'"
    assert found["hint"] == "did you mean 'notes'?"


def test_json_names_the_files_that_differ(project: Path) -> None:
    result = command("check", "-p", str(project), "--format", "json")
    assert result.exit_code == 1
    assert {"OUT001"} == {found["code"] for found in json.loads(result.stdout)}


@pytest.mark.parametrize("place", ["", "spec", ".."])
def test_paths_lead_to_the_file_from_where_the_shell_stands(
    project: Path, spec: SpecFolder, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    break_method(spec)
    monkeypatch.chdir(project / place)
    result = command("check", "--spec-only", "-p", os.path.relpath(project))
    path, line, column = result.output.splitlines()[0].split(":")[:3]
    assert Path(path).samefile(project / "spec/database.yaml")
    assert Path(path).read_text().splitlines()[int(line) - 1][int(column) - 1 :] == "DELETE FROM note"


def test_warnings_stop_only_where_that_is_asked_for(project: Path, spec: SpecFolder) -> None:
    command("generate", "-p", str(project))
    spec.database["enums"]["Colour"] = {"values": ["red"]}
    spec.write()
    assert "warning USE001: nothing uses 'Colour'" in command("generate", "-p", str(project)).output
    relaxed = command("check", "-p", str(project))
    assert relaxed.exit_code == 0
    assert "warning USE001" in relaxed.output
    strict = command("check", "-p", str(project), "--strict")
    assert strict.exit_code == 1
    assert "1 warning" in strict.output
    (found,) = json.loads(command("check", "-p", str(project), "--format", "json").stdout)
    assert found["severity"] == "warning"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{{ methds }}", "'methds' is undefined"),
        ("{{ version | upper", "end of print statement"),
        ("{% include 'nothing.j2' %}", "nothing.j2"),
        ("{{ version + 1 }}", "concatenate"),
    ],
)
def test_an_error_in_a_template_is_a_finding_at_its_line(project: Path, wrong: str, said: str) -> None:
    path = project / "templates" / TEMPLATE
    path.write_text(f"// First.\n\n  {wrong}\n")
    result = command("generate", "-p", str(project), "--templates", str(project / "templates"))
    assert result.exit_code == 1
    first = result.output.splitlines()[0]
    assert f"{os.path.relpath(path)}:3:3: error TPL001: " in first
    assert said in first
    assert not (project / "generated").exists()


def test_a_template_that_gives_no_python_is_a_finding(project: Path) -> None:
    (project / "templates/core/ossgard/spec/entities.py.j2").write_text("def (\n")
    result = command("generate", "-p", str(project))
    assert result.exit_code == 1
    assert "entities.py.j2:1:1: error TPL001: it gives no valid Python" in result.output


def test_the_spec_alone_is_checked_without_templates_being_rendered(project: Path) -> None:
    (project / "templates" / TEMPLATE).write_text("{{ methds }}")
    result = command("check", "--spec-only", "-p", str(project))
    assert result.exit_code == 0
    assert "nothing was found" in result.output


def test_watching_checks_again_after_each_change(project: Path, spec: SpecFolder, tmp_path: Path) -> None:
    log = tmp_path / "watch.log"
    program = "from generator.cli import main; main()"
    arguments = [sys.executable, "-c", program, "check", "--spec-only", "--watch", "-p", str(project)]
    with log.open("w") as output, subprocess.Popen(arguments, cwd=PROJECT, stdout=output, stderr=output) as process:

        def wait_for(text: str) -> None:
            while text not in log.read_text():
                assert process.poll() is None, log.read_text()
                time.sleep(0.05)

        try:
            wait_for("waiting for a change")
            break_method(spec)
            wait_for("SQL005")
            assert log.read_text().index("nothing was found") < log.read_text().index("SQL005")
        finally:
            process.terminate()


def test_the_service_is_shown_as_it_is_written(spec: SpecFolder) -> None:
    project = make_project(spec)
    (project / "templates/SERVICE.md.j2").write_bytes((TEMPLATES / "SERVICE.md.j2").read_bytes())
    shown = command("show", "-p", str(project)).stdout
    command("generate", "-p", str(project))
    assert shown == (project / "generated/SERVICE.md").read_text()
    assert 'scan["scan<br/>1 repository"] --> done_' in shown
    assert "    notes {\n        INTEGER id PK\n        INTEGER account_id FK\n" in shown
    assert "    accounts ||--o{ notes : account_id\n" in shown
    assert "| `GET /health` | Whether the service answers. | none | 200 `Health` | INTERNAL_ERROR |" in shown
    assert "### account\n\n| Method | | Result |\n|---|---|---|\n| `getAccount()`" in shown
    assert "| `PIPELINE_QUEUE` | Queue | notes-pipeline: " in shown
