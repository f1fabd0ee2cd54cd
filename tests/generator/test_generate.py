"""How output reaches the disk: the same bytes each time, only what changed, whole files, and no file of others."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from generator.write import MANIFEST, NotOwnedError, compare, write
from tests.generator.output_folder import command, edit, make_project
from tests.generator.spec_folder import TEMPLATES, SpecFolder

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def project(spec: SpecFolder) -> Path:
    """A project with the small spec and a few templates of its own."""
    project = make_project(spec)
    (project / "templates/local/image.bin").write_bytes(b"\x00\xff")
    return project


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def process(*arguments: str, before: str = "", seed: str = "0") -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own; `before` is Python that it runs first."""
    program = f"{before}\nfrom generator.cli import main\nmain()"
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_generate_writes_everything_and_says_so(project: Path) -> None:
    result = command("generate", "-p", str(project))
    assert result.exit_code == 0, result.output
    assert "wrote    generated/local/src/spec/types.ts" in result.output
    assert "7 files: 7 written, 0 removed" in result.output
    assert (project / "generated/local/image.bin").read_bytes() == b"\x00\xff"
    assert (project / "spec/schema/database.schema.json").exists()
    assert command("check", "-p", str(project)).exit_code == 0


def test_the_same_spec_gives_the_same_bytes_in_every_process(project: Path) -> None:
    for seed in ("1", "4711"):
        copy = project.parent / f"{project.name}-{seed}"
        (project / "generated").rename(copy) if (project / "generated").exists() else None
        done = process("generate", "-p", str(project), "--templates", str(TEMPLATES), seed=seed)
        assert done.returncode == 0, done.stderr
        (project / "generated").rename(copy)
        (project / "build" / "ossgard-gen.json").unlink()
    first, second = (tree(project.parent / f"{project.name}-{seed}") for seed in ("1", "4711"))
    assert first == second
    assert len(first) > 100


def test_a_second_run_touches_no_file(project: Path) -> None:
    command("generate", "-p", str(project))
    times = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    again = command("generate", "-p", str(project))
    assert "7 files, all as the spec gives them" in again.output
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == times


@pytest.mark.parametrize("damage", ["", "not JSON", "[]", '{"inputs": 1}'])
def test_a_damaged_record_costs_time_only(project: Path, damage: str) -> None:
    command("generate", "-p", str(project))
    (project / "build" / "ossgard-gen.json").write_text(damage)
    edit(project / "generated/local/src/spec/types.ts", "mine now\n")
    result = command("generate", "-p", str(project))
    assert result.exit_code == 0
    assert "7 files: 1 written, 0 removed" in result.output


def test_only_what_changed_is_written(project: Path, spec: SpecFolder) -> None:
    command("generate", "-p", str(project))
    spec.database["enums"]["NoteState"] = {"values": ["open"]}
    spec.write()
    result = command("generate", "-p", str(project))
    written = [line.split()[1] for line in result.output.splitlines() if line.startswith("wrote")]
    assert written == ["generated/local/src/spec/types.ts", "generated/worker/src/ossgard/spec/entities.py"]


def test_stale_files_and_their_empty_folders_go_and_others_stay(project: Path) -> None:
    extra = project / "templates/local/deep/er/note.txt"
    extra.parent.mkdir(parents=True)
    extra.write_text("a note\n")
    command("generate", "-p", str(project))
    foreign = project / "generated/local/node_modules/mine.js"
    foreign.parent.mkdir()
    foreign.write_text("mine\n")
    extra.unlink()
    result = command("generate", "-p", str(project))
    assert "removed  generated/local/deep/er/note.txt" in result.output
    assert not (project / "generated/local/deep").exists()
    assert foreign.read_text() == "mine\n"


def test_a_foreign_file_in_the_way_is_never_overwritten(project: Path) -> None:
    foreign = project / "generated/local/src/spec/types.ts"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("mine\n")
    result = command("generate", "-p", str(project))
    assert result.exit_code == 1
    assert "local/src/spec/types.ts" in result.output
    assert "move them first" in result.output
    assert tree(project / "generated") == {"local/src/spec/types.ts": b"mine\n"}


def test_a_file_may_become_a_folder_and_a_folder_a_file(tmp_path: Path) -> None:
    write({"a": b"1", "b/c": b"2"}, tmp_path)
    write({"a/c": b"3", "b": b"4"}, tmp_path)
    assert tree(tmp_path) == {"a/c": b"3", "b": b"4", MANIFEST: (tmp_path / MANIFEST).read_bytes()}
    (tmp_path / "a/mine").write_bytes(b"5")
    with pytest.raises(NotOwnedError):
        write({"a": b"6"}, tmp_path)
    assert (tmp_path / "a/c").read_bytes() == b"3"


def test_a_manifest_that_leads_out_of_the_folder_is_not_believed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("mine\n")
    folder = tmp_path / "generated"
    folder.mkdir()
    (folder / MANIFEST).write_text(f"../outside.txt\n{outside}\na/../../outside.txt\n")
    write({"a": b"1"}, folder)
    assert outside.read_text() == "mine\n"


