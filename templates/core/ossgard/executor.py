"""The little that generated SQL needs of a database: run statements, alone or as one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

SqlValue = None | int | float | str
Row = dict[str, SqlValue]


@dataclass(frozen=True)
class StatementResult:
    """What one statement of a batch gave: its rows, and how many rows it changed."""

    rows: list[Row]
    changes: int


class Executor(Protocol):
    """Runs SQL whose parameters are `?1`, `?2`, ... with exactly as many values.

    Raises:
        ConstraintError: a constraint refused the statement; nothing of a batch was applied.
        DatabaseUnavailable: the database cannot be used for now.
        DatabaseError: the database failed otherwise.
    """

    async def all(self, sql: str, values: Sequence[SqlValue]) -> list[Row]:
        """The rows of one statement, as dicts by column name."""
        ...

    async def run(self, sql: str, values: Sequence[SqlValue]) -> int:
        """Run one statement; the number of rows it changed."""
        ...

    async def commit(self, statements: Sequence[tuple[str, Sequence[SqlValue]]]) -> list[StatementResult]:
        """Run statements in order as one transaction: all of them or none."""
        ...
