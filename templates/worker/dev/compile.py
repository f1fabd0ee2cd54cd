"""Compiles Python to bytecode for the offline host; runs inside Pyodide, since bytecode fits one Python version only.

The bytecode is of the unchecked kind, which the import system takes without a look at the source's date.
"""

import importlib.util
import zipfile
from importlib import _bootstrap_external
from pathlib import Path


def compile_zip(source: Path, target: Path, mounted_at: str) -> None:
    """Copy a zip of Python files with bytecode in place of the sources."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for entry in old.infolist():
            if entry.filename.endswith(".py"):
                name = f"{entry.filename}c"
                new.writestr(zipfile.ZipInfo(name), _bytecode(old.read(entry), f"{mounted_at}/{entry.filename}"))
            elif not entry.is_dir():
                new.writestr(zipfile.ZipInfo(entry.filename), old.read(entry))


def compile_folder(source: Path, target: Path, mounted_at: str) -> None:
    """Write the `__pycache__` folders of a folder's Python files into another folder."""
    for path in sorted(source.rglob("*.py")):
        name = path.relative_to(source).as_posix()
        cached = target / Path(importlib.util.cache_from_source(name))
        cached.parent.mkdir(parents=True, exist_ok=True)
        cached.write_bytes(_bytecode(path.read_bytes(), f"{mounted_at}/{name}"))


def _bytecode(source: bytes, filename: str) -> bytes:
    code = compile(source, filename, "exec", dont_inherit=True)
    return bytes(_bootstrap_external._code_to_hash_pyc(code, importlib.util.source_hash(source), False))
