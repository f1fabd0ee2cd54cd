"""Migrations where there are rows: each runs over rows of its predecessors, and says why it drops or locks any.

Released migrations are left alone: they have run, and cannot be corrected.
"""

import re
from collections.abc import Iterator

import apsw

from generator.checks.context import Context
from generator.findings.migrations import MIG006, MIG007, MIG008
from generator.spec.migrations import Migration, raw_statements
from generator.spec.sql import tokens
from generator.trial.bounds import Meter, fetch
from generator.trial.seed import Numbering, Seeds
from generator.trial.tables import Schema, migrate

_REASON = re.compile(r"--\s*reason:\s*\S")


def lint(context: Context) -> None:
    """Ask for a reason where a migration drops, rewrites or locks what earlier ones have made."""
    earlier: set[str] = set()
    for migration in context.spec.migrations:
        has_reason = False
        made: set[str] = set()
        for offset, statement in raw_statements(migration.text):
            words = [(token.identifier or token.text).lower() for token in tokens(statement)]
            if "--" in statement or "/*" in statement:
                has_reason = _REASON.search(statement) is not None
            if words[:2] == ["create", "table"]:
                made.add(next(word for word in words[2:] if word not in ("if", "not", "exists")))
            what = _harm(words, earlier - made)
            if what and not has_reason and not migration.released:
                first = offset + tokens(statement)[0].offset
                hint = "say why that is right, in a comment above it: -- reason: ..."
                context.diagnostics.append(migration.diagnostic(MIG008, first, what, hint))
        earlier |= made


def _harm(words: list[str], earlier: set[str]) -> str:
    """What a statement does to a table that earlier migrations have made, in words; empty when it does no harm."""
    table = next((word for word in words[1:] if word in earlier), "")
    if not table:
        return ""
    if words[:2] == ["drop", "table"]:
        return f"this drops the table '{table}' with its rows"
    if words[:2] == ["alter", "table"] and "drop" in words:
        return f"this drops a column of '{table}', which the version before still reads"
    if words[:2] == ["alter", "table"] and "rename" in words:
        return f"this renames what the version before still reads of '{table}'"
    if words[0] == "delete":
        return f"this deletes rows of '{table}'"
    if words[0] == "update" and "where" not in words:
        return f"this rewrites every row of '{table}'"
    if words[0] == "create" and "index" in words[:3]:
        return f"this reads all of '{table}', and nothing can be written meanwhile"
    return ""


def check(context: Context) -> None:
    """Run each migration that is not released over rows of its predecessors."""
    if context.schema is None:
        return
    migrations = context.spec.migrations
    for number, migration in enumerate(migrations):
        if number and not migration.released:
            _check_rows(context, migrations[:number], migration)


def _check_rows(context: Context, before: list[Migration], migration: Migration) -> None:
    schema = migrate(before, {}, context.d1)
    assert isinstance(schema, Schema)
    connection = Seeds(schema, context.spec.database, {}, Numbering(), literals=False).connection
    refusal = next(_failures(connection, migration), None)
    if migration.requires_empty and refusal is None:
        message = "the migration says that it requires empty tables, and runs over rows"
        hint = "let it refuse them, by a CHECK on their count, or leave the declaration out"
        context.diagnostics.append(migration.diagnostic(MIG007, migration.text.index("requires:"), message, hint))
    elif refusal is not None and not migration.requires_empty:
        offset, error = refusal
        message = f"the migration fails where its predecessors left rows: {error}"
        hint = "let it take such rows, or say that it is meant: -- requires: empty"
        context.diagnostics.append(migration.diagnostic(MIG006, offset, message, hint))


def _failures(connection: apsw.Connection, migration: Migration) -> Iterator[tuple[int, str]]:
    """Where a migration fails, run as the hosts do: as one transaction."""
    meter = Meter()
    meter.guard(connection)
    connection.execute("BEGIN")
    first = 0
    for offset, statement in raw_statements(migration.text):
        if not tokens(statement):
            continue
        first = offset + tokens(statement)[0].offset
        meter.reset()
        try:
            fetch(connection, statement, ())
        except apsw.Error as error:
            yield first, str(error)
    try:
        connection.execute("COMMIT")
    except apsw.Error as error:
        yield first, str(error)
