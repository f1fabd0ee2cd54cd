"""Released migrations are locked by digest: what changes one is a finding, and locking again does not hide it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from typer.testing import CliRunner

from generator.cli import app
from generator.spec.lock import LockError, lock
from tests.generator.spec_folder import SpecFolder

SECOND, THIRD = "0002_tags.sql", "0003_sizes.sql"


@pytest.fixture
def folder(spec: SpecFolder) -> Path:
    """Three migrations, of which two are locked."""
    spec.migrations[SECOND] = "CREATE TABLE tags (id INTEGER PRIMARY KEY);\n"
    spec.migrations[THIRD] = "ALTER TABLE notes ADD COLUMN size INTEGER;\n"
    folder = spec.write() / "migrations"
    assert lock(folder, "2") == ["0001_initial.sql", SECOND]
    return folder


def edit(name: str, old: str, new: str) -> Callable[[SpecFolder], object]:
    return lambda spec: spec.migrations.update({name: spec.migrations[name].replace(old, new)})


def rename(**names: str) -> Callable[[SpecFolder], object]:
    """Other numbers and names, by number; an empty one removes the migration."""

    def change(spec: SpecFolder) -> None:
        moved = {names.get(f"n{name[:4]}", name): sql for name, sql in spec.migrations.items()}
        spec.migrations = {name: sql for name, sql in moved.items() if name}

    return change


CHANGES: dict[str, Callable[[SpecFolder], object]] = {
    "an edited statement": edit(SECOND, "tags", "marks"),
    "an edited comment": edit(SECOND, "CREATE", "-- Words.\nCREATE"),
    "a removed one": rename(n0002="", n0003="0002_sizes.sql"),
    "all removed but the first": rename(n0002="", n0003=""),
    "a renamed one": rename(n0002="0002_words.sql"),
    "two in another order": rename(n0002="0003_tags.sql", n0003="0002_sizes.sql"),
    "one before a locked one": lambda spec: spec.migrations.update({"0001_first.sql": "CREATE TABLE a (id INTEGER);"}),
}


def written_anew(spec: SpecFolder, folder: Path) -> str:
    for path in folder.glob("*.sql"):
        path.unlink()
    return spec.diagnostics()


def test_changes_of_locked_migrations_are_findings(spec: SpecFolder, folder: Path, snapshot: SnapshotAssertion) -> None:
    before, parts = dict(spec.migrations), []
    for name, change in CHANGES.items():
        spec.migrations = dict(before)
        change(spec)
        parts.append(f"# {name}\n{written_anew(spec, folder)}\n")
        with pytest.raises(LockError, match="released"):
            lock(folder, "1")
    (folder / "lock.json").write_text("[")
    spec.migrations = before
    parts.append(f"# a lock that is broken\n{written_anew(spec, folder)}\n")
    assert "\n".join(parts) == snapshot


def test_what_is_not_locked_can_be_corrected(spec: SpecFolder, folder: Path) -> None:
    edit(THIRD, "INTEGER", "REAL")(spec)
    spec.migrations["0004_more.sql"] = "CREATE TABLE more (id INTEGER PRIMARY KEY);\n"
    assert spec.diagnostics() == ""
    (folder / SECOND).write_bytes(spec.migrations[SECOND].replace("\n", "\r\n").encode())
    assert lock(folder, THIRD) == [THIRD]
    edit(THIRD, "REAL", "INTEGER")(spec)
    assert f"the released migration {THIRD} was edited" in spec.diagnostics()


def test_the_command_locks_and_says_what(spec: SpecFolder, folder: Path) -> None:
    def run(through: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["lock", through, "--project", str(spec.project)])
        return result.exit_code, result.output

    assert run("0003") == (0, f"locked   spec/migrations/{THIRD}\n")
    assert run("0003") == (0, "locked already\n")
    code, output = run("0009")
    assert code == 1
    assert "there is no migration '0009'" in output
