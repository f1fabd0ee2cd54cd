"""Every SQL statement, prepared against the migrated schema: its parameters, its kind, its size."""

import re

import apsw

from generator.checks.context import Context
from generator.checks.json_paths import check_paths, check_records
from generator.diagnostics import did_you_mean
from generator.findings.ownership import OWN001
from generator.findings.sql import SQL001, SQL002, SQL003, SQL004, SQL005, SQL006, SQL007, SQL008
from generator.output.methods import ACCOUNT_PARAMETER, PAGE_PARAMETERS
from generator.spec.database import MethodSpec
from generator.spec.source import Location
from generator.spec.sql import WRITES, foreign_parameters, number, parameters, tokens, verb
from generator.spec.types import parse_type
from generator.trial.tables import Schema

_ALLOWED = frozenset({*WRITES, "SELECT", "VALUES", "WITH"})
_MISSING = re.compile(r"no such (table|column|function): (\S+)|(?:table )?(\S+) has no column named (\S+)")


def check(context: Context) -> None:
    """Check the statements of every method."""
    schema = context.schema
    for name, method in context.spec.database.methods.items():
        for index in range(len(method.sql)):
            _check_statement(context, schema, name, index)
        if not context.is_broken("database", "methods", name, "sql"):
            _check_parameters(context, name, method)
        if not context.is_broken("database", "methods", name):
            check_paths(context, name, method)
    check_records(context)


def _check_statement(context: Context, schema: Schema | None, name: str, index: int) -> None:
    sql = context.spec.database.methods[name].sql[index]
    location = context.sql_location(name, index)
    found = tokens(sql)
    if not found:
        context.add(
            SQL001, "database", location, f"'{name}' has an empty statement", "write the SQL, or leave the entry out"
        )
        return
    if foreign := foreign_parameters(sql):
        first = foreign[0]
        hint = "write parameters as :name; their numbers come from the generator"
        context.add(
            SQL002, "database", location, f"the parameter {first.name!r} has no name", hint, offset=first.offset
        )
        return
    if colon := next((token for token in found if token.text == ":"), None):
        hint = "SQLite has no `::`: write CAST(:name AS TEXT)"
        context.add(SQL002, "database", location, "a ':' begins no parameter here", hint, offset=colon.offset)
        return
    kind = verb(sql)
    if kind not in _ALLOWED:
        hint = "tables are changed in spec/migrations/, and a list of statements is one transaction already"
        message = f"a method runs SELECT, INSERT, UPDATE or DELETE, not {found[0].text[:40]!r}"
        context.add(SQL001, "database", location, message, hint, offset=found[0].offset)
        return
    end = next((token for token in found if token.text == ";"), None)
    if end is not None and end is not found[-1]:
        hint = "make `sql` a list: several statements run as one transaction"
        context.add(SQL001, "database", location, "the text holds a second statement", hint, offset=end.offset)
        return
    if refusal := context.d1.refusal(sql):
        context.add(SQL003, "database", location, refusal.message, refusal.hint, offset=refusal.offset)
    elif _fits(context, sql, location) and schema is not None:
        _prepare(context, schema, sql, location)


def _fits(context: Context, sql: str, location: Location) -> bool:
    """Whether a statement is of a size that D1 takes."""
    limits, statement = context.spec.bindings.limits, number(sql)
    size = len(statement.sql.encode())
    if size > limits.d1_statement_bytes:
        message = f"the statement has {size:,} bytes, and D1 takes {limits.d1_statement_bytes:,} (d1_statement_bytes)"
        context.add(SQL004, "database", location, message, "split it, or send its data as a parameter")
    if len(statement.order) > limits.d1_bound_parameters:
        message = f"{len(statement.order)} parameters, and D1 binds {limits.d1_bound_parameters} (d1_bound_parameters)"
        context.add(
            SQL004, "database", location, message, "send them as one record or list, read with ->> or json_each"
        )
    return not context.is_broken("database", *location)


def _prepare(context: Context, schema: Schema, sql: str, location: Location) -> None:
    try:
        statement = number(sql)
        # Prepared as it stands, so that an error's offset leads to its place in the file.
        schema.connection.execute(f"EXPLAIN {sql}", dict.fromkeys(statement.order))
    except apsw.Error as error:
        in_bytes = getattr(error, "error_offset", -1) - len("EXPLAIN ")
        offset = len(sql.encode()[:in_bytes].decode(errors="ignore")) if in_bytes >= 0 else -1
        over = context.d1.explain(str(error))
        kind, (message, hint) = (SQL003, over) if over else (SQL005, _explain(schema, sql, str(error)))
        context.add(kind, "database", location, message, hint, offset=offset)


