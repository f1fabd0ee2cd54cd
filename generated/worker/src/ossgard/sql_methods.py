"""What every generated SQL method shares: binding values, reading rows into models, pages, chunks and batches."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from ossgard.errors import DatabaseError
from ossgard.executor import Executor, SqlValue, StatementResult
from ossgard.write import Write

# D1 refuses integers from here on, and JSON does not carry them exactly; ids as large do not exist.
MAX_INTEGER = 2**53 - 1

M = TypeVar("M", bound=BaseModel)
V = TypeVar("V", int, float, str, bool)


@dataclass(frozen=True)
class Statement:
    """SQL with `?1`, `?2`, ...; `order` gives the position in the call of the value for each."""

    sql: str
    order: tuple[int, ...]


@dataclass(frozen=True)
class Query:
    """The SQL of a method.

    `rows_from` is the statement that returns rows, `chunked` the position of the list parameter; `page_by` and
    `page_size` say how a long list is read.
    """

    statements: tuple[Statement, ...]
    rows_from: int | None = None
    chunked: int | None = None
    page_by: str = ""
    page_size: int = 0


class SqlMethods:
    """Runs the queries of a generated database class over an executor.

    Args:
        executor: runs the SQL.
        queries: every query that may be part of a batch, by its method's name.
        max_value_bytes: the largest text that the database takes as one value; longer lists are sent in chunks.
    """

    def __init__(self, executor: Executor, queries: Mapping[str, Query], max_value_bytes: int) -> None:
        self._executor = executor
        self._queries = queries
        self._max_value_bytes = max_value_bytes

    async def commit(self, writes: Sequence[Write]) -> None:
        """Commit writes in order as one transaction: all of them or none.

        Raises:
            ConstraintError: a constraint refused one of them; none was applied.
        """
        statements = [
            statement
            for write in writes
            for values in self._chunks(self._queries[write.method], write.parameters)
            for statement in _bind(self._queries[write.method], values)
        ]
        if statements:
            await self._executor.commit(statements)

    async def _one(self, model: type[M], query: Query, *parameters: object) -> M:
        row = await self._first(model, query, *parameters)
        if row is None:
            raise DatabaseError(f"no {model.__name__} came back: a parameter is out of range, or its owner is gone")
        return row

    async def _first(self, model: type[M], query: Query, *parameters: object) -> M | None:
        rows = await self._rows(query, parameters)
        return model.model_validate(rows[0]) if rows else None

    async def _list(self, model: type[M], query: Query, *parameters: object) -> list[M]:
        return [model.model_validate(row) for row in await self._rows(query, parameters)]

    async def _pages(self, model: type[M], query: Query, *parameters: object) -> list[M]:
        found: list[M] = []
        after: Any = -1
        while True:
            rows = await self._rows(query, (*parameters, after, query.page_size))
            found += [model.model_validate(row) for row in rows]
            if len(rows) < query.page_size:
                return found
            after = rows[-1][query.page_by]

    async def _value(self, kind: type[V], query: Query, *parameters: object) -> V:
        value = await self._first_value(kind, query, *parameters)
        if value is None:
            raise DatabaseError("no value came back: a parameter is out of range")
        return value

    async def _first_value(self, kind: type[V], query: Query, *parameters: object) -> V | None:
        values = await self._rows(query, parameters)
        return _scalar(kind, values[0]) if values else None

    async def _values(self, kind: type[V], query: Query, *parameters: object) -> list[V]:
        values = [_scalar(kind, row) for row in await self._rows(query, parameters)]
        return [value for value in values if value is not None]

    async def _run(self, query: Query, *parameters: object) -> int:
        results = await self._execute(query, parameters)
        last = len(query.statements)
        return sum(result.changes for result in results[last - 1 :: last])

    async def _rows(self, query: Query, parameters: Sequence[object]) -> list[Any]:
        if len(query.statements) == 1 and query.chunked is None:
            values = encode_all(parameters)
            if values is None:
                return []
            self._refuse_long_lists(parameters, values)
            [(sql, bound)] = _bind(query, values)
            return list(await self._executor.all(sql, bound))
        results = await self._execute(query, parameters)
        assert query.rows_from is not None
        return [row for result in results[query.rows_from :: len(query.statements)] for row in result.rows]

    async def _execute(self, query: Query, parameters: Sequence[object]) -> list[StatementResult]:
        statements = [statement for values in self._chunks(query, parameters) for statement in _bind(query, values)]
        if len(statements) == 1 and query.rows_from is None:
            sql, bound = statements[0]
            return [StatementResult([], await self._executor.run(sql, bound))]
        return await self._executor.commit(statements) if statements else []

    def _chunks(self, query: Query, parameters: Sequence[object]) -> Iterable[list[SqlValue]]:
        """The values of each round of the query; a list too long for one value takes several rounds."""
        values = encode_all(parameters)
        if values is None:
            return
        if query.chunked is None:
            self._refuse_long_lists(parameters, values)
            yield values
            return
        text = values[query.chunked]
        if not isinstance(text, str) or len(text) * 4 <= self._max_value_bytes:
            yield values
            return
        items = parameters[query.chunked]
        assert isinstance(items, Iterable)
        for chunk in split_json(items, self._max_value_bytes):
            yield [*values[: query.chunked], chunk, *values[query.chunked + 1 :]]

    def _refuse_long_lists(self, parameters: Sequence[object], values: Sequence[SqlValue]) -> None:
        """End a query whose list means something else in chunks, and is too long for one value."""
        for parameter, text in zip(parameters, values, strict=True):
            if not isinstance(parameter, list | tuple) or not isinstance(text, str):
                continue
            size = len(text.encode()) if len(text) * 4 > self._max_value_bytes else 0
            if size > self._max_value_bytes:
                raise DatabaseError(
                    f"a list of {len(parameter)} items has {size} bytes, and is sent as one value; "
                    f"the limit is {self._max_value_bytes}: pass fewer items"
                )


def _bind(query: Query, values: Sequence[SqlValue]) -> list[tuple[str, Sequence[SqlValue]]]:
    return [(statement.sql, [values[position] for position in statement.order]) for statement in query.statements]


def _scalar(kind: Callable[[Any], V], row: Mapping[str, SqlValue]) -> V | None:
    value = next(iter(row.values()))
    return None if value is None else kind(value)


def encode_all(parameters: Sequence[object]) -> list[SqlValue] | None:
    """The SQL values of a call's parameters; None when one is an integer that no row can hold."""
    values = [encode(parameter) for parameter in parameters]
    if any(isinstance(value, int) and abs(value) >= MAX_INTEGER for value in values):
        return None
    return values


