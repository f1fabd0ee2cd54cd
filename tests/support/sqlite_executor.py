"""The executor that CPython tests use: `sqlite3`, with the project's migrations applied."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from ossgard.errors import ConstraintError, DatabaseError
from ossgard.executor import Row, SqlValue, StatementResult

MIGRATIONS = Path(__file__).parents[2] / "spec" / "migrations"


class SqliteExecutor:
    """Runs SQL in a SQLite file, or in memory."""

    def __init__(self, path: str = ":memory:") -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.row_factory = sqlite3.Row
        self.connection.execute("PRAGMA foreign_keys = ON")
        self.statements: list[str] = []

    def migrate(self) -> None:
        """Apply every migration."""
        for migration in sorted(MIGRATIONS.glob("*.sql")):
            self.connection.executescript(migration.read_text())

    async def all(self, sql: str, values: Sequence[SqlValue]) -> list[Row]:
        """The rows of one statement."""
        return self._execute(sql, values).rows

    async def run(self, sql: str, values: Sequence[SqlValue]) -> int:
        """Run one statement; the number of rows it changed."""
        return self._execute(sql, values).changes

    async def commit(self, statements: Sequence[tuple[str, Sequence[SqlValue]]]) -> list[StatementResult]:
        """Run statements as one transaction."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            results = [self._execute(sql, values) for sql, values in statements]
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        return results

    def _execute(self, sql: str, values: Sequence[SqlValue]) -> StatementResult:
        self.statements.append(sql)
        try:
            cursor = self.connection.execute(sql, tuple(values))
            rows = [dict(row) for row in cursor.fetchall()]
        except sqlite3.IntegrityError as error:
            raise ConstraintError(str(error)) from error
        except sqlite3.Error as error:
            raise DatabaseError(str(error)) from error
        return StatementResult(rows, max(cursor.rowcount, 0))


def migrated_executor(path: str = ":memory:") -> SqliteExecutor:
    """A fresh database."""
    executor = SqliteExecutor(path)
    executor.migrate()
    return executor
