"""What was edited by hand in generated/: it is noticed, and kept, carried back or dropped."""

import subprocess
from pathlib import Path

import pytest

from tests.generator.output_folder import command, edit, make_project
from tests.generator.spec_folder import SpecFolder

COPY, ITS_TEMPLATE = "local/note.txt", "local/note.txt"
CORE_COPY, ITS_CORE_TEMPLATE = "worker/src/ossgard/routes/health.py", "core/ossgard/routes/health.py"
MIGRATION = "worker/migrations/0001_initial.sql"
RENDERED = "local/src/spec/types.ts"
MINE = "# mine\n"


@pytest.fixture
def project(spec: SpecFolder) -> Path:
    """A project that was generated."""
    project = make_project(spec)
    (project / "templates" / ITS_TEMPLATE).write_text("a note\n")
    assert command("generate", "-p", str(project)).exit_code == 0
    return project


def add(project: Path, name: str, text: str = MINE) -> Path:
    """Edit a file of the output by hand."""
    path = project / "generated" / name
    edit(path, path.read_text() + text)
    return path


def git(project: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *arguments], cwd=project, check=True, capture_output=True)


def commit(project: Path) -> None:
    """Commit everything but the record."""
    if not (project / ".git").exists():
        (project / ".gitignore").write_text("/build/\n")
        git(project, "init")
    git(project, "add", "--all")
    git(project, "commit", "--message", "All")


def assert_refused(project: Path, *names: str) -> None:
    before = {name: (project / "generated" / name).read_bytes() for name in names}
    result = command("generate", "-p", str(project))
    assert result.exit_code == 1
    # Warnings stand before it.
    listed = result.output.partition("these files were edited by hand")[2]
    assert [line.strip() for line in listed.splitlines() if line.startswith("    ")] == [
        str(project / "generated" / name) for name in names
    ]
    assert "`make adopt`" in result.output
    assert "`make discard`" in result.output
    assert {name: (project / "generated" / name).read_bytes() for name in names} == before


def test_what_is_written_is_read_only_and_so_is_what_stood_there_already(project: Path) -> None:
    files = [path for path in (project / "generated").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o444}
    for path in files:
        path.chmod(0o644)
    (project / "build/ossgard-gen.json").unlink()
    result = command("generate", "-p", str(project))
    assert "0 written" in result.output or "all as the spec gives them" in result.output
    assert {path.stat().st_mode & 0o777 for path in files if path.name != ".manifest"} == {0o444}


@pytest.mark.parametrize("name", [COPY, CORE_COPY, MIGRATION, RENDERED])
def test_an_edit_is_not_overwritten(project: Path, name: str) -> None:
    add(project, name)
    assert_refused(project, name)


def test_an_edit_is_not_overwritten_when_the_spec_changes_too(project: Path, spec: SpecFolder) -> None:
    add(project, RENDERED)
    spec.database["enums"]["NoteState"] = {"values": ["open"]}
    spec.write()
    assert_refused(project, RENDERED)


def test_an_edit_of_a_file_that_would_go_is_not_lost(project: Path) -> None:
    path = add(project, COPY)
    (project / "templates" / ITS_TEMPLATE).unlink()
    assert_refused(project, COPY)
    result = command("adopt", "-p", str(project))
    assert result.exit_code == 1
    assert f"{path}: what it was made from is gone" in result.output


def test_edits_of_schemas_are_noticed(project: Path) -> None:
    schema = project / "spec/schema/jobs.schema.json"
    edit(schema, "{}\n")
    result = command("generate", "-p", str(project))
    assert result.exit_code == 1
    assert str(schema) in result.output


def test_what_is_edited_and_edited_back_is_no_edit(project: Path) -> None:
    path = project / "generated" / COPY
    text = path.read_text()
    edit(path, "mine\n")
    edit(path, text)
    assert command("generate", "-p", str(project)).exit_code == 0


def test_what_was_deleted_is_written_again(project: Path) -> None:
    (project / "generated" / COPY).unlink()
    result = command("generate", "-p", str(project))
    assert result.exit_code == 0
    assert f"wrote    generated/{COPY}" in result.output


