"""The migrated schema in a real SQLite: its tables, columns and foreign keys."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import apsw

from generator.diagnostics import Diagnostic
from generator.findings.migrations import MIG004, MIG005, MIG006
from generator.spec.migrations import Migration, raw_statements
from generator.spec.sql import tokens
from generator.trial.bounds import Meter, fetch
from generator.trial.d1 import D1, copy_limits

# What the hosts do themselves around a migration, and D1 lets nobody else do.
_HOSTS_OWN = frozenset({"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "ATTACH", "DETACH", "VACUUM"})

# Those that D1 takes; it refuses all others.
_PRAGMAS = frozenset("""
    case_sensitive_like data_version defer_foreign_keys foreign_key_check foreign_key_list foreign_keys
    ignore_check_constraints index_info index_list index_xinfo legacy_alter_table optimize quick_check
    recursive_triggers reverse_unordered_selects table_info table_list table_xinfo
    """.split())  # noqa: SIM905


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    declared: str
    not_null: bool
    default: str | None
    primary_key: int
    generated: bool

    @property
    def affinity(self) -> str:
        """INTEGER, TEXT, REAL, BLOB or NUMERIC, by the rules of https://sqlite.org/datatype3.html."""
        return affinity(self.declared)


@dataclass(frozen=True)
class ForeignKey:
    """Columns that name a row of another table."""

    columns: tuple[str, ...]
    table: str
    targets: tuple[str, ...]
    is_loose: bool = False


@dataclass(frozen=True)
class Table:
    """A table."""

    name: str
    sql: str
    columns: dict[str, Column]
    foreign_keys: tuple[ForeignKey, ...]

    @cached_property
    def primary_key(self) -> tuple[str, ...]:
        keys = sorted((column.primary_key, column.name) for column in self.columns.values() if column.primary_key)
        return tuple(name for _, name in keys)

    @cached_property
    def referring(self) -> frozenset[str]:
        """The columns that have a foreign key in the database; loose keys are none."""
        return frozenset(column for key in self.foreign_keys if not key.is_loose for column in key.columns)

    @cached_property
    def row_id(self) -> str | None:
        """The column that is the row's integer id, if there is one."""
        keys = [column for column in self.columns.values() if column.primary_key]
        is_row_id = len(keys) == 1 and keys[0].declared.upper() == "INTEGER" and not self.without_rowid
        return keys[0].name if is_row_id else None

    @property
    def without_rowid(self) -> bool:
        return "WITHOUTROWID" in "".join(self.sql.upper().rsplit(")", 1)[-1].split())

    def may_be_null(self, column: str) -> bool:
        """Whether the column can hold NULL."""
        return not self.columns[column].not_null and column != self.row_id


class Schema:
    """The tables of a migrated database, and that database, which stays empty.

    Args:
        connection: the database.
        loose: the columns that name rows without a foreign key: the table that they name, by table and column.
    """

    def __init__(self, connection: apsw.Connection, loose: Mapping[tuple[str, str], str]) -> None:
        self.connection = connection
        query = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
        rows = connection.execute(query + " ORDER BY name").fetchall()
        self.tables = {str(name): _read_table(connection, str(name), str(sql)) for name, sql in rows}
        for (name, column), target in loose.items():
            table, named = self.tables.get(name), self.tables.get(target)
            if table is not None and named is not None and column in table.columns:
                key = ForeignKey((column,), target, named.primary_key, is_loose=True)
                self.tables[name] = replace(table, foreign_keys=(*table.foreign_keys, key))
        # What else has SQL of its own: views and triggers, by name.
        query = "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('view', 'trigger')"
        found = connection.execute(query).fetchall()
        self.programs = {str(name): str(sql) for _, name, sql in found}
        self.triggers = [str(name) for kind, name, _ in found if kind == "trigger"]

    @cached_property
    def keys(self) -> frozenset[str]:
        """The names of columns that say which row it is, or whose: primary keys of one column, and foreign keys."""
        alone = {table.primary_key[0] for table in self.tables.values() if len(table.primary_key) == 1}
        keys = [key for table in self.tables.values() for key in table.foreign_keys]
        return frozenset({*alone, *(column for key in keys for column in (*key.columns, *key.targets))})

    def children(self, table: str) -> Iterable[str]:
        """The tables with a foreign key to a table."""
        return [child.name for child in self.tables.values() if any(key.table == table for key in child.foreign_keys)]

    def path_to(self, table: str, root: str) -> list[tuple[str, ForeignKey]]:
        """The shortest way by foreign keys from a table to the root; empty when there is none."""
        waiting: list[list[tuple[str, ForeignKey]]] = [[(table, key)] for key in self.tables[table].foreign_keys]
        seen = {table}
        for path in waiting:
            reached = path[-1][1].table
            if reached == root:
                return path
            if reached not in seen and reached in self.tables:
                seen.add(reached)
                waiting += [[*path, (reached, key)] for key in self.tables[reached].foreign_keys]
        return []

    @cached_property
    def in_order(self) -> list[Table]:
        """The tables, each after those that it refers to, as far as they do not go in a circle."""
        ordered: dict[str, Table] = {}
        open_: set[str] = set()

        def place(table: Table) -> None:
            if table.name in ordered or table.name in open_:
                return
            open_.add(table.name)
            for key in table.foreign_keys:
                if key.table in self.tables:
                    place(self.tables[key.table])
            ordered[table.name] = table

        for table in self.tables.values():
            place(table)
        return list(ordered.values())


