"""Finishing touches on generated Python: imports that are not used go, Black does the rest."""

import ast
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache

import black
from black.mode import TargetVersion
from black.parsing import InvalidInput

LINE_LENGTH = 120
# How many characters are worth the start of other processes.
PARALLEL_FROM = 300_000
_MODE = black.Mode(line_length=LINE_LENGTH, target_versions={TargetVersion.PY311})


class InvalidPythonError(Exception):
    """A template gave text that is not Python: a fault of the generator, not of the spec."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(path, reason)

    def __str__(self) -> str:
        return f"{self.path}: the template does not give valid Python: {self.reason}"


def finish_all(texts: Mapping[str, str]) -> dict[str, str]:
    """Finish several modules, by path; a large output is shared among the machine's cores.

    Raises:
        InvalidPythonError: one of them is not Python.
    """
    if sum(map(len, texts.values())) < PARALLEL_FROM:
        return {path: finish(path, text) for path, text in texts.items()}
    # The longest first, so that no core is left with one at the end.
    paths = sorted(texts, key=lambda path: (-len(texts[path]), path))
    with ProcessPoolExecutor() as pool:
        return dict(zip(paths, pool.map(finish, paths, [texts[path] for path in paths]), strict=True))


@lru_cache(maxsize=1000)
def finish(path: str, text: str) -> str:
    """Rendered Python as it is written: without unused imports, formatted by Black.

    Black is slow, and what is finished follows from its text alone: the tests render the same modules again and again.

    Raises:
        InvalidPythonError: the text is not Python.
    """
    try:
        return black.format_str(_prune_imports(text), mode=_MODE)
    except (SyntaxError, InvalidInput) as error:
        raise InvalidPythonError(path, str(error)) from error


def _prune_imports(text: str) -> str:
    """Drop the names that nothing uses from the module's `from ... import` statements, and sort the others."""
    tree = ast.parse(text)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    lines = text.splitlines(keepends=True)
    for node in reversed(tree.body):
        if not isinstance(node, ast.ImportFrom) or node.module == "__future__":
            continue
        assert node.end_lineno is not None
        names = sorted({alias.name for alias in node.names if alias.name in used}, key=_import_order)
        statement = f"from {node.module} import {', '.join(names)}\n" if names else ""
        lines[node.lineno - 1 : node.end_lineno] = [_wrapped(statement)]
    return "".join(lines)


def _wrapped(statement: str) -> str:
    """An import on one line, or on one line for each name when it is too long."""
    if len(statement) - 1 <= LINE_LENGTH:
        return statement
    head, names = statement.rstrip("\n").split(" import ")
    return f"{head} import (\n" + "".join(f"    {name},\n" for name in names.split(", ")) + ")\n"


def _import_order(name: str) -> tuple[int, str, str]:
    """Constants, then classes, then the rest, as import sorters do."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name.lower(), name
