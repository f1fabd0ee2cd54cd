"""Runs methods on seeded rows: what each returns and changes, for parameters that point at one account or the other."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import apsw
import apsw.ext

from generator.output.methods import ACCOUNT_PARAMETER
from generator.spec.database import DatabaseSpec, MethodSpec, PatchSpec
from generator.spec.names import camel
from generator.spec.sql import number, parameters, tokens
from generator.spec.types import TypeExpression, parse_type
from generator.trial.bounds import LOOSE_STEPS, STEPS, Meter, Rows, fetch, is_exhausted
from generator.trial.conditions import Names, loosen
from generator.trial.d1 import loosen_limits
from generator.trial.seed import (
    NEWCOMER,
    NOBODY,
    OTHER,
    OWN,
    Interleaved,
    Numbering,
    Seeds,
    SqlValue,
    copy,
    quoted,
    sample,
    to_json,
)
from generator.trial.tables import Schema, Table

MAX_CALLS = 20
# With free conditions, few parameters are left.
MAX_LOOSE_CALLS = 4
MAX_SCARCE_CALLS = 2
MAX_CONDITIONS = 8
_WRITES = ("SQLITE_INSERT", "SQLITE_UPDATE", "SQLITE_DELETE")
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

    @property
    def exhausted(self) -> bool:
        """Whether it took more than a trial may."""
        return is_exhausted(self.error)


@dataclass(frozen=True)
class Role:
    """Who calls, beside whom.

    `own` and `others` are the numbers that parameters ask for; `both` is the database, `alone` the same without the
    others' rows; `theirs` and `rest` select the others' rows and all further ones of each table, `before` is what the
    first ones hold; `numbered_alike` are the tables whose next row gets the same id in both databases.
    """

    account_id: int
    stranger_id: int
    own: Sequence[int]
    others: Sequence[int]
    both: apsw.Connection
    alone: apsw.Connection
    theirs: dict[str, str]
    rest: dict[str, str]
    before: dict[str, Rows]
    numbered_alike: frozenset[str]


@dataclass(frozen=True)
class Run:
    """A call that was undone: its outcome, where the others' rows changed, and all other rows as they then were."""

    outcome: Outcome
    changed: list[str]
    rest: dict[str, Rows]


@dataclass
class Answers:
    """What free conditions answer: `conditions` by number, those of views and triggers, and the constants.

    None is what the rows and parameters answer.
    """

    conditions: Sequence[bool | None] = ()
    programs: bool | None = None
    constant: int | None = None