@pytest.mark.parametrize(
    ("name", "source"),
    [
        (COPY, f"templates/{ITS_TEMPLATE}"),
        (CORE_COPY, f"templates/{ITS_CORE_TEMPLATE}"),
        (MIGRATION, "spec/migrations/0001_initial.sql"),
    ],
)
def test_an_edit_of_a_copy_is_carried_back(project: Path, name: str, source: str) -> None:
    mine = "-- mine\n" if name == MIGRATION else MINE
    edited = add(project, name, mine).read_bytes()
    result = command("adopt", "-p", str(project))
    assert result.exit_code == 0, result.output
    assert f"wrote    {project / source}" in result.output
    assert (project / source).read_bytes() == edited
    assert (project / source).stat().st_mode & 0o777 == 0o644
    assert command("generate", "-p", str(project)).exit_code == 0
    assert (project / "generated" / name).read_bytes() == edited
    assert "nothing in generated/ was edited" in command("adopt", "-p", str(project)).output


def test_an_edit_of_what_is_rendered_is_refused_by_its_template_and_the_others_are_carried_back(project: Path) -> None:
    rendered, copy = add(project, RENDERED), add(project, COPY)
    template = project / f"templates/{RENDERED}.j2"
    before = template.read_bytes()
    result = command("adopt", "-p", str(project))
    assert result.exit_code == 1
    assert f"{rendered}: it is rendered from {template} and the spec; make the change there" in result.output
    assert template.read_bytes() == before
    assert (project / "templates" / ITS_TEMPLATE).read_bytes() == copy.read_bytes()


def test_an_edit_of_a_copy_whose_template_has_changed_too_is_refused(project: Path) -> None:
    add(project, COPY)
    template = project / "templates" / ITS_TEMPLATE
    template.write_text("another note\n")
    result = command("adopt", "-p", str(project))
    assert result.exit_code == 1
    assert f"{template} has changed, too; bring the two together there" in result.output
    assert template.read_text() == "another note\n"
    assert_refused(project, COPY)


def test_edits_are_dropped_when_one_says_so(project: Path) -> None:
    path = project / "generated" / RENDERED
    before = path.read_bytes()
    add(project, RENDERED)
    result = command("generate", "-p", str(project), "--discard")
    assert result.exit_code == 0
    assert f"wrote    generated/{RENDERED}" in result.output
    assert path.read_bytes() == before


# ---- what is no edit


def test_without_a_record_and_without_git_nobody_is_accused(project: Path) -> None:
    (project / "build/ossgard-gen.json").unlink()
    (project / "templates" / ITS_TEMPLATE).write_text("another note\n")
    assert command("generate", "-p", str(project)).exit_code == 0


def test_in_a_fresh_clone_only_an_edit_is_taken_for_one(project: Path, tmp_path: Path) -> None:
    commit(project)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", str(project), str(clone))
    add(clone, COPY)
    assert_refused(clone, COPY)
    git(clone, "checkout", ".")
    (clone / "templates" / ITS_TEMPLATE).write_text("another note\n")
    assert command("generate", "-p", str(clone)).exit_code == 0


def test_what_git_has_written_is_no_edit(project: Path) -> None:
    """Another branch, whose output is not what its spec gives."""
    commit(project)
    git(project, "checkout", "-b", "other")
    add(project, COPY, "out of date\n")
    commit(project)
    git(project, "checkout", "main")
    assert "all as the spec gives them" in command("generate", "-p", str(project)).output
    git(project, "checkout", "other")
    result = command("generate", "-p", str(project))
    assert result.exit_code == 0
    assert f"wrote    generated/{COPY}" in result.output


def test_what_is_staged_and_not_committed_is_an_edit(project: Path) -> None:
    commit(project)
    add(project, COPY)
    git(project, "add", "--all")
    assert_refused(project, COPY)


def test_what_a_merge_has_left_open_is_no_edit(project: Path) -> None:
    commit(project)
    for branch in ("one", "two"):
        git(project, "checkout", "-b", branch, "main")
        (project / "templates" / ITS_TEMPLATE).write_text(f"the note of {branch}\n")
        assert command("generate", "-p", str(project)).exit_code == 0
        commit(project)
    with pytest.raises(subprocess.CalledProcessError):
        git(project, "merge", "one")
    assert "<<<<<<<" in (project / "generated" / COPY).read_text()
    (project / "templates" / ITS_TEMPLATE).write_text("the note of both\n")
    assert command("generate", "-p", str(project)).exit_code == 0
    assert (project / "generated" / COPY).read_text() == "the note of both\n"


def test_what_a_killed_run_has_written_is_no_edit(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template, written = project / "templates" / ITS_TEMPLATE, project / "generated" / COPY
    template.write_text("another note\n")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("generator.cli.remember", die)
    command("generate", "-p", str(project))
    monkeypatch.undo()
    assert written.read_text() == "another note\n"
    template.write_text("a third note\n")
    assert command("generate", "-p", str(project)).exit_code == 0
    assert written.read_text() == "a third note\n"
