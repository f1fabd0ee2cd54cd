"""Whose rows a table holds: by foreign keys an account's, or, with a reason, everybody's.

A column that looks like a key and is none is where isolation gets lost: nothing ties the row to an account, and no
trial can tell whose it is. So such a column is a finding, and an account's method names only tables that lead to
`accounts` or that the spec declares shared.
"""

import re
from collections.abc import Iterator

import apsw.ext

from generator.checks.context import Context
from generator.diagnostics import did_you_mean
from generator.findings.ownership import OWN002, OWN003, OWN004, OWN005
from generator.spec.database import MethodSpec
from generator.spec.names import snake
from generator.spec.sql import tokens
from generator.trial.seed import ROOT
from generator.trial.tables import Schema, Table

_TOUCHES = ("SQLITE_READ", "SQLITE_INSERT", "SQLITE_UPDATE", "SQLITE_DELETE")
_TABLE_FUNCTIONS = frozenset({"json_each", "json_tree"})


def check(context: Context) -> None:
    """Check the keys of all tables, what is declared of them, and the tables that account methods name."""
    schema = context.schema
    if schema is None:
        return
    _check_declarations(context, schema)
    loose = set(_check_keys(context, schema))
    if ROOT in schema.tables:
        _check_methods(context, schema, loose)


def _check_declarations(context: Context, schema: Schema) -> None:
    database = context.spec.database
    for name in database.shared_tables:
        if name not in schema.tables:
            hint = did_you_mean(name, schema.tables)
            context.add(OWN004, "database", ("shared_tables", name), f"there is no table '{name}'", hint, at_key=True)
        elif name == ROOT or schema.path_to(name, ROOT):
            message = f"'{name}' leads to {ROOT}: its rows belong to accounts, and cannot be shared"
            context.add(OWN004, "database", ("shared_tables", name), message, "remove it", at_key=True)
    for name, loose in database.loose_keys.items():
        location = ("loose_keys", name)
        table, column = name.split(".")
        if table not in schema.tables:
            hint = did_you_mean(table, schema.tables)
            context.add(OWN004, "database", location, f"there is no table '{table}'", hint, at_key=True)
        elif column not in schema.tables[table].columns:
            hint = did_you_mean(column, schema.tables[table].columns)
            context.add(
                OWN004, "database", location, f"the table '{table}' has no column '{column}'", hint, at_key=True
            )
        elif column in schema.tables[table].referring:
            context.add(OWN004, "database", location, f"'{name}' has a foreign key", "remove it here", at_key=True)
        elif loose.table is not None and loose.table not in schema.tables:
            hint = did_you_mean(loose.table, schema.tables)
            context.add(OWN004, "database", (*location, "table"), f"there is no table '{loose.table}'", hint)
        elif loose.table is not None and len(schema.tables[loose.table].primary_key) != 1:
            message = f"'{loose.table}' has no primary key of one column, which '{name}' could hold"
            context.add(OWN004, "database", (*location, "table"), message, "name another table, or leave it out")


def _check_keys(context: Context, schema: Schema) -> Iterator[str]:
    """The tables that have a column which looks like a key and is none; each is a finding."""
    declared = context.spec.database.loose_keys
    for table in schema.tables.values():
        for key in table.foreign_keys:
            if key.table not in schema.tables:
                message = f"{table.name}.{key.columns[0]} refers to '{key.table}', and there is no such table"
                hint = did_you_mean(key.table, schema.tables)
                context.add_to_migration(OWN005, table.name, key.columns[0], message, hint)
                yield table.name
        for column in table.columns:
            named = _named_by(schema, table, column)
            if named and column not in table.referring and f"{table.name}.{column}" not in declared:
                target = schema.tables[named]
                key_name = target.primary_key[0] if target.primary_key else "id"
                message = f"{table.name}.{column} looks like a key of '{named}', and refers to nothing"
                hint = (
                    f"write REFERENCES {named} ({key_name}), or say under `loose_keys` of database.yaml why it has "
                    f"none: {table.name}.{column}: {{table: {named}, reason: ...}}"
                )
                context.add_to_migration(OWN003, table.name, column, message, hint)
                yield table.name


def _named_by(schema: Schema, table: Table, column: str) -> str:
    """The table that a column is named after: `note_id` and `first_note_id` after `notes`; empty when there is none."""
    words = snake(column).lower().removesuffix("_id") if snake(column).lower().endswith("_id") else ""
    if not words or (table.primary_key == (column,) and words in _singulars(table.name)):
        return ""
    stems = [words.split("_", position)[-1] for position in range(words.count("_") + 1)]
    for stem in stems:
        for whole in (True, False):
            for name in schema.tables:
                if stem in _singulars(name if whole else name.rsplit("_", 1)[-1]):
                    return name
    return ""


def _singulars(name: str) -> set[str]:
    name = name.lower()
    endings = {"ies": "y", "es": "", "s": ""}
    return {name, *(name.removesuffix(end) + new for end, new in endings.items() if re.search(f".{end}$", name))}


def _check_methods(context: Context, schema: Schema, loose: set[str]) -> None:
    shared = context.spec.database.shared_tables
    reported: set[str] = set()
    for name, method in context.spec.database.methods.items():
        if method.scope != "account" or context.is_broken("database", "methods", name):
            continue
        for index, table in _touched(schema, method):
            if table in shared or table == ROOT or (table in schema.tables and schema.path_to(table, ROOT)):
                continue
            if table in loose | reported:
                # That has been said.
                context.pass_over("database", "methods", name)
                break
            reported.add(table)
            hint = (
                f"give it a key that leads there, like account_id INTEGER NOT NULL REFERENCES {ROOT} (id), make the "
                f"scope internal, or say under `shared_tables` why accounts may share its rows"
            )
            if table not in schema.tables:
                hint = "it tells of all accounts: make the scope internal"
            message = f"'{name}' is an account method, and '{table}' does not lead to {ROOT}"
            offset = next(
                (t.offset for t in tokens(method.sql[index]) if (t.identifier or "").lower() == table.lower()), -1
            )
            context.add(OWN002, "database", context.sql_location(name, index), message, hint, offset=offset)
            break


def _touched(schema: Schema, method: MethodSpec) -> Iterator[tuple[int, str]]:
    """Each table that a method reads or writes, through views and triggers too, with the statement that does."""
    for index, sql in enumerate(method.sql):
        actions = apsw.ext.query_info(schema.connection, sql, actions=True).actions or ()
        names = [str(action.table_name) for action in actions if action.action_name in _TOUCHES]
        # The other names are those of views and CTEs.
        yield from (
            (index, name) for name in dict.fromkeys(names) if name in schema.tables or _is_systems(schema, name)
        )


def _is_systems(schema: Schema, name: str) -> bool:
    """Whether a name is of a table that SQLite brings along, and that holds more than what is given to it."""
    modules = {str(module) for (module,) in schema.connection.execute("SELECT name FROM pragma_module_list")}
    return name.startswith(("sqlite_", "pragma_")) or name in modules - _TABLE_FUNCTIONS