class Sandbox:
    """Databases with the rows of two accounts and a newcomer, and each of them in the role of the caller.

    Args:
        schema: the tables.
        database: the methods, and the enums and records of their parameters.
        types: what is known of the tables' columns, by table and column.
    """

    def __init__(self, schema: Schema, database: DatabaseSpec, types: Mapping[tuple[str, str], TypeExpression]) -> None:
        self.schema = schema
        self.database = database
        self.answers = Answers()
        self.meter = Meter()
        self.names = Names(
            {column.lower() for table in schema.tables.values() for column in table.columns},
            {key.lower() for key in schema.keys},
        )
        self._known: dict[tuple[str, ...], list[str]] = {}
        self.problems: dict[str, str] = {}
        # Statements as they are meet what they ask for; where conditions are free, no such value hides what is largest.
        self.roles: list[Role] = []
        self.loose_roles: list[Role] = []
        callers = [(OWN, (OTHER, NOBODY)), (OTHER, (OWN, NOBODY)), (NEWCOMER, (OTHER, OWN, NOBODY))]
        for numbering, literals in ((Numbering(), True), (Numbering(), False), (Interleaved(), False)):
            seeds = Seeds(schema, database, types, numbering, literals=literals)
            self.problems |= {table: problem for table, problem in seeds.problems.items() if problem}
            self._free(seeds.connection)
            are_apart = not isinstance(numbering, Interleaved)
            roles = [self._role(seeds, *casting) for casting in callers if are_apart or casting[0] != NEWCOMER]
            self.roles += roles if literals or not are_apart else []
            self.loose_roles += [] if literals else roles

    def _role(self, seeds: Seeds, caller: int, others: tuple[int, ...]) -> Role:
        theirs, rest = {}, {}
        for table in self.schema.tables.values():
            condition = seeds.belongs_to(table, *others)
            if condition:
                theirs[table.name] = f"SELECT * FROM {quoted(table.name)} WHERE {condition}"
            rest[table.name] = f"SELECT * FROM {quoted(table.name)} WHERE ({condition or 'false'}) IS NOT TRUE"
        alone = seeds.without(*others)
        self._free(alone)
        return Role(
            seeds.account_id(caller),
            seeds.account_id(others[0]),
            seeds.numbering.asked(caller),
            tuple(dict.fromkeys(number for other in others[:-1] for number in seeds.numbering.asked(other))),
            seeds.connection,
            alone,
            theirs,
            rest,
            _dump(seeds.connection, theirs, theirs),
            frozenset(
                table.name
                for table in self.schema.tables.values()
                if _next_id(seeds.connection, table) == _next_id(alone, table)
            ),
        )

    @cached_property
    def scarce(self) -> list[tuple[frozenset[str], Role]]:
        """The first caller where something is lacking, each with the tables that lack it.

        All tables are empty; one is, with those that refer to it; or whatever can be null is.
        """
        role = self.roles[0]
        tables = self.schema.tables
        alike = [frozenset(tables), *(frozenset(self._referring(table)) for table in tables)]
        found = []
        for emptied in dict.fromkeys(alike):
            connection = self._altered(role, (f"DELETE FROM {quoted(table)}" for table in emptied))
            found.append((emptied, replace(role, alone=connection)))
        nullable = [
            f"UPDATE OR IGNORE {quoted(table.name)} SET {quoted(column.name)} = NULL"
            for table in tables.values()
            for column in table.columns.values()
            if table.may_be_null(column.name) and not column.generated and not column.primary_key
        ]
        return [*found, (frozenset(tables), replace(role, alone=self._altered(role, nullable)))]

    def _referring(self, table: str) -> list[str]:
        """A table, those with a foreign key to it, and so on."""
        found = [table]
        for name in found:
            found += [child for child in self.schema.children(name) if child not in found]
        return found

    def _altered(self, role: Role, statements: Iterable[str]) -> apsw.Connection:
        """A role's own database after statements, of which constraints may refuse some."""
        connection = copy(role.alone)
        for name in self.schema.triggers:
            connection.execute(f"DROP TRIGGER IF EXISTS {quoted(name)}")
        for sql in statements:
            with contextlib.suppress(apsw.ConstraintError):
                connection.execute(sql)
        self._free(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _free(self, connection: apsw.Connection) -> None:
        """Let the conditions of views and triggers be answered as `answers` says, and those of loosened statements."""

        def may(*given: "apsw.SQLiteValue") -> "apsw.SQLiteValue":
            number, found = int(str(given[0])), given[-1]
            conditions = self.answers.conditions
            answer = self.answers.programs if number < 0 else conditions[number] if number < len(conditions) else None
            return found if answer is None else answer

        def constant(*given: "apsw.SQLiteValue") -> "apsw.SQLiteValue":
            return given[0] if self.answers.constant is None else self.answers.constant

        self.meter.guard(connection)
        loosen_limits(connection)
        connection.create_scalar_function("may", may)
        connection.create_scalar_function("constant", constant, 1)
        kinds = dict.fromkeys(self.schema.programs, "VIEW") | dict.fromkeys(self.schema.triggers, "TRIGGER")
        for name in self.schema.programs:
            connection.execute(f"DROP {kinds[name]} IF EXISTS {quoted(name)}")
        for sql in self.schema.programs.values():
            connection.execute(loosen(sql, self.names, in_program=True).sql)

    def loosened(self, method: MethodSpec) -> tuple[MethodSpec, list[Answers]]:
        """A method whose conditions are free, and all that they are to answer in turn: bounded."""
        statements: list[str] = []
        count, has_constants = 0, False
        for sql in method.sql:
            loose = loosen(sql, self.names, count)
            statements.append(loose.sql)
            count += loose.conditions
            has_constants |= loose.has_constants
        patterns: dict[tuple[bool | None, ...], None] = {(True,) * count: None, (False,) * count: None}
        for chosen in range(min(count, MAX_CONDITIONS)):
            patterns[tuple(True if position == chosen else None for position in range(count))] = None
            patterns[tuple(position != chosen for position in range(count))] = None
        free = [Answers(pattern) for pattern in patterns] if count else []
        if has_constants:
            free += [Answers(pattern, constant=-1) for pattern in ((), (True,) * count, (False,) * count)]
        if self.schema.programs:
            free = [
                replace(answers, programs=programs)
                for answers in [*free, Answers()]
                for programs in (None, True, False)
            ]
        return method.model_copy(update={"sql": statements}), free

    def run(
        self, role: Role, method: MethodSpec, values: Mapping[str, SqlValue], *, alone: bool, deferred: bool = False
    ) -> Run:
        """Run a method, and undo it; with `deferred`, no foreign key is in the way of what it would change."""
        connection = role.alone if alone else role.both
        self.meter.reset(STEPS if self.answers == Answers() else LOOSE_STEPS)
        if not writes(method):
            return Run(_execute(connection, method, values), [], {})
        connection.execute("SAVEPOINT call")
        if deferred:
            connection.execute("PRAGMA defer_foreign_keys = ON")
        try:
            before = connection.total_changes()
            outcome = _execute(connection, method, values)
            if outcome.error is not None or connection.total_changes() == before:
                return Run(outcome, [], {})
            affected = self.affected(method)
            theirs = {} if alone else _dump(connection, role.theirs, affected)
            changed = [table for table, rows in theirs.items() if rows != role.before[table]]
            return Run(outcome, changed, _dump(connection, role.rest, affected))
        finally:
            connection.execute("ROLLBACK TO call")
            connection.execute("RELEASE call")

    def affected(self, method: MethodSpec) -> list[str]:
        """The tables that a method can change: those it writes, by triggers too, and those that foreign keys change."""
        statements = tuple(method.sql)
        if statements not in self._known:
            written: dict[str, bool] = {}
            for sql in statements:
                replaces = any(token.keyword == "REPLACE" for token in tokens(sql))
                for action in apsw.ext.query_info(self.roles[0].both, sql, actions=True).actions or ():
                    if action.action_name in _WRITES:
                        deletes = replaces or action.action_name == "SQLITE_DELETE"
                        table = str(action.table_name)
                        written[table] = written.get(table, False) or deletes
            found = {table: deletes for table, deletes in written.items() if table in self.schema.tables}
            waiting = [table for table, deletes in found.items() if deletes or self._renames(table)]
            for table in waiting:
                waiting += [child for child in self.schema.children(table) if child not in waiting]
            changed = self.schema.tables if self.schema.triggers else {*found, *waiting}
            self._known[statements] = sorted(changed)
        return self._known[statements]

    def _renames(self, table: str) -> bool:
        """Whether keys to a table follow its updates."""
        return any("ON UPDATE" in self.schema.tables[child].sql.upper() for child in self.schema.children(table))

    def calls(
        self, method: MethodSpec, role: Role, *, stranger: bool = True, limit: int = MAX_CALLS
    ) -> Iterator[dict[str, SqlValue]]:
        """Values for a method's parameters: those of the others, the caller's own, then mixed ones; `limit` at most.

        Parameters that no statement mentions have one value.
        """
        numbers = [*(role.others if stranger else ()), *role.own]
        used = {occurrence.name for sql in method.sql for occurrence in parameters(sql)}
        options = {
            name: _options(self.database, spec, numbers) if name in used else [None]
            for name, spec in method.parameters()
        }
        fixed: dict[str, SqlValue] = {ACCOUNT_PARAMETER: role.account_id} if method.scope == "account" else {}
        fixed |= _PAGE if method.page else {}
        for combination in _combinations(list(options.values()), limit):
            yield {**fixed, **dict(zip(options, combination, strict=True))}


def _next_id(connection: apsw.Connection, table: Table) -> object:
    if table.row_id is None:
        return None
    if "AUTOINCREMENT" in table.sql.upper():
        query = "SELECT max(seq) FROM sqlite_sequence WHERE name = ?"
        return connection.execute(query, (table.name,)).get
    return connection.execute(f"SELECT max({quoted(table.row_id)}) FROM {quoted(table.name)}").get


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
            rows += fetch(connection, statement.sql, tuple(values[name] for name in statement.order))
            changes = connection.changes() if statement.is_write else 0
    except apsw.Error as error:
        return Outcome(error=error)
    return Outcome(tuple(sorted(rows, key=repr)), changes)


def _options(database: DatabaseSpec, spec: TypeExpression | PatchSpec, marks: Sequence[int]) -> list[SqlValue]:
    """What a parameter can be, made of numbers, and null or nothing where that is allowed."""
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


def _combinations(options: Sequence[Sequence[SqlValue]], limit: int) -> Iterator[tuple[SqlValue, ...]]:
    """All first values, all second ones, ..., then a spread of the other combinations."""
    longest, total = max(map(len, options), default=1), prod(map(len, options))
    seen = dict.fromkeys(tuple(choice[index % len(choice)] for choice in options) for index in range(longest))
    for start in range(0, total, max(1, total // limit)):
        combination, left = [], start
        for choice in options:
            left, index = divmod(left, len(choice))
            combination.append(choice[index])
        seen[tuple(combination)] = None
    yield from list(seen)[:limit]
