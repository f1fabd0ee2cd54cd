"""Released migrations stay as they are: `spec/migrations/lock.json` holds the digest of each."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from generator.diagnostics import Diagnostic, Position, did_you_mean
from generator.findings.migrations import MIG003
from generator.record import LOCK
from generator.write import replace

_WAY_OUT = "it has run on databases, and runs on none of them again: restore it, and write a new migration"


class LockError(Exception):
    """The migrations cannot be locked; the text says why, and what to do."""


def check_lock(folder: Path, here: str, names: Sequence[str]) -> list[Diagnostic]:
    """What was done to locked migrations; without a lock none is locked.

    Args:
        folder: holds the migrations.
        here: the folder's name in findings.
        names: the files of the migrations, in their order.
    """
    try:
        locked = _read(folder)
    except LockError as error:
        return [MIG003(Position(f"{here}/{LOCK}", 1, 1), str(error), "restore it from the last commit")]
    edited: list[Diagnostic] = []
    for index, (name, digest) in enumerate(locked.items()):
        if name not in names:
            position = Position(f"{here}/{names[index] if index < len(names) else LOCK}", 1, 1)
            return [MIG003(position, f"the released migration {name} is gone from its place", _WAY_OUT)]
        if names.index(name) != index:
            position = Position(f"{here}/{names[index]}", 1, 1)
            message = f"{names[index]} stands before the released migration {name}"
            return [MIG003(position, message, "give it a number after all that are released")]
        if _digest(folder / name) != digest:
            message = f"the released migration {name} was edited"
            edited.append(MIG003(Position(f"{here}/{name}", 1, 1), message, _WAY_OUT))
    return edited


def locked_names(folder: Path) -> Collection[str]:
    """The released migrations.

    Raises:
        LockError: the lock cannot be read.
    """
    return _read(folder)


def lock(folder: Path, through: str) -> list[str]:
    """Lock the migrations up to one, which is named by its number or file; the names of those that are new in the lock.

    Raises:
        LockError: there is no such migration, or a locked one was changed; nothing was written.
    """
    names = [path.name for path in sorted(folder.glob("*.sql"))]
    if changed := check_lock(folder, f"spec/{folder.name}", names):
        raise LockError("\n".join(map(str, changed)))
    last = next((name for name in names if name == through or name.startswith(f"{through.zfill(4)}_")), None)
    if last is None:
        raise LockError(f"there is no migration '{through}': {did_you_mean(through, names)}")
    locked = _read(folder)
    added = [name for name in names[: names.index(last) + 1] if name not in locked]
    digests = {**locked, **{name: _digest(folder / name) for name in added}}
    replace(folder / LOCK, (json.dumps(digests, indent=2) + "\n").encode(), 0o644)
    return added


def _read(folder: Path) -> Mapping[str, str]:
    path = folder / LOCK
    try:
        locked = json.loads(path.read_bytes()) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise LockError(f"cannot be read: {error}") from error
    if not isinstance(locked, dict) or not all(isinstance(digest, str) for digest in locked.values()):
        raise LockError("should hold a digest for each released migration")
    return locked


def _digest(path: Path) -> str:
    """The SHA-256 of a file, the same whatever ends its lines on this machine."""
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