def _explain(schema: Schema, sql: str, error: str) -> tuple[str, str]:
    """SQLite's words, with the name that was probably meant."""
    match = _MISSING.search(error)
    if match is None:
        return f"SQLite refuses the statement: {error}", ""
    kind, missing, table, column = match.groups()
    if column:
        known = schema.tables[table].columns if table in schema.tables else {}
        return f"the table '{table}' has no column '{column}'", did_you_mean(column, known)
    bare = missing.rsplit(".", 1)[-1]
    if kind == "table":
        return f"there is no table '{missing}'", did_you_mean(bare, schema.tables)
    if kind == "function":
        return f"SQLite has no function '{missing}'", "D1 and bun:sqlite offer SQLite's built-in functions only"
    used = {token.identifier for token in tokens(sql)}
    columns = {name for table in schema.tables.values() if table.name in used for name in table.columns}
    return f"there is no column '{missing}'", did_you_mean(bare, columns)


def _check_parameters(context: Context, name: str, method: MethodSpec) -> None:
    """Hold the parameters that are used against those that are declared."""
    declared = list(method.params)
    implied = [ACCOUNT_PARAMETER] * (method.scope == "account") + list(PAGE_PARAMETERS) * (method.page is not None)
    for parameter in declared:
        if parameter in implied:
            hint = "leave it out: `scope: account` and `page` bring it"
            context.add(
                SQL006,
                "database",
                ("methods", name, "params", parameter),
                f"':{parameter}' is given already",
                hint,
                at_key=True,
            )
    lists = {key for key, spec in method.params.items() if isinstance(spec, str) and parse_type(spec).is_list}
    used: set[str] = set()
    for index, sql in enumerate(method.sql):
        location = context.sql_location(name, index)
        for occurrence in parameters(sql):
            used.add(occurrence.name)
            if occurrence.name not in (*declared, *implied):
                message, hint = _unknown_parameter(occurrence.name, method, [*declared, *implied])
                context.add(SQL006, "database", location, message, hint, offset=occurrence.offset)
            elif occurrence.name in lists and not _is_read_by_json_each(sql, occurrence.offset):
                hint = (
                    f"read it with json_each: IN (SELECT value FROM json_each(:{occurrence.name})); "
                    "to store a list as it is, make it a field of a record"
                )
                message = f"the list :{occurrence.name} is one JSON text, and is read here as a value"
                context.add(SQL008, "database", location, message, hint, offset=occurrence.offset)
        names = {occurrence.name for occurrence in parameters(sql)}
        if method.scope == "account" and ACCOUNT_PARAMETER not in names:
            message = f"'{name}' is an account method, and this statement does not mention :{ACCOUNT_PARAMETER}"
            hint = "compare the owner's account_id with :account_id, or make the scope internal"
            context.add(OWN001, "database", location, message, hint)
    for parameter in [*declared, *(PAGE_PARAMETERS if method.page else ())]:
        if parameter not in used and not context.is_broken("database", "methods", name, "sql"):
            place: Location = ("methods", name, "page")
            if parameter in declared:
                place = ("methods", name, "params", parameter)
            message = f"no statement of '{name}' uses :{parameter}"
            hint = "use it, or remove it"
            if parameter in PAGE_PARAMETERS:
                hint = "a paged statement reads `WHERE <by> > :after ORDER BY <by> LIMIT :page_size`"
            context.add(SQL007, "database", place, message, hint, at_key=True)


def _unknown_parameter(parameter: str, method: MethodSpec, known: list[str]) -> tuple[str, str]:
    message = f"unknown parameter ':{parameter}'"
    if parameter == ACCOUNT_PARAMETER:
        return message, f"only `scope: account` brings it, and this method is {method.scope}; declare it under `params`"
    if parameter in PAGE_PARAMETERS:
        return message, "only a method with `page` has it"
    return message, did_you_mean(parameter, known) if known else f"declare it: params: {{{parameter}: text}}"


def _is_read_by_json_each(sql: str, offset: int) -> bool:
    before = [token for token in tokens(sql) if token.offset < offset][-2:]
    return [token.text.lower() for token in before] in (["json_each", "("], ["json_tree", "("])
