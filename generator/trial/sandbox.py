"""Runs methods on seeded rows: what each returns and changes, for parameters that point at one account or the other."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import apsw
import apsw.ext

from generator.output.methods import ACCOUNT_PARAMETER
from generator.spec.database import DatabaseSpec, MethodSpec, PatchSpec
from generator.spec.names import camel
from generator.spec.sql import number
from generator.spec.types import TypeExpression, parse_type
from generator.trial.seed import OTHER, OWN, Seeds, SqlValue, quoted, sample, to_json
from generator.trial.tables import Schema

MAX_CALLS = 24
_PAGE = {"after": -1, "page_size": 1000}


@dataclass(frozen=True)
class Outcome:
    """What a call gave: its rows, the number of changed rows, or the error that ended it."""

    rows: tuple[tuple[object, ...], ...] = ()
    changes: int = 0
    error: apsw.Error | None = None

    @property
    def refused(self) -> bool:
        """Whether a constraint refused it."""
        return isinstance(self.error, apsw.ConstraintError)


Rows = list[tuple[object, ...]]


@dataclass(frozen=True)
class Role:
    """Who calls, beside whom: the numbers of both, the database without the other's rows, and where those are."""

    own: int
    other: int
    alone: apsw.Connection
    theirs: dict[str, str]
    others: dict[str, str]
    before: dict[str, Rows]


@dataclass(frozen=True)
class Run:
    """A call that was undone: its outcome, where the other's rows changed, and all other rows as they then were."""

    outcome: Outcome
    changed: list[str]
    rest: dict[str, Rows]


class Sandbox:
    """A database with the rows of two accounts, and each of them in the role of the caller.

    Args:
        schema: the tables.
        database: the methods, and the enums and records of their parameters.
        types: what is known of the tables' columns, by table and column.
    """

    def __init__(self, schema: Schema, database: DatabaseSpec, types: Mapping[tuple[str, str], TypeExpression]) -> None:
        self.schema = schema
        self.database = database
        seeds = Seeds(schema, database, types)
        self.problems = {table: problem for table, problem in seeds.problems.items() if problem}
        self.both = seeds.connection
        self._known: dict[tuple[str, ...], list[str]] = {}
        self.roles = [self._role(seeds, OWN, OTHER), self._role(seeds, OTHER, OWN)]

    def _role(self, seeds: Seeds, own: int, other: int) -> Role:
        theirs, others = {}, {}
        for table in self.schema.tables.values():
            condition = seeds.belongs_to(table, other)
            if condition:
                theirs[table.name] = f"SELECT * FROM {quoted(table.name)} WHERE {condition}"
            others[table.name] = f"SELECT * FROM {quoted(table.name)} WHERE ({condition or 'false'}) IS NOT TRUE"
        return Role(own, other, seeds.without(other), theirs, others, _dump(self.both, theirs, theirs))

    def run(self, role: Role, method: MethodSpec, values: Mapping[str, SqlValue], *, alone: bool) -> Run:
        """Run a method, and undo it."""
        connection = role.alone if alone else self.both
        if not writes(method):
            return Run(_execute(connection, method, values), [], {})
        connection.execute("SAVEPOINT call")
        try:
            before = connection.total_changes()
            outcome = _execute(connection, method, values)
            if outcome.error is not None or connection.total_changes() == before:
                return Run(outcome, [], {})
            affected = self._affected(tuple(method.sql))
            theirs = _dump(connection, role.theirs, affected)
            changed = [] if alone else [table for table, rows in theirs.items() if rows != role.before[table]]
            return Run(outcome, changed, _dump(connection, role.others, affected))
        finally:
            connection.execute("ROLLBACK TO call")
            connection.execute("RELEASE call")

    def _affected(self, statements: tuple[str, ...]) -> list[str]:
        """The tables that statements can change: those they write, by triggers too, and those under them."""
        if statements in self._known:
            return self._known[statements]
        written = {
            action.table_name
            for sql in statements
            for action in apsw.ext.query_info(self.schema.connection, sql, actions=True).actions or ()
            if action.action_name in ("SQLITE_INSERT", "SQLITE_UPDATE", "SQLITE_DELETE")
        }
        found = [table for table in self.schema.tables if table in written]
        for table in found:
            found += [child for child in self.schema.children(table) if child not in found]
        self._known[statements] = list(self.schema.tables) if self.schema.has_triggers else found
        return self._known[statements]

    def calls(self, method: MethodSpec, own: int, *others: int) -> Iterator[dict[str, SqlValue]]:
        """Values for a method's parameters: those of the other accounts, the caller's own, then mixed ones; bounded."""
        options = {name: _options(self.database, spec, (*others, own)) for name, spec in _parameters(method)}
        fixed: dict[str, SqlValue] = {ACCOUNT_PARAMETER: own + 1} if method.scope == "account" else {}
        fixed |= _PAGE if method.page else {}
        for combination in _combinations(list(options.values())):
            yield {**fixed, **dict(zip(options, combination, strict=True))}


