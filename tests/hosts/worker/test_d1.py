"""The D1 executor tells errors that pass from those that do not. (Real D1 answers it in tests/hosts/database.)"""

import asyncio
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest

from ossgard.errors import ConstraintError, DatabaseError, DatabaseUnavailable

MOVED = "D1_ERROR: D1 DB reset because its code was updated."
OFFLINE = "D1_ERROR: Network connection lost."


class JsException(Exception):
    """What Pyodide raises for an error of JavaScript."""


class Binding:
    """A D1 binding, or a statement of it, that fails in the given ways before it answers."""

    def __init__(self, *failures: str) -> None:
        self._failures = list(failures)
        self.calls = 0

    def prepare(self, sql: str) -> "Binding":
        return self

    def bind(self, *values: object) -> "Binding":
        return self

    async def all(self) -> dict[str, Any]:
        self.calls += 1
        if self._failures:
            raise JsException(self._failures.pop(0))
        return {"results": [{"n": 1}], "meta": {"changes": 1}}

    run = all

    async def batch(self, statements: list["Binding"]) -> list[dict[str, Any]]:
        return [await self.all()]


@pytest.fixture(scope="module")
def d1() -> Iterator[Any]:
    """The module under test; all that it takes from Pyodide is its exception."""
    ffi = types.ModuleType("pyodide.ffi")
    ffi.JsException = JsException  # type: ignore[attr-defined]
    sys.modules.update({"pyodide": types.ModuleType("pyodide"), "pyodide.ffi": ffi})
    loaded = sys.modules.pop("cloudflare_host.d1", None)
    try:
        import cloudflare_host.d1

        yield cloudflare_host.d1
    finally:
        del sys.modules["pyodide"], sys.modules["pyodide.ffi"], sys.modules["cloudflare_host.d1"]
        if loaded is not None:
            sys.modules["cloudflare_host.d1"] = loaded


def test_reads_are_tried_again(d1: Any) -> None:
    binding = Binding(OFFLINE, MOVED)
    assert asyncio.run(d1.D1Executor(binding).all("SELECT 1 AS n", [])) == [{"n": 1}]
    assert binding.calls == 3


def test_batches_are_tried_again(d1: Any) -> None:
    binding = Binding(OFFLINE)
    [result] = asyncio.run(d1.D1Executor(binding).commit([("UPDATE t SET a = ?1", [1])]))
    assert (result.changes, binding.calls) == (1, 2)


@pytest.mark.parametrize("sql", ["INSERT INTO t (a) VALUES (?1)", "INSERT INTO t (a) VALUES (?1) RETURNING a"])
def test_single_writes_are_not_tried_again(d1: Any, sql: str) -> None:
    for method in ("run", "all"):
        binding = Binding(OFFLINE)
        with pytest.raises(DatabaseError, match="Network connection lost"):
            asyncio.run(getattr(d1.D1Executor(binding), method)(sql, [1]))
        assert binding.calls == 1


def test_errors_that_do_not_pass_are_not_tried_again(d1: Any) -> None:
    binding = Binding("D1_ERROR: no such table: t: SQLITE_ERROR")
    with pytest.raises(DatabaseError, match="no such table"):
        asyncio.run(d1.D1Executor(binding).all("SELECT 1 AS n", []))
    assert binding.calls == 1


@pytest.mark.parametrize(
    "text",
    [
        "D1_ERROR: D1 DB is overloaded. Requests queued for too long.",
        "D1_ERROR: D1 DB is overloaded. Too many requests queued.",
        "D1_ERROR: D1 DB exceeded its memory limit and was reset.",
        "D1_ERROR: Can't read from request stream because client disconnected.",
        "D1_ERROR: Cannot resolve D1 DB due to transient issue on remote node.",
        OFFLINE,
        MOVED,
    ],
)
@pytest.mark.parametrize("sql", ["SELECT 1 AS n", "UPDATE t SET a = 1 RETURNING a"])
def test_what_passes_is_told_as_such(d1: Any, text: str, sql: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="cannot be used for now"):
        asyncio.run(d1.D1Executor(Binding(*[text] * 9)).all(sql, []))


def test_a_statement_that_takes_too_long_is_not_sent_again(d1: Any) -> None:
    text = "D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset."
    binding = Binding(*[text] * 9)
    with pytest.raises(DatabaseError) as failure:
        asyncio.run(d1.D1Executor(binding).all("SELECT 1 AS n", []))
    assert not isinstance(failure.value, DatabaseUnavailable)
    assert binding.calls == 1


def test_trying_ends(d1: Any) -> None:
    binding = Binding(*[OFFLINE] * 9)
    with pytest.raises(DatabaseError, match="Network connection lost"):
        asyncio.run(d1.D1Executor(binding).all("SELECT 1 AS n", []))
    assert binding.calls == 4


@pytest.mark.parametrize(
    "constraint",
    [
        "UNIQUE constraint failed: scan_steps.scan_id, scan_steps.step",
        "NOT NULL constraint failed: scan_steps.scan_id",
        "FOREIGN KEY constraint failed",
    ],
)
def test_constraints_are_named_as_sqlite_names_them(d1: Any, constraint: str) -> None:
    with pytest.raises(ConstraintError) as failure:
        asyncio.run(d1.D1Executor(Binding(f"Error: D1_ERROR: {constraint}: SQLITE_CONSTRAINT")).run("INSERT", [1]))
    assert failure.value.constraint == constraint