@pytest.mark.parametrize("files", [0, 1, 2, 5, 7])
def test_a_failure_after_some_files_leaves_whole_ones_and_is_finished_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    before = {f"f{number}": f"old {number}".encode() * 1000 for number in range(6)}
    after = {f"f{number}": f"new {number}".encode() * 1000 for number in range(3, 9)}
    write(before, tmp_path)
    replace, done = os.replace, list[str]()

    def failing(source: str, target: str) -> None:
        if len(done) == files:
            raise OSError(28, "No space left on device")
        done.append(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="No space"):
        write(after, tmp_path)
    monkeypatch.undo()
    for name, content in tree(tmp_path).items():
        assert name == MANIFEST or content in (before.get(name), after.get(name))
    write(after, tmp_path)
    assert {name: content for name, content in tree(tmp_path).items() if name != MANIFEST} == after
    assert not compare(after, tmp_path)


@pytest.mark.parametrize("files", [0, 3, 7])
def test_a_killed_run_leaves_whole_files_and_is_finished_by_the_next_run(project: Path, files: int) -> None:
    kill = (
        "import os, signal\n"
        f"replace, left = os.replace, [{files}]\n"
        "def killing(source, target):\n"
        "    left[0] -= 1\n"
        "    if left[0] < 0: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    replace(source, target)\n"
        "os.replace = killing\n"
    )
    done = process("generate", "-p", str(project), before=kill)
    assert done.returncode == -signal.SIGKILL
    partial = {name: content for name, content in tree(project / "generated").items() if ".ossgard-gen-" not in name}
    assert command("generate", "-p", str(project)).exit_code == 0
    whole = tree(project / "generated")
    assert all(whole[name] == content for name, content in partial.items() if name != MANIFEST)
    assert not [name for name in whole if ".ossgard-gen-" in name]
    assert command("check", "-p", str(project)).exit_code == 0


def test_nothing_is_written_when_a_check_fails(project: Path, spec: SpecFolder) -> None:
    command("generate", "-p", str(project))
    before = tree(project / "generated")
    spec.database["methods"]["getAccount"]["result"] = "Acount?"
    spec.bindings["worker"]["plan"] = "payed"
    spec.write()
    result = command("generate", "-p", str(project))
    assert result.exit_code == 1
    assert "spec/database.yaml:20:13: error TYPE001: unknown entity 'Acount'" in result.output
    assert "help: did you mean 'Account'?" in result.output
    assert "unknown plan 'payed'" in result.output
    assert "2 errors; nothing was written" in result.output
    assert tree(project / "generated") == before


def test_check_prints_a_unified_diff_and_fails(project: Path, spec: SpecFolder) -> None:
    (project / "templates/local/gone.txt").write_text("soon\n")
    command("generate", "-p", str(project))
    spec.database["enums"]["NoteState"] = {"values": ["open"]}
    spec.write()
    edit(project / "generated/local/image.bin", b"\x00\xfe")
    (project / "templates/local/gone.txt").unlink()
    result = command("check", "-p", str(project))
    assert result.exit_code == 1
    assert "--- a/local/src/spec/types.ts\n+++ b/local/src/spec/types.ts\n@@" in result.stdout
    assert '+export type NoteState = "open";\n' in result.stdout
    assert "Binary files a/local/image.bin and b/local/image.bin differ" in result.stdout
    assert "--- a/local/gone.txt\n+++ /dev/null\n" in result.stdout
    assert "generated/local/gone.txt:1:1: error OUT001: it is not what the spec gives" in result.output
    assert "4 errors" in result.output
    assert (project / "generated/local/image.bin").read_bytes() == b"\x00\xfe"


def test_check_asks_for_current_schemas_and_explanations(project: Path) -> None:
    command("generate", "-p", str(project))
    edit(project / "spec/schema/jobs.schema.json", "{}\n")
    result = command("check", "-p", str(project))
    assert result.exit_code == 1
    assert "spec/schema/jobs.schema.json:1:1: error OUT001: it is not what the spec gives" in result.output


def test_help_teaches() -> None:
    overview = command("--help").output
    for word in ("spec/*.yaml", "generated/worker", "generate", "check", "phase", "Exit codes"):
        assert word in overview
    assert "nothing is written" in " ".join(command("generate", "--help").output.split())
    assert "unified diff" in " ".join(command("check", "--help").output.split())
    assert command("chek").exit_code == 2


def test_a_folder_without_a_spec_is_explained(tmp_path: Path) -> None:
    result = command("generate", "-p", str(tmp_path))
    assert result.exit_code == 1
    assert "run it in the project's folder" in result.output
    (tmp_path / "templates").mkdir()
    result = command("generate", "-p", str(tmp_path))
    assert result.exit_code == 1
    assert "the spec needs a file spec/database.yaml" in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_a_spec_file_that_is_a_folder_is_explained(project: Path) -> None:
    (project / "spec/jobs.yaml").unlink()
    (project / "spec/jobs.yaml").mkdir()
    result = command("generate", "-p", str(project))
    assert result.exit_code == 1
    assert "spec/jobs.yaml:1:1: error SPEC001: cannot be read" in result.output


def test_an_output_folder_that_cannot_be_written_is_explained(project: Path) -> None:
    (project / "generated").write_text("not a folder\n")
    result = command("generate", "-p", str(project))
    assert result.exit_code == 1
    assert "cannot write" in result.output
    assert isinstance(result.exception, SystemExit)


def test_a_read_only_output_folder_is_explained(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, dir: Path, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(dir))

    # Permissions do not stop root, whom tests may run as.
    monkeypatch.setattr("tempfile.mkstemp", refuse)
    result = command("generate", "-p", str(project))
    assert result.exit_code == 1
    assert "cannot write: [Errno 13] Permission denied" in result.output
    assert isinstance(result.exception, SystemExit)