def writes(method: MethodSpec) -> bool:
    """Whether any statement of a method writes."""
    return any(number(sql).is_write for sql in method.sql)


def _dump(connection: apsw.Connection, queries: Mapping[str, str], tables: Iterable[str]) -> dict[str, Rows]:
    return {table: connection.execute(queries[table]).fetchall() for table in tables if table in queries}


def _execute(connection: apsw.Connection, method: MethodSpec, values: Mapping[str, SqlValue]) -> Outcome:
    rows: list[tuple[object, ...]] = []
    changes = 0
    try:
        for sql in method.sql:
            statement = number(sql)
            found = connection.execute(statement.sql, tuple(values[name] for name in statement.order)).fetchall()
            rows += found
            changes = connection.changes() if statement.is_write else 0
    except apsw.Error as error:
        return Outcome(error=error)
    return Outcome(tuple(sorted(rows, key=repr)), changes)


def _parameters(method: MethodSpec) -> list[tuple[str, TypeExpression | PatchSpec]]:
    return list(method.parameters())


def _options(database: DatabaseSpec, spec: TypeExpression | PatchSpec, bases: Sequence[int]) -> list[SqlValue]:
    """What a parameter can be: something of each account, and null or nothing where that is allowed."""
    marks = [base + number for base in bases for number in (1, 2)]
    if isinstance(spec, PatchSpec):
        fields = {camel(name): parse_type(text) for name, text in spec.patch.items()}
        return [
            *(to_json({name: sample(database, type_, mark) for name, type_ in fields.items()}) for mark in marks),
            "{}",
        ]
    if spec.is_list:
        items: list[object] = [sample(database, spec.item, mark) for mark in marks]
        return [to_json(items)]
    values: list[SqlValue] = []
    if spec.name in database.enums:
        values = list(database.enums[spec.name].values)
    elif spec.name == "boolean":
        values = [0, 1]
    elif spec.name in ("text", "integer", "real"):
        kinds: dict[str, Callable[[int], SqlValue]] = {"text": str, "integer": int, "real": float}
        values = [kinds[spec.name](mark) for mark in marks]
    else:
        values = [to_json(sample(database, spec, mark)) for mark in marks]
    return [*values, None] if spec.nullable else values


def _combinations(options: Sequence[Sequence[SqlValue]]) -> Iterator[tuple[SqlValue, ...]]:
    """All first values, all second ones, ..., then a spread of the other combinations."""
    longest, total = max(map(len, options), default=1), prod(map(len, options))
    seen = dict.fromkeys(tuple(choice[index % len(choice)] for choice in options) for index in range(longest))
    for start in range(0, total, max(1, total // MAX_CALLS)):
        combination, left = [], start
        for choice in options:
            left, index = divmod(left, len(choice))
            combination.append(choice[index])
        seen[tuple(combination)] = None
    yield from list(seen)[:MAX_CALLS]
