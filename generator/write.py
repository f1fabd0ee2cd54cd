"""Puts planned output on disk: only what differs, each file by rename and read-only, stale files gone by manifest."""

import contextlib
import difflib
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

MANIFEST = ".manifest"
# Nobody edits what is written here without noticing.
_MODE = 0o444
_TEMPORARY = ".ossgard-gen-"
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_HEADER = "# The files that ossgard-gen wrote here; it touches no others.\n"


@dataclass
class Changes:
    """What a write changes: paths relative to the output folder, sorted."""

    written: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.written or self.removed)


class NotOwnedError(Exception):
    """A planned file stands on disk already, and was not written by the generator."""

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths
        listed = "\n".join(f"    {path}" for path in paths)
        super().__init__(f"these files are in the way, and ossgard-gen did not write them; move them first:\n{listed}")


def compare(output: Mapping[str, bytes], folder: Path) -> Changes:
    """What writing the output would change."""
    owned = read_manifest(folder)
    return Changes(
        written=[path for path, content in sorted(output.items()) if read(folder / path) != content],
        removed=[path for path in sorted(owned - set(output)) if (folder / path).is_file()],
    )


def write(output: Mapping[str, bytes], folder: Path) -> Changes:
    """Make the folder hold the output.

    Each file is read-only, and replaced by rename: a reader or an interruption sees a whole old file or a whole new
    one. The manifest covers old and new files from before the first change until after the last, so that the next run
    finishes what an interrupted one began.

    Raises:
        NotOwnedError: a file that the generator did not write is in the way; nothing was changed.
    """
    owned = read_manifest(folder)
    changes = compare(output, folder)
    foreign = [path for path in changes.written if path not in owned and _is_foreign(folder, path, changes.removed)]
    if foreign:
        raise NotOwnedError(foreign)
    _remove_leftovers(folder, output)
    if owned | set(output) != owned:
        replace(folder / MANIFEST, _manifest(owned | set(output)), _MODE)
    # Stale files go first: one may stand where a new file needs a folder, or the other way round.
    for path in changes.removed:
        (folder / path).unlink(missing_ok=True)
        _remove_empty_parents(folder, path)
    for path in changes.written:
        replace(folder / path, output[path], _MODE)
    _protect(folder, output)
    if read_manifest(folder) != set(output) or not (folder / MANIFEST).exists():
        replace(folder / MANIFEST, _manifest(set(output)), _MODE)
    return changes


def unified_diff(output: Mapping[str, bytes], folder: Path, changes: Changes) -> Iterator[str]:
    """How the files on disk would change, as a unified diff."""
    for path in sorted(changes.written + changes.removed):
        before, after = read(folder / path), output.get(path)
        try:
            old = _LINE.findall((before or b"").decode())
            new = _LINE.findall((after or b"").decode())
        except UnicodeDecodeError:
            yield f"Binary files a/{path} and b/{path} differ\n"
            continue
        names = ("/dev/null" if before is None else f"a/{path}", "/dev/null" if after is None else f"b/{path}")
        for line in difflib.unified_diff(old, new, *names):
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def read_manifest(folder: Path) -> set[str]:
    """The paths that the generator wrote here; paths that lead out of the folder are not believed."""
    content = read(folder / MANIFEST) or b""
    lines = content.decode("utf-8", "replace").splitlines()
    return {line for line in lines if line and not line.startswith("#") and _is_inside(line)}


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path)
    return not parts.is_absolute() and ".." not in parts.parts


def _manifest(paths: set[str]) -> bytes:
    return (_HEADER + "".join(f"{path}\n" for path in sorted(paths))).encode()


def read(path: Path) -> bytes | None:
    """What a file holds; None where there is no file."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def replace(path: Path, content: bytes, mode: int) -> None:
    """Make a file hold the content, by rename; `mode` is what it permits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _is_foreign(folder: Path, path: str, removed: list[str]) -> bool:
    """Whether something that is not the generator's stands at a path; a folder of stale files alone gives way."""
    target = folder / path
    if not target.is_dir():
        return target.exists()
    return any(found.relative_to(folder).as_posix() not in removed for found in target.rglob("*") if not found.is_dir())


def _protect(folder: Path, paths: Iterable[str]) -> None:
    """Make read-only what stood there already: Git writes files that everybody may edit."""
    for path in paths:
        if stat.S_IMODE((folder / path).stat().st_mode) != _MODE:
            (folder / path).chmod(_MODE)


def _remove_leftovers(folder: Path, output: Mapping[str, bytes]) -> None:
    """Remove the temporary files of a run that was killed."""
    for parent in {folder, *((folder / path).parent for path in output)}:
        if parent.is_dir():
            for leftover in parent.glob(f"{_TEMPORARY}*"):
                leftover.unlink(missing_ok=True)


def _remove_empty_parents(folder: Path, path: str) -> None:
    for parent in (folder / path).parents:
        if parent == folder:
            return
        try:
            parent.rmdir()
        except OSError:
            return
