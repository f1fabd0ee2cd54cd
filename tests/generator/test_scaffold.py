"""`ossgard-gen phase` starts a new phase, or says why not and writes nothing."""

import shutil
from pathlib import Path

import pytest

from generator.scaffold import ScaffoldError, add_phase
from generator.spec.load import load_spec

ROOT = Path(__file__).parents[2]
PHASES = Path("core/ossgard/pipeline/phases")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "spec", tmp_path / "spec")
    shutil.copytree(ROOT / "templates" / PHASES, tmp_path / "templates" / PHASES)
    return tmp_path


def chain(project: Path) -> list[tuple[str, str]]:
    return [(phase.name, phase.next) for phase in load_spec(project / "spec").spec.jobs.phases]


@pytest.mark.parametrize("after", ["scan", "verify", "rank"])
def test_a_phase_takes_its_place_in_the_chain(project: Path, after: str) -> None:
    before = dict(chain(project))
    add_phase(project, project / "templates", "triage", after)
    assert dict(chain(project)) == {**before, after: "triage", "triage": before[after]}
    stub = (project / "templates" / PHASES / "triage.py").read_text()
    assert "class TriagePhase:" in stub
    assert "slice: Slice[TriageCursor]" in stub


def test_comments_stay_where_they_are(project: Path) -> None:
    def comments_and_names() -> list[str]:
        lines = (project / "spec/jobs.yaml").read_text().splitlines()
        return [line for line in lines if line.strip().startswith(("#", "- name:"))]

    before = comments_and_names()
    add_phase(project, project / "templates", "triage", "verify")
    after = comments_and_names()
    assert [line for line in after if line != "  - name: triage"] == before
    names = [line for line in after if "- name:" in line]
    assert names.index("  - name: triage") == names.index("  - name: verify") + 1


@pytest.mark.parametrize(
    ("name", "after", "message"),
    [
        ("triage", "verfy", "there is no phase 'verfy' to follow: did you mean 'verify'?"),
        ("rank", "verify", "there is a phase 'rank' already"),
        ("Tri age", "verify", "'Tri age' is not a phase name: write lower-case letters, digits and _"),
        ("../out", "verify", "'../out' is not a phase name: write lower-case letters, digits and _"),
        ("", "verify", "'' is not a phase name: write lower-case letters, digits and _"),
    ],
)
def test_a_phase_that_cannot_be_added_changes_nothing(project: Path, name: str, after: str, message: str) -> None:
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    with pytest.raises(ScaffoldError) as refusal:
        add_phase(project, project / "templates", name, after)
    assert str(refusal.value) == message
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before