def affinity(declared: str) -> str:
    """What SQLite makes of a declared type."""
    name = declared.upper()
    if "INT" in name:
        return "INTEGER"
    if any(part in name for part in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in name or not name:
        return "BLOB"
    if any(part in name for part in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC"


def migrate(migrations: Sequence[Migration], loose: Mapping[tuple[str, str], str], d1: D1) -> Schema | Diagnostic:
    """Apply the migrations to an empty database; the first statement that fails, or would in use, is the finding."""
    connection = apsw.Connection(":memory:")
    connection.execute("PRAGMA foreign_keys = ON")
    d1.constrain(connection)
    meter = Meter()
    meter.guard(connection)
    for migration in migrations:
        for offset, statement in raw_statements(migration.text):
            meter.reset()
            words = [token.keyword for token in tokens(statement)[:2]]
            first = offset + next((token.offset for token in tokens(statement)), 0)
            if refused := _refused(statement):
                return migration.diagnostic(MIG004, first, *refused)
            if refusal := d1.refusal(statement):
                return migration.diagnostic(MIG004, offset + refusal.offset, refusal.message, refusal.hint)
            try:
                problem = _problem_with_rows(connection, statement) if words == ["ALTER", "TABLE"] else ""
                fetch(connection, statement, ())
            except apsw.Error as error:
                in_bytes = max(getattr(error, "error_offset", -1), 0)
                place = offset + len(statement.encode()[:in_bytes].decode(errors="ignore"))
                hint = "migrations run in order on an empty database; correct this one if it is not deployed yet"
                kind: type[Diagnostic] = MIG005
                message = f"SQLite refuses the migration: {error}"
                if over := d1.explain(str(error)):
                    kind, place, (message, hint) = MIG004, first, over
                return migration.diagnostic(kind, place, message, hint)
            if problem and not migration.requires_empty:
                hint = "write a constant DEFAULT, or let the column be null and fill it with an UPDATE"
                return migration.diagnostic(
                    MIG006, first, f"the migration fails where the table has rows: {problem}", hint
                )
    meter.release(connection)
    return Schema(connection, loose)


def _refused(statement: str) -> tuple[str, str] | None:
    """What D1 refuses in a migration, and the way out; beside functions and limits."""
    found = tokens(statement)
    words = [(token.identifier or token.text).upper() for token in found]
    if words[:1] and words[0] in _HOSTS_OWN:
        hint = "leave it out: the hosts run each migration as one transaction, in a database of its own"
        return f"D1 refuses {words[0]} in a migration", hint
    if words[:1] == ["PRAGMA"] and words[1].lower() not in _PRAGMAS:
        return f"D1 refuses PRAGMA {words[1].lower()}", f"leave it out; it takes {', '.join(sorted(_PRAGMAS))}"
    if words[:1] == ["CREATE"] and words[1] in ("TEMP", "TEMPORARY"):
        return "D1 has no temporary tables and views", "create it, and drop it at the end of the migration"
    if words[:2] == ["ALTER", "TABLE"] and {"ALTER", "CONSTRAINT"} & {token.keyword for token in found[2:]}:
        return "D1's ALTER TABLE changes no column and no constraint", "make a new table, copy the rows, rename it"
    if words[:3] == ["CREATE", "VIRTUAL", "TABLE"]:
        module = words[words.index("USING") + 1].lower() if "USING" in words[:-1] else ""
        if not module.startswith("fts5"):
            return f"D1 has no virtual tables of '{module}'", "it has fts5 only; use an ordinary table"
    if own := next((token for token in found if (token.identifier or "").lower().startswith("_cf_")), None):
        return f"D1 keeps names like '{own.identifier}' to itself", "choose another name"
    return None


def _problem_with_rows(connection: apsw.Connection, statement: str) -> str:
    """Why an ALTER TABLE that an empty table takes fails when the table has a row; empty when it does not."""
    table = next((token.identifier for token in tokens(statement)[2:] if token.identifier), "")
    copy = apsw.Connection(":memory:")
    with copy.backup("main", connection, "main") as backup:
        backup.step()
    copy_limits(connection, copy)
    copy.execute("PRAGMA ignore_check_constraints = ON")
    columns = [column for column in _read_table(copy, table, "").columns.values() if not column.generated]
    names = ", ".join(f'"{column.name}"' for column in columns)
    try:
        # A row of the migrations' own does as well.
        copy.execute(f'INSERT OR IGNORE INTO "{table}" ({names}) VALUES ({", ".join("1" * len(columns))})')
        copy.execute("PRAGMA ignore_check_constraints = OFF")
        copy.execute("PRAGMA foreign_keys = ON")
        copy.execute(statement)
    except apsw.Error as error:
        try:
            connection.execute("SAVEPOINT trial")
            connection.execute(statement)
        except apsw.Error:
            # It fails anyway, and says so itself.
            return ""
        finally:
            connection.execute("ROLLBACK TO trial")
            connection.execute("RELEASE trial")
        return str(error)
    return ""


def _read_table(connection: apsw.Connection, name: str, sql: str) -> Table:
    columns = {
        str(column): Column(str(column), str(declared or ""), bool(not_null), default, int(key), hidden > 1)
        for _, column, declared, not_null, default, key, hidden in connection.execute(
            "SELECT * FROM pragma_table_xinfo(?)", (name,)
        )
    }
    keys: dict[int, list[tuple[str, str, str | None]]] = {}
    query = 'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq'
    for number, table, source, target in connection.execute(query, (name,)):
        keys.setdefault(number, []).append((table, source, target))
    return Table(name, sql, columns, tuple(_foreign_key(connection, parts) for parts in keys.values()))


def _foreign_key(connection: apsw.Connection, parts: Sequence[tuple[str, str, str | None]]) -> ForeignKey:
    table = parts[0][0]
    targets = [target for _, _, target in parts if target is not None]
    if not targets:
        query = "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk"
        targets = [str(target) for (target,) in connection.execute(query, (table,))]
    return ForeignKey(tuple(source for _, source, _ in parts), table, tuple(targets))
