"""Rows of two accounts in a migrated database, made from the schema alone, so that a leak between them shows.

Row number `k` of an account holds one number in every column that has no other meaning, as an integer or as text: any
parameter of a query meets any column. Columns that the spec calls enums, and those that statements compare with
literals, go through the values that matter. What the numbers are is said twice (`Numbering`): once those of the
accounts lie apart, once they lie among each other.
"""

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import apsw

from generator.spec.database import DatabaseSpec
from generator.spec.names import camel
from generator.spec.sql import Token, tokens
from generator.spec.types import TypeExpression, parse_type
from generator.trial.d1 import copy_limits
from generator.trial.tables import Column, ForeignKey, Schema, Table

ROOT = "accounts"
SqlValue = None | int | float | str
# The other account has the lower ids: the next id of a table is the same with and without its rows.
# Nobody's are rows whose keys are null where they lead to accounts; a newcomer has nothing but its account.
NOBODY, OTHER, NEWCOMER, OWN = 500_000, 1_000_000, 1_500_000, 2_000_000
ACCOUNTS = (NOBODY, OTHER, NEWCOMER, OWN)
MAX_ROWS = 24
# Stands for a row's own number among the values of a column.
_MARK = "\0mark"
_COMPARISONS = frozenset({"=", "==", "<>", "!=", "<", ">", "<=", ">=", "IS", "IN", "NOT", "LIKE"})


_CLOCK_NAME = "ossgard-gen-still-clock"


class _StillClock(apsw.VFS):
    """SQLite's default file system with a clock that stands still, so that two runs can be compared."""

    def __init__(self) -> None:
        super().__init__(_CLOCK_NAME, "")

    def xCurrentTimeInt64(self) -> int:
        return 212_648_000_000_000

    def xCurrentTime(self) -> float:
        return 2_461_203.7


_CLOCK = _StillClock()


class Numbering:
    """What number an account's row has, and what numbers parameters should ask for.

    The numbers of the accounts lie apart: a value tells whose it is, and any mixture of them is seen.
    """

    rows = 3

    def id(self, account: int, table: int, row: int) -> int:
        """The key of a row; tables and rows count from 0 and 1."""
        return account + row

    def mark(self, account: int, row: int) -> int:
        """The number in its other columns."""
        return account + row

    def shift(self, account: int) -> int:
        """With which of the values that matter the rows begin."""
        return 0

    def asked(self, account: int) -> Sequence[int]:
        """The numbers of an account that parameters ask for."""
        return (account + 1, account + 2)