def encode(parameter: object) -> SqlValue:
    """A parameter as SQLite takes it: models, lists and objects become JSON text, booleans 0 and 1."""
    if isinstance(parameter, bool):
        return int(parameter)
    if isinstance(parameter, str):
        return str(parameter)
    if parameter is None or isinstance(parameter, int | float):
        return parameter
    return to_json(plain(parameter))


def to_json(value: object) -> str:
    """Compact JSON; what is not ASCII stays as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def plain(value: object) -> Any:
    """A value as JSON knows it: models by their wire names, everything else as it is."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def patch(changes: Mapping[str, object]) -> dict[str, Any]:
    """A patch parameter by its wire names."""
    return {to_camel(name): plain(value) for name, value in changes.items()}


def split_json(items: Iterable[object], max_bytes: int) -> Iterable[str]:
    """The items as JSON lists of at most `max_bytes` bytes of UTF-8 each.

    Raises:
        DatabaseError: a single item is larger than that.
    """
    pending: list[str] = []
    size = 2
    for item in items:
        text = to_json(plain(item))
        length = len(text.encode()) + 1
        if length + 2 > max_bytes:
            raise DatabaseError(f"an item of {length} bytes is too large to store; the limit is {max_bytes}")
        if pending and size + length > max_bytes:
            yield f"[{','.join(pending)}]"
            pending, size = [], 2
        pending.append(text)
        size += length
    yield f"[{','.join(pending)}]"
