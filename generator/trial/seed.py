"""Rows of two accounts in a migrated database, made from the schema alone, so that a leak between them shows.

Row number `k` of an account holds the number `base + k` in every column that has no other meaning, as an integer or
as text: ids, names, hashes and foreign keys of one account lie in one range, and any parameter of a query meets any
column. Columns that the spec calls enums, and those that statements compare with literals, go through the values that
matter.
"""

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import apsw

from generator.spec.database import DatabaseSpec
from generator.spec.names import camel
from generator.spec.sql import Token, tokens
from generator.spec.types import TypeExpression, parse_type
from generator.trial.tables import Column, ForeignKey, Schema, Table

ROOT = "accounts"
SqlValue = None | int | float | str
# The other account has the lower ids: the next id of a table is the same with and without its rows.
OTHER, OWN = 1_000_000, 2_000_000
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


@dataclass
class Row:
    """A row that was made, with the rows that it belongs to, by table."""

    values: dict[str, SqlValue]
    ancestors: dict[str, "Row"] = field(default_factory=dict)


class Seeds:
    """Makes the rows."""

    def __init__(self, schema: Schema, database: DatabaseSpec, types: Mapping[tuple[str, str], TypeExpression]) -> None:
        self.schema = schema
        self.database = database
        self.types = types
        self.literals = _literals(sql for method in database.methods.values() for sql in method.sql)
        self.problems: dict[str, str] = {}
        self.counts: dict[tuple[int, str], int] = {}
        self.connection = copy(schema.connection)
        self.connection.execute("PRAGMA foreign_keys = OFF")
        for base in (OTHER, OWN):
            rows: dict[str, list[Row]] = {}
            for table in schema.in_order:
                rows[table.name] = self._fill(table, base, rows)
                self.counts[base, table.name] = len(rows[table.name])
        self.connection.execute("PRAGMA foreign_keys = ON")

    def without(self, base: int) -> apsw.Connection:
        """The same rows less those of one account."""
        connection = copy(self.connection)
        connection.execute("PRAGMA foreign_keys = OFF")
        for table in self.schema.tables.values():
            condition = self.belongs_to(table, base)
            if condition:
                connection.execute(f"DELETE FROM {quoted(table.name)} WHERE {condition}")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def belongs_to(self, table: Table, base: int) -> str:
        """The condition that a row belongs to an account; empty for tables that belong to none."""
        owners = [
            (column, key) for key in table.foreign_keys if _is_owned(self.schema, key.table) for column in key.columns
        ]
        conditions = []
        for column, key in owners:
            parent = self.schema.tables.get(key.table)
            exact = parent is not None and key.targets == (parent.row_id,)
            last = base + (self.counts[base, key.table] if exact else MAX_ROWS)
            conditions.append(f"CAST({quoted(column)} AS INTEGER) BETWEEN {base + 1} AND {last}")
        if table.name == ROOT and table.row_id:
            conditions = [f"{quoted(table.row_id)} = {base + 1}"]
        return " OR ".join(conditions)

    def _fill(self, table: Table, base: int, rows: Mapping[str, list[Row]]) -> list[Row]:
        keys = sorted(table.foreign_keys, key=lambda key: (-self._depth(key.table), key.columns))
        parents = _with_children(rows.get(keys[0].table, [])) if keys else []
        variants = self._variants(table, {column for key in keys for column in key.columns})
        made: list[Row] = []
        count = 1 if table.name == ROOT else min(max(3, len(variants)) * max(1, len(parents)), MAX_ROWS)
        for number in range(count):
            parent = parents[number % len(parents)] if parents else None
            variant = variants[number // max(1, len(parents)) % len(variants)]
            row = self._row(table, keys, base, len(made) + 1, parent, variant, rows)
            if self._insert(table, row, base + len(made) + 1):
                made.append(row)
        return made

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
        base: int,
        number: int,
        parent: Row | None,
        variant: Mapping[str, SqlValue],
        rows: Mapping[str, list[Row]],
    ) -> Row:
        mark = base + number
        values: dict[str, SqlValue] = {}
        for column in table.columns.values():
            if not column.generated:
                # Every third row is null where it can be.
                otherwise = None if number % 3 == 0 and table.may_be_null(column.name) else _MARK
                chosen = variant.get(column.name, otherwise)
                values[column.name] = self._mark(table, column, mark) if chosen is _MARK else chosen
        ancestors: dict[str, Row] = {}
        for position, key in enumerate(keys):
            chosen_row = parent
            if position > 0:
                chosen_row = _closest(_with_children(rows.get(key.table, [])), key.table, ancestors, number)
            if chosen_row is None:
                values |= dict.fromkeys(key.columns, base + 1)
                continue
            ancestors = {**chosen_row.ancestors, key.table: chosen_row, **ancestors}
            values |= {
                column: chosen_row.values.get(target) for column, target in zip(key.columns, key.targets, strict=False)
            }
        return Row(values, ancestors)

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

    def _insert(self, table: Table, row: Row, mark: int) -> bool:
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
    other.create_scalar_function("random", _no_chance, 0)
    other.create_scalar_function("randomblob", _no_chance_bytes, 1)
    return other


def _no_chance(*_: object) -> int:
    return 4


def _no_chance_bytes(*sizes: object) -> bytes:
    return bytes([4]) * int(str(sizes[0]))


def _is_owned(schema: Schema, table: str) -> bool:
    return table == ROOT or (table in schema.tables and bool(schema.path_to(table, ROOT)))


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
