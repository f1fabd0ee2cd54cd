"""The columns of results: where each comes from, and what the entities say about those of tables."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import apsw
import apsw.ext

from generator.spec.database import DatabaseSpec
from generator.spec.types import SCALARS, TypeExpression, parse_type
from generator.trial.tables import Schema


@dataclass(frozen=True)
class ResultColumn:
    """A column of a result, and the table's column that it comes from, where it is one."""

    name: str
    declared: str
    table: str
    column: str


def describe(schema: Schema, sql: str) -> Sequence[ResultColumn]:
    """The result columns of a statement that prepares."""
    query = apsw.ext.query_info(schema.connection, sql)
    return [
        ResultColumn(name, declared or "", table or "", column or "")
        for name, declared, _, table, column in query.description_full or ()
    ]


def column_types(
    schema: Schema, database: DatabaseSpec, broken: Collection[str] = ()
) -> dict[tuple[str, str], TypeExpression]:
    """What the entities say about the columns of tables, by table and column; for making rows that look real.

    Methods that are `broken` are passed over.
    """
    found: dict[tuple[str, str], TypeExpression] = {}
    for name, method in database.methods.items():
        type_ = method.result_type
        if name in broken or type_ is None or type_.name in SCALARS:
            continue
        wanted = database.entities[type_.name].columns
        for sql in method.sql:
            for column in describe(schema, sql):
                if column.table and column.name in wanted:
                    found.setdefault((column.table, column.column), parse_type(wanted[column.name]))
    return found
