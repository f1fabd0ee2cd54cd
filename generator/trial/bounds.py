"""What a check may use: a statement that does not end must end the check with a finding, not the machine."""

import apsw

# Some tenths of a second; the rows of a trial need some thousand steps.
STEPS = 5_000_000
# With free conditions a recursion may lose its end, which is no fault of the statement.
LOOSE_STEPS = 200_000
ROWS = 10_000
RESULT_BYTES = 16_000_000
HEAP_BYTES = 512_000_000
_TICK = 10_000

Rows = list[tuple[object, ...]]


class Meter:
    """Counts the steps of SQLite's virtual machine on the connections that it guards, and ends what takes too many."""

    def __init__(self) -> None:
        self.reset()

    def guard(self, connection: apsw.Connection) -> None:
        """Bound the statements of a connection."""
        connection.set_progress_handler(self._tick, _TICK)

    def release(self, connection: apsw.Connection) -> None:
        """Let a connection's statements take what they need again."""
        connection.set_progress_handler(None)

    def reset(self, steps: int = STEPS) -> None:
        """Begin to count again. SQLite's heap is the process's, so its bound is beside what is in use already."""
        self._left = steps
        apsw.hard_heap_limit(apsw.memory_used() + HEAP_BYTES)

    def _tick(self) -> bool:
        self._left -= _TICK
        return self._left < 0


def fetch(connection: apsw.Connection, sql: str, values: tuple[int | float | str | None, ...]) -> Rows:
    """The rows of a statement.

    Raises:
        apsw.InterruptError: they are too many or too large, or the steps are used up.
        apsw.Error: SQLite does not run it.
    """
    rows: Rows = []
    size = 0
    try:
        for row in connection.execute(sql, values):
            rows.append(row)
            size += sum(len(value) for value in row if isinstance(value, str | bytes))
            if len(rows) > ROWS or size > RESULT_BYTES:
                raise apsw.InterruptError(f"more than {ROWS:,} rows or {RESULT_BYTES:,} bytes")
    except MemoryError as error:
        raise apsw.InterruptError("out of memory") from error
    return rows


def is_exhausted(error: apsw.Error | None) -> bool:
    """Whether a statement was ended because it took too much."""
    return isinstance(error, apsw.InterruptError | apsw.TooBigError | apsw.NoMemError)
