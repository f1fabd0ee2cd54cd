"""The database over Cloudflare D1."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pyodide.ffi import JsException

from ossgard.errors import ConstraintError, DatabaseError, DatabaseUnavailable
from ossgard.executor import Row, SqlValue, StatementResult
from ossgard.log import log
from ossgard.spec.sql_database import SqlDatabase

# D1 says so when the statement may be sent again: the database was moved, restarted, overloaded, or out of reach for a
# moment.
_TRANSIENT = (
    "Network connection lost",
    "reset because its code was updated",
    "caused object to be reset",
    "transient issue on remote node",
    "D1 DB is overloaded",
    "exceeded its memory limit",
    "Can't read from request stream because client disconnected",
)
# The object is reset then, too; but the statement would take as long again.
_TOO_SLOW = "operation exceeded timeout"
_WAITS_SECONDS = (0.1, 0.4, 1.6)

# "D1_ERROR: UNIQUE constraint failed: repos.name: SQLITE_CONSTRAINT"
_CONSTRAINT = re.compile(r"[A-Z][A-Z ]* constraint failed.*?(?=: SQLITE_|\n|$)")
_CODE = "SQLITE_CONSTRAINT"

# D1's own count includes the rows that a foreign key deletes; SQLite's does not.
_DIRECT_CHANGES = "SELECT changes() AS changes"


class D1Database(SqlDatabase):
    """Implements `Database` over a D1 binding."""

    def __init__(self, binding: Any) -> None:
        super().__init__(D1Executor(binding))


class D1Executor:
    """Implements `Executor` over a D1 binding.

    What reads is tried again after a transient error. So is a batch: the pipeline's begin by taking a step, which
    happens once; the others may be repeated. A single write may not, and fails.
    """

    def __init__(self, binding: Any) -> None:
        self._binding = binding

    async def all(self, sql: str, values: Sequence[SqlValue]) -> list[Row]:
        """The rows of one statement, as dicts by column name."""
        result = await _attempt(lambda: self._prepare(sql, values).all(), repeat=_first_word(sql) == "SELECT")
        return _rows(result)

    async def run(self, sql: str, values: Sequence[SqlValue]) -> int:
        """Run one statement; the number of rows it changed."""
        if _first_word(sql) == "DELETE":
            [result] = await self.commit([(sql, values)])
            return result.changes
        return _changes(await _attempt(lambda: self._prepare(sql, values).run(), repeat=False))

    async def commit(self, statements: Sequence[tuple[str, Sequence[SqlValue]]]) -> list[StatementResult]:
        """Run statements in order as one transaction: all of them or none."""
        if not statements:
            return []
        sent: list[tuple[str, Sequence[SqlValue]]] = []
        for sql, values in statements:
            sent.append((sql, values))
            if _first_word(sql) == "DELETE":
                sent.append((_DIRECT_CHANGES, ()))
        answers = iter(await _attempt(lambda: self._send(sent), repeat=True))
        results = []
        for sql, _ in statements:
            answer = next(answers)
            changes = _rows(next(answers))[0]["changes"] if _first_word(sql) == "DELETE" else _changes(answer)
            results.append(StatementResult(_rows(answer), int(changes or 0)))
        return results

    def _send(self, statements: Sequence[tuple[str, Sequence[SqlValue]]]) -> Awaitable[Any]:
        answers: Awaitable[Any] = self._binding.batch([self._prepare(sql, values) for sql, values in statements])
        return answers

    def _prepare(self, sql: str, values: Sequence[SqlValue]) -> Any:
        statement = self._binding.prepare(sql)
        return statement.bind(*values) if values else statement


async def _attempt(send: Callable[[], Awaitable[Any]], *, repeat: bool) -> Any:
    """What D1 answers; transient errors are waited out when the call may be repeated."""
    for wait in (*_WAITS_SECONDS, None):
        try:
            return await send()
        except JsException as error:
            text = str(error)
            constraint = _CONSTRAINT.search(text)
            if constraint is not None or _CODE in text:
                raise ConstraintError(constraint[0] if constraint else text) from error
            if _TOO_SLOW in text or not any(hint in text for hint in _TRANSIENT):
                raise DatabaseError(text) from error
            if wait is None or not repeat:
                raise DatabaseUnavailable(f"The database cannot be used for now: {text}") from error
            log(logging.WARNING, "D1 failed for a moment", reason=text)
        await asyncio.sleep(wait)
    raise AssertionError("the last attempt returns or raises")


def _first_word(sql: str) -> str:
    return sql.split(None, 1)[0].upper()


def _rows(result: Any) -> list[Row]:
    rows: list[Row] = result["results"]
    return rows


def _changes(result: Any) -> int:
    return int(result["meta"]["changes"])
