"""What only a run can tell: nulls and types of computed columns, and statements that fail when they run."""

import json
from collections.abc import Iterator

from generator.checks.context import Context
from generator.findings.sql import RESULT003, RESULT004, SQL012, SQL013
from generator.spec.database import MethodSpec
from generator.spec.sql import result_expressions, tokens
from generator.spec.types import SCALARS, TypeExpression, parse_type
from generator.trial.bounds import ROWS, STEPS
from generator.trial.columns import describe
from generator.trial.sandbox import MAX_SCARCE_CALLS, Answers, Outcome, Sandbox

_PYTHON: dict[str, tuple[type, ...]] = {"integer": (int,), "real": (int, float), "boolean": (int,)}


def check(context: Context) -> None:
    """Run every method on the caller's own rows."""
    box = context.sandbox
    if box is None:
        return
    role = box.roles[0]
    box.answers = Answers()
    for name, method in context.spec.database.methods.items():
        if context.is_broken("database", "methods", name):
            continue
        outcomes = [
            box.run(role, method, values, alone=True).outcome for values in box.calls(method, role, stranger=False)
        ]
        if any(outcome.exhausted for outcome in outcomes):
            size = context.spec.bindings.limits.d1_value_bytes
            message = f"'{name}' takes more than {STEPS:,} steps, {ROWS:,} rows or {size:,} bytes on a few rows"
            hint = "a recursion has to end: count its depth and compare it, or write UNION instead of UNION ALL"
            context.add(SQL013, "database", context.sql_location(name, 0), message, hint)
            continue
        errors = [outcome.error for outcome in outcomes if outcome.error is not None and not outcome.refused]
        if len(errors) == len(outcomes):
            context.add(SQL012, "database", context.sql_location(name, 0), f"'{name}' fails when it runs: {errors[0]}")
        elif method.result_type is not None:
            _check_rows(context, box, name, method, [*outcomes, *_where_scarce(box, method)])


def _where_scarce(box: Sandbox, method: MethodSpec) -> Iterator[Outcome]:
    """What a method gives where tables that it names are empty, and where all that can be null is.

    An account that calls is there.
    """
    named = {(token.identifier or "").lower() for sql in method.sql for token in tokens(sql)}
    for tables, role in box.scarce:
        lacks_account = method.scope == "account" and "accounts" in tables
        if lacks_account or not (box.schema.programs or named & {table.lower() for table in tables}):
            continue
        for values in box.calls(method, role, stranger=False, limit=MAX_SCARCE_CALLS):
            yield box.run(role, method, values, alone=True).outcome


def _check_rows(context: Context, box: Sandbox, name: str, method: MethodSpec, outcomes: list[Outcome]) -> None:
    described = [describe(box.schema, sql) for sql in method.sql]
    index = next(index for index, columns in enumerate(described) if columns)
    expressions = result_expressions(method.sql[index])
    wanted = method.result_type
    assert wanted is not None
    for position, column in enumerate(described[index]):
        type_ = wanted
        if wanted.name not in SCALARS:
            type_ = parse_type(context.spec.database.entities[wanted.name].columns[column.name])
        elif wanted.is_list:
            type_ = wanted.item
        values = (row[position] for outcome in outcomes for row in outcome.rows)
        if column.table in box.schema.tables:
            # Its type is known from the table; whether it is null depends on what stands between.
            values = (value for value in values if value is None)
        problem = next((found for value in values if (found := _misfit(value, type_))), "")
        if problem:
            offset = expressions[position][0].offset if position < len(expressions) and expressions[position] else -1
            hint = "cast it, or correct the type"
            if problem == "null":
                hint = (
                    "wrap it: ifnull(..., ...)"
                    if wanted.is_list
                    else f"declare it {type_}?, or wrap it: ifnull(..., ...)"
                )
            message = f"'{column.name}' is declared {type_}, and can be {problem}"
            kind = RESULT004 if problem == "null" else RESULT003
            context.add(kind, "database", context.sql_location(name, index), message, hint, offset=offset)


def _misfit(value: object, type_: TypeExpression) -> str:
    """Why a value is not of a type; empty when it is."""
    if value is None:
        return "" if type_.nullable else "null"
    if type_.is_list or type_.name not in SCALARS:
        return _json_misfit(value, type_)
    if type_.name == "text":
        return "" if isinstance(value, str) else f"the {_name(value)} {value!r}"
    if not isinstance(value, _PYTHON[type_.name]):
        return f"the {_name(value)} {value!r}"
    return ""


def _json_misfit(value: object, type_: TypeExpression) -> str:
    if not isinstance(value, str):
        return f"the {_name(value)} {value!r}"
    if not type_.is_list and type_.name != "json":
        return ""
    try:
        found = json.loads(value)
    except ValueError:
        return f"text that is not JSON: {value[:40]!r}"
    return "" if isinstance(found, list if type_.is_list else dict) else f"other JSON: {value[:40]!r}"


def _name(value: object) -> str:
    return {"int": "integer", "float": "real", "str": "text", "bytes": "BLOB"}.get(type(value).__name__, "value")