class Interleaved(Numbering):
    """Ids as they are in use: those of the accounts alternate, in another order in each table, and begin alike.

    So a key that is compared with another table's (an account's id with a note's) meets rows of the other account, and
    so does a part of an id. The other columns of both accounts hold the same.
    """

    # The sixth pair of ids is 11 and 12.
    rows = 6
    roots: ClassVar = {OTHER: 1, NEWCOMER: 5, OWN: 11}

    def id(self, account: int, table: int, row: int) -> int:
        if account == NOBODY:
            return account + row
        if table == 0:
            return self.roots[account]
        # The first and the sixth row are turned against the accounts' own ids; the last row is the larger account's.
        turned = row % 6 == 0 if row == 1 or row % 6 == 0 else bool(table >> (row - 2 - row // 6) & 1)
        return 2 * row - ((account == OWN) != turned)

    def mark(self, account: int, row: int) -> int:
        # Some values stand once in an account, and twice in the other; what has the largest id holds something else.
        return row - (account == OTHER and (row % 4 == 3 or row % 6 == 0))

    def shift(self, account: int) -> int:
        return int(account == OWN)

    def asked(self, account: int) -> Sequence[int]:
        return (1, 2, 11, 3, 4)


@dataclass
class Row:
    """A row that was made, with the rows that it belongs to, by table."""

    values: dict[str, SqlValue]
    ancestors: dict[str, "Row"] = field(default_factory=dict)


class Seeds:
    """Makes the rows.

    Args:
        schema: the tables.
        database: the methods, and the enums and records of their parameters.
        types: what is known of the tables' columns, by table and column.
        numbering: what the numbers are.
        literals: whether columns also hold what statements compare them with.
    """

    def __init__(
        self,
        schema: Schema,
        database: DatabaseSpec,
        types: Mapping[tuple[str, str], TypeExpression],
        numbering: Numbering,
        *,
        literals: bool,
    ) -> None:
        self.schema = schema
        self.database = database
        self.types = types
        self.numbering = numbering
        texts = [sql for method in database.methods.values() for sql in method.sql]
        asked = [*texts, *schema.programs.values()] if literals else []
        self.literals = _literals([*(table.sql for table in schema.tables.values()), *asked])
        self.problems: dict[str, str] = {}
        self.rows: dict[tuple[int, str], list[Row]] = {}
        self.connection = copy(schema.connection)
        self.connection.execute("PRAGMA foreign_keys = OFF")
        for name in schema.triggers:
            self.connection.execute(f"DROP TRIGGER {quoted(name)}")
        # The accounts have the first number, the tables that follow theirs.
        self._position = {table.name: number for number, table in enumerate(self._root_first())}
        for account in ACCOUNTS:
            rows: dict[str, list[Row]] = {}
            for table in schema.in_order:
                rows[table.name] = self.rows[account, table.name] = self._fill(table, account, rows)
        for name in schema.triggers:
            self.connection.execute(schema.programs[name])
        self.connection.execute("PRAGMA foreign_keys = ON")

    def _root_first(self) -> list[Table]:
        return sorted(self.schema.in_order, key=lambda table: table.name != ROOT)

    def without(self, *accounts: int) -> apsw.Connection:
        """The same rows less those of accounts."""
        connection = copy(self.connection)
        connection.execute("PRAGMA foreign_keys = OFF")
        for name in self.schema.triggers:
            connection.execute(f"DROP TRIGGER {quoted(name)}")
        for table in self.schema.tables.values():
            condition = self.belongs_to(table, *accounts)
            if condition:
                connection.execute(f"DELETE FROM {quoted(table.name)} WHERE {condition}")
        for name in self.schema.triggers:
            connection.execute(self.schema.programs[name])
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def belongs_to(self, table: Table, *accounts: int) -> str:
        """The condition that a row belongs to one of the accounts, or to nobody; empty for tables without owners."""
        if table.name == ROOT and table.row_id:
            ids = ", ".join(str(self.account_id(account)) for account in accounts if account != NOBODY)
            return f"{quoted(table.row_id)} IN ({ids})"
        keys = _owners(self.schema, table)
        conditions = []
        for key in keys:
            owners = [row for account in accounts for row in self.rows[account, key.table]]
            values = [
                ", ".join(apsw.format_sql_value(row.values.get(target)) for target in key.targets) for row in owners
            ]
            columns = ", ".join(map(quoted, key.columns))
            wanted = ", ".join(f"({value})" for value in dict.fromkeys(values))
            if wanted:
                conditions.append(f"({columns}) IN (VALUES {wanted})")
        columns_ = [column for key in keys for column in key.columns]
        if columns_ and NOBODY in accounts:
            conditions.append(f"coalesce({', '.join(map(quoted, columns_))}, NULL) IS NULL")
        return " OR ".join(conditions)

    def account_id(self, account: int) -> int:
        return self.numbering.id(account, 0, 1)

    def _fill(self, table: Table, account: int, rows: Mapping[str, list[Row]]) -> list[Row]:
        if account == NEWCOMER and table.name != ROOT:
            return []
        if account == NOBODY and not _may_be_ownerless(self.schema, table, rows):
            return []
        keys = sorted(
            table.foreign_keys, key=lambda key: (key.table == table.name, -self._depth(key.table), key.columns)
        )
        parents = _with_children(rows.get(keys[0].table, [])) if keys else []
        variants = self._variants(table, {column for key in keys for column in key.columns})
        made: list[Row] = []
        wanted = max(self.numbering.rows, len(variants)) * max(1, len(parents))
        count = 1 if table.name == ROOT else 2 if account == NOBODY else min(wanted, MAX_ROWS)
        for number in range(count):
            parent = parents[number % len(parents)] if parents else None
            variant = variants[(number // max(1, len(parents)) + self.numbering.shift(account)) % len(variants)]
            self._make(table, keys, account, made, parent, variant, rows)
        return made

    def _make(
        self,
        table: Table,
        keys: Sequence[ForeignKey],
        account: int,
        made: list[Row],
        parent: Row | None,
        variant: Mapping[str, SqlValue],
        rows: Mapping[str, list[Row]],
    ) -> None:
        """Make a row; with numbers of its own where those that all accounts have are to be unique."""
        number = len(made) + 1
        marks = dict.fromkeys((self.numbering.mark(account, number), account + number))
        for mark in marks:
            row = self._row(table, keys, account, made, mark, parent, variant, rows)
            if self._insert(table, row):
                made.append(row)
                return

    def _depth(self, table: str, seen: frozenset[str] = frozenset()) -> int:
        if table in seen or table not in self.schema.tables:
            return 0
        keys = self.schema.tables[table].foreign_keys
        return 1 + max((self._depth(key.table, seen | {table}) for key in keys), default=0)

    def _variants(self, table: Table, linked: set[str]) -> list[dict[str, SqlValue]]:
        """Values of the columns that queries tell apart: all combinations, or a spread of them where there are many."""
        choices: list[list[tuple[str, SqlValue]]] = []
        for column in table.columns.values():
            if column.generated or column.name in linked or column.name == table.row_id:
                continue
            values = self._choices(table, column)
            if values:
                choices.append([(column.name, value) for value in values])
        size = 1
        for choice in choices:
            size *= len(choice)
        if size <= MAX_ROWS:
            return [dict(combination) for combination in itertools.product(*choices)]
        return [
            dict(
                choice[(number + number // len(choice) * position) % len(choice)]
                for position, choice in enumerate(choices)
            )
            for number in range(MAX_ROWS)
        ]

    def _choices(self, table: Table, column: Column) -> list[SqlValue]:
        type_ = self.types.get((table.name, column.name))
        values: dict[SqlValue, None] = {}
        for literal in self.literals.get(column.name.lower(), ()):
            if literal is not None or table.may_be_null(column.name):
                values[literal] = None
        if type_ is not None and type_.name in self.database.enums and not type_.is_list:
            values |= dict.fromkeys(self.database.enums[type_.name].values)
        elif values and (type_ is None or type_.name != "boolean"):
            values[_MARK] = None
        return list(values)

    def _row(
        self,
        table: Table,
        keys: Sequence[ForeignKey],
        account: int,
        made: Sequence[Row],
        mark: int,
        parent: Row | None,
        variant: Mapping[str, SqlValue],
        rows: Mapping[str, list[Row]],
    ) -> Row:
        number = len(made) + 1
        named = self._named(table)
        own_id = self.numbering.id(account, self._position[table.name], number)
        values: dict[str, SqlValue] = {}
        for column in table.columns.values():
            if not column.generated:
                # Every third row is null where it can be.
                otherwise = None if number % 3 == 0 and table.may_be_null(column.name) else _MARK
                chosen = variant.get(column.name, otherwise)
                own = own_id if column.name in named else mark
                values[column.name] = self._mark(table, column, own) if chosen is _MARK else chosen
        ancestors: dict[str, Row] = {}
        for position, key in enumerate(keys):
            chosen_row = parent
            if key.table == table.name:
                # A tree: all but the first row lie below it.
                chosen_row = made[0] if made else None
            elif position > 0:
                chosen_row = _closest(_with_children(rows.get(key.table, [])), key.table, ancestors, number)
            if chosen_row is None:
                may_be_null = any(table.may_be_null(column) for column in key.columns)
                first = self.numbering.id(account, self._position.get(key.table, 0), 1)
                values |= dict.fromkeys(key.columns, None if may_be_null else first)
                continue
            if key.table != table.name:
                ancestors = {**chosen_row.ancestors, key.table: chosen_row, **ancestors}
            values |= {
                column: chosen_row.values.get(target) for column, target in zip(key.columns, key.targets, strict=False)
            }
        return Row(values, ancestors)

    def _named(self, table: Table) -> set[str]:
        """The columns by which rows of a table are named."""
        targets = {
            key.targets[0]
            for other in self.schema.tables.values()
            for key in other.foreign_keys
            if key.table == table.name and len(key.targets) == 1
        }
        return targets | (set(table.primary_key) if len(table.primary_key) == 1 else set())

    def _mark(self, table: Table, column: Column, mark: int) -> SqlValue:
        """A value that tells whose it is: the mark, in the form that the column's type asks for."""
        type_ = self.types.get((table.name, column.name))
        default = (column.default or "").strip("'\"()")
        if type_ is not None and type_.name == "boolean":
            return mark % 2
        if type_ is not None and (type_.is_list or type_.name == "json" or type_.name in self.database.records):
            return to_json(sample(self.database, type_, mark))
        if default[:1] in ("[", "{"):
            return to_json([mark] if default[0] == "[" else {"mark": mark})
        if column.affinity == "REAL":
            return float(mark)
        return mark if column.affinity in ("INTEGER", "NUMERIC") else str(mark)

    def _insert(self, table: Table, row: Row) -> bool:
        """Insert a row; where a CHECK refuses it, with the literals of the table's own definition."""
        for values in (row.values, *self._repaired(table, row.values)):
            names = ", ".join(quoted(name) for name in values)
            marks = ", ".join("?" * len(values))
            try:
                self.connection.execute(
                    f"INSERT INTO {quoted(table.name)} ({names}) VALUES ({marks})", tuple(values.values())
                )
            except apsw.ConstraintError as error:
                if "CHECK" not in str(error):
                    self.problems.setdefault(table.name, str(error))
                    return False
                self.problems.setdefault(table.name, str(error))
            except apsw.Error as error:
                self.problems.setdefault(table.name, str(error))
                return False
            else:
                row.values = values
                self.problems[table.name] = ""
                return True
        return False

    def _repaired(self, table: Table, values: Mapping[str, SqlValue]) -> Iterator[dict[str, SqlValue]]:
        """The row with other values in the columns that the table's CHECKs mention."""
        mentioned = {(token.identifier or "").lower() for token in _check_tokens(table)}
        free = [name for name in values if name.lower() in mentioned and name != table.row_id]
        literals = [_literal(token) for token in _check_tokens(table) if token.kind in ("text", "number")]
        numbers = [value + change for value in literals if isinstance(value, int | float) for change in (1, -1)]
        options = list(dict.fromkeys([*literals, *numbers, 0, 1, "", None]))
        for combination in itertools.islice(itertools.product(options, repeat=min(len(free), 3)), 2000):
            yield {**values, **dict(zip(free, combination, strict=False))}


def copy(connection: apsw.Connection) -> apsw.Connection:
    """A copy of a database in memory, with a still clock and without chance."""
    other = apsw.Connection(":memory:", vfs=_CLOCK_NAME)
    with other.backup("main", connection, "main") as backup:
        backup.step()
    copy_limits(connection, other)
    other.create_scalar_function("random", _no_chance, 0)
    other.create_scalar_function("randomblob", _no_chance_bytes, 1)
    return other


def _no_chance(*_: object) -> int:
    return 4


def _no_chance_bytes(*sizes: object) -> bytes:
    return bytes([4]) * int(str(sizes[0]))


def _owners(schema: Schema, table: Table) -> list[ForeignKey]:
    """The keys by which a table's rows lead to an account."""
    return [
        key
        for key in table.foreign_keys
        if key.table == ROOT or (key.table in schema.tables and schema.path_to(key.table, ROOT))
    ]


def _may_be_ownerless(schema: Schema, table: Table, rows: Mapping[str, list[Row]]) -> bool:
    """Whether a row of a table that has owners can have none: each key is null, or names such a row."""
    owners = [] if table.name == ROOT else _owners(schema, table)
    return bool(owners) and all(
        bool(rows.get(key.table)) or any(table.may_be_null(column) for column in key.columns) for key in owners
    )


def quoted(name: str) -> str:
    """An identifier in SQL."""
    return '"' + name.replace('"', '""') + '"'


def to_json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def sample(database: DatabaseSpec, type_: TypeExpression, mark: int) -> object:
    """A value of a type as JSON, made of a mark."""
    if type_.is_list:
        return [sample(database, type_.item, mark)]
    if type_.name in database.enums:
        return database.enums[type_.name].values[0]
    if type_.name in database.records:
        fields = database.records[type_.name].fields
        return {camel(name): sample(database, parse_type(text), mark) for name, text in fields.items()}
    return {"text": str(mark), "real": float(mark), "boolean": True, "json": {"mark": mark}}.get(type_.name, mark)


def _with_children(rows: Sequence[Row]) -> Sequence[Row]:
    """All but the second row, which nothing belongs to: some statements do something for such rows only."""
    return [*rows[:1], *rows[2:]]


def _closest(candidates: Sequence[Row], table: str, ancestors: Mapping[str, Row], number: int) -> Row | None:
    """The row that shares most with what a new row belongs to already: a member's PR is of its group's repository."""
    if table in ancestors:
        return ancestors[table]
    if not candidates:
        return None
    turned = [candidates[(number - 1 + shift) % len(candidates)] for shift in range(len(candidates))]
    return max(turned, key=lambda row: sum(row.ancestors.get(name) is other for name, other in ancestors.items()))


def _literals(statements: Iterable[str]) -> dict[str, list[SqlValue]]:
    """The values that statements compare columns with, by the column's name; None for IS NULL."""
    found: dict[str, list[SqlValue]] = {}
    for sql in statements:
        all_ = tokens(sql)
        assigning = False
        for index, token in enumerate(all_):
            if token.keyword == "CASE" and all_[index + 2 : index + 3] and all_[index + 2].keyword == "WHEN":
                column = (all_[index + 1].identifier or "").lower()
                values = [value for when, value in itertools.pairwise(all_) if when.keyword == "WHEN"]
                found.setdefault(column, []).extend(_literal(v) for v in values if v.kind in ("text", "number"))
            assigning = token.keyword == "SET" or (assigning and token.keyword not in ("WHERE", "RETURNING", "FROM"))
            if token.text.upper() not in _COMPARISONS or index == 0 or not all_[index - 1].identifier:
                continue
            if assigning and (all_[index - 2].text == "," or all_[index - 2].keyword == "SET"):
                continue
            column = (all_[index - 1].identifier or "").lower()
            for item in itertools.takewhile(_is_compared, all_[index + 1 :]):
                if item.kind in ("text", "number"):
                    value = _literal(item)
                    found.setdefault(column, []).append(value)
                    if isinstance(value, int | float) and token.text in ("<", ">", "!=", "<>"):
                        found[column] += [value - 1, value + 1]
                elif item.keyword == "NULL":
                    found.setdefault(column, []).append(None)
    return {column: list(dict.fromkeys(values)) for column, values in found.items()}


def _is_compared(token: Token) -> bool:
    return (
        token.keyword in ("NOT", "IN", "NULL", "IS", "LIKE") or token.text in "(," or token.kind in ("text", "number")
    )


def _literal(token: Token) -> SqlValue:
    if token.kind == "text":
        return token.text[1:-1].replace("''", "'")
    return float(token.text) if "." in token.text else int(token.text)


def _check_tokens(table: Table) -> list[Token]:
    """The tokens of a table's CHECK conditions."""
    found: list[Token] = []
    inside: int | None = None
    for token in tokens(table.sql):
        if inside is not None and token.text == ")" and token.depth <= inside:
            inside = None
        elif inside is not None:
            found.append(token)
        elif token.keyword == "CHECK":
            inside = token.depth
    return [token for token in found if not re.fullmatch(r"[()]", token.text)]
