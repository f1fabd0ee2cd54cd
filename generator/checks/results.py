"""What statements return, held against what methods declare: names, types, nulls, and whether there are rows at all."""

from collections.abc import Mapping, Sequence

from generator.checks.context import Context
from generator.diagnostics import Diagnostic, did_you_mean
from generator.findings.sql import RESULT001, RESULT002, RESULT003, RESULT004, RESULT005, RESULT006
from generator.spec.database import MethodSpec
from generator.spec.source import Location
from generator.spec.sql import is_compound, number, order_by, result_expressions, sources, tokens, verb
from generator.spec.types import SCALARS, TypeExpression, parse_type
from generator.trial.columns import ResultColumn, describe
from generator.trial.tables import Schema, affinity

# The column affinities that hold values of a type.
AFFINITIES = {
    "integer": ("INTEGER", "NUMERIC"),
    "boolean": ("INTEGER", "NUMERIC"),
    "real": ("REAL", "INTEGER", "NUMERIC"),
    "text": ("TEXT",),
}


def check(context: Context) -> None:
    """Check what every method returns."""
    schema = context.schema
    if schema is None:
        return
    for name, method in context.spec.database.methods.items():
        if not context.is_broken("database", "methods", name):
            _check_method(context, schema, name, method)


def _check_method(context: Context, schema: Schema, name: str, method: MethodSpec) -> None:
    described = [describe(schema, sql) for sql in method.sql]
    returning = [index for index, columns in enumerate(described) if columns]
    wanted = method.result_type
    if wanted is None:
        for index in returning:
            declared = "no result" if method.result is None else "`result: changes`"
            message = f"this statement returns rows, and '{name}' has {declared}"
            context.add(
                RESULT001,
                "database",
                context.sql_location(name, index),
                message,
                "drop RETURNING, or declare the result",
            )
        if method.result == "changes" and not number(method.sql[-1]).is_write:
            hint = "`changes` counts what the last statement wrote"
            context.add(RESULT001, "database", ("methods", name, "result"), "the last statement changes nothing", hint)
        if method.page is not None:
            context.add(
                RESULT005,
                "database",
                ("methods", name, "page"),
                "only a list can be paged",
                "remove `page`",
                at_key=True,
            )
        return
    if not returning:
        hint = "select it, add RETURNING, or use `result: changes`"
        context.add(RESULT001, "database", ("methods", name, "result"), f"no statement of '{name}' returns rows", hint)
        return
    if len(returning) > 1:
        message = "a second statement returns rows, and a method has one result"
        context.add(
            RESULT001,
            "database",
            context.sql_location(name, returning[1]),
            message,
            "drop its RETURNING, or split the method",
        )
        return
    index = returning[0]
    columns, location = described[index], context.sql_location(name, index)
    if wanted.name in SCALARS:
        if len(columns) != 1:
            names = ", ".join(column.name for column in columns)
            context.add(
                RESULT002,
                "database",
                location,
                f"'{wanted}' is one column, and this returns {names}",
                "select one, or declare an entity",
            )
            return
        _check_column(context, schema, name, index, 0, columns[0], wanted.item if wanted.is_list else wanted)
    elif not context.is_broken("database", "entities", wanted.name):
        _check_entity(context, schema, name, index, columns, context.spec.database.entities[wanted.name].columns)
    if method.page is not None and not context.is_broken("database", "methods", name):
        _check_page(context, name, method, index, columns)


def _check_entity(
    context: Context,
    schema: Schema,
    name: str,
    index: int,
    columns: Sequence[ResultColumn],
    wanted: Mapping[str, str],
) -> None:
    entity = parse_type(str(context.spec.database.methods[name].result)).name
    location = context.sql_location(name, index)
    names = [column.name for column in columns]
    for position, column in enumerate(names):
        if column in names[:position]:
            message = f"two result columns are called '{column}'"
            _at_expression(context, RESULT002, name, index, position, message, "give one another name: AS ...")
            return
    missing = [column for column in wanted if column not in names]
    extra = [column for column in names if column not in wanted]
    for column in extra:
        hint = did_you_mean(column, missing) if missing else f"drop it, or add it to the entity '{entity}'"
        if missing and not hint.startswith("did"):
            hint = f"missing is: {', '.join(missing)}"
        message = f"the entity '{entity}' has no column '{column}'"
        _at_expression(context, RESULT002, name, index, names.index(column), message, hint)
    if missing and not extra:
        message = f"the result lacks {', '.join(repr(column) for column in missing)} of the entity '{entity}'"
        context.add(RESULT002, "database", location, message, "select it, or remove it from the entity")
    if not missing and not extra and not _is_partial_star(context, schema, name, index, columns):
        for position, column_ in enumerate(columns):
            _check_column(context, schema, name, index, position, column_, parse_type(wanted[column_.name]))


def _is_partial_star(context: Context, schema: Schema, name: str, index: int, columns: Sequence[ResultColumn]) -> bool:
    """Report a `*` that leaves out columns of its table: it would say more than it does."""
    location = context.sql_location(name, index)
    expansion = context.loaded.expansions.get(location)
    piece = next((piece for piece in expansion.pieces if piece.is_star), None) if expansion else None
    table = schema.tables.get(columns[0].table)
    if piece is None or table is None:
        return False
    left_out = [column for column in table.columns if column not in {column.column for column in columns}]
    if left_out:
        entity = parse_type(str(context.spec.database.methods[name].result)).name
        message = f"`*` leaves out {', '.join(left_out)} of '{table.name}', which '{entity}' does not have"
        hint = f"write {{{entity} from {table.name}}}"
        context.add(RESULT006, "database", location, message, hint, offset=piece.start)
    return bool(left_out)


def _check_column(
    context: Context,
    schema: Schema,
    name: str,
    index: int,
    position: int,
    column: ResultColumn,
    wanted: TypeExpression,
) -> None:
    table = schema.tables.get(column.table)
    if table is None or column.column not in table.columns:
        return
    found = affinity(column.declared)
    allowed = AFFINITIES["text"] if wanted.is_list else AFFINITIES.get(wanted.name, AFFINITIES["text"])
    shown = f"{column.table}.{column.column}"
    if found not in allowed and column.declared:
        message = f"{shown} is {column.declared}, and '{column.name}' is declared {wanted}"
        hint = f"a column of this type is {' or '.join(allowed[:2])}"
        _at_expression(context, RESULT003, name, index, position, message, hint)
        return
    sql = context.spec.database.methods[name].sql[index]
    if not wanted.nullable and not _is_filtered(sql, position, column.column):
        listed = parse_type(str(context.spec.database.methods[name].result)) == TypeExpression(
            wanted.name, is_list=True
        )
        way_out = f"leave nulls out: WHERE {shown} IS NOT NULL" if listed else f"declare it {wanted}?"
        if table.may_be_null(column.column):
            hint = f"{way_out}, or make the column NOT NULL in a migration"
            _at_expression(
                context,
                RESULT004,
                name,
                index,
                position,
                f"{shown} may be null, and '{column.name}' is declared {wanted}",
                hint,
            )
        elif _comes_from_outer_join(sql, position, column.table):
            message = f"'{column.name}' is declared {wanted}, and null where the outer join finds no '{column.table}'"
            hint = f"{way_out}, or write JOIN when there always is a row"
            _at_expression(context, RESULT004, name, index, position, message, hint)


def _is_filtered(sql: str, position: int, column: str) -> bool:
    """Whether the outer WHERE lets no row through whose column is null."""
    expressions = result_expressions(sql)
    own = [token.identifier or token.text for token in expressions[position]] if position < len(expressions) else []
    qualifier = own[0].lower() if own[1:2] == ["."] else ""
    outer = [token for token in tokens(sql) if token.depth == 0]
    if verb(sql) != "SELECT" or is_compound(sql) or any(token.keyword == "OR" for token in outer):
        return False
    start = next((index for index, token in enumerate(outer) if token.keyword == "WHERE"), len(outer))
    for index in range(start + 1, len(outer)):
        before, token = outer[index - 1], outer[index]
        named = before.text == "." and (not qualifier or (outer[index - 2].identifier or "").lower() == qualifier)
        opened = outer[index - 3] if before.text == "." else before
        if (token.identifier or "").lower() != column.lower() or opened.keyword not in ("WHERE", "AND"):
            continue
        following = [token.text.upper() for token in outer[index + 1 : index + 4]]
        compared = following[:1] and following[0] in ("=", "==", "<", ">", "<=", ">=", "<>", "!=", "IN")
        if (named or before.text != ".") and (compared or following == ["IS", "NOT", "NULL"]):
            return True
    return False


def _comes_from_outer_join(sql: str, position: int, table: str) -> bool:
    """Whether a column of the result is of a table whose row can be missing; False where that cannot be told."""
    if is_compound(sql):
        return False
    candidates = [source for source in sources(sql) if source.table.lower() == table.lower()]
    if len({source.optional for source in candidates}) == 1:
        return candidates[0].optional
    expressions = result_expressions(sql)
    expression = expressions[position] if position < len(expressions) else []
    if len(expression) >= 3 and expression[1].text == ".":
        alias = (expression[0].identifier or "").lower()
        return any(source.optional for source in candidates if source.alias.lower() == alias)
    return False


def _check_page(context: Context, name: str, method: MethodSpec, index: int, columns: Sequence[ResultColumn]) -> None:
    page, wanted = method.page, method.result_type
    assert page is not None
    assert wanted is not None
    location: Location = ("methods", name, "page")
    if not wanted.is_list or wanted.name in SCALARS:
        hint = "return a list of an entity, or remove `page`"
        context.add(
            RESULT005, "database", location, f"only a list of an entity can be paged, not {wanted}", hint, at_key=True
        )
        return
    entity = context.spec.database.entities[wanted.name]
    if page.by not in entity.columns:
        hint = did_you_mean(page.by, entity.columns)
        context.add(
            RESULT005, "database", (*location, "by"), f"the entity '{wanted.name}' has no column '{page.by}'", hint
        )
        return
    if entity.columns[page.by] != "integer":
        message = f"pages continue after an integer, and '{page.by}' is {entity.columns[page.by]}"
        context.add(RESULT005, "database", (*location, "by"), message, "page by an id or a number")
        return
    term = order_by(method.sql[index])
    origin = next(column for column in columns if column.name == page.by)
    names = [token.identifier for token in term if token.identifier and token.keyword != "ASC"]
    if any(token.keyword == "DESC" for token in term) or names[-1:] not in ([page.by], [origin.column]):
        hint = f"write ORDER BY {page.by}, and compare it with :after"
        context.add(
            RESULT005,
            "database",
            context.sql_location(name, index),
            f"a page has to be in the order of '{page.by}'",
            hint,
        )
    elif "LIMIT" not in [token.keyword for token in tokens(method.sql[index]) if token.depth == 0]:
        context.add(
            RESULT005, "database", context.sql_location(name, index), "a page has to end", "write LIMIT :page_size"
        )


def _at_expression(
    context: Context, kind: type[Diagnostic], name: str, index: int, position: int, message: str, hint: str
) -> None:
    """A finding at a result column's expression; at the statement when a `*` could not be spelled out."""
    sql = context.spec.database.methods[name].sql[index]
    expressions = result_expressions(sql)
    starred = any(token.text == "*" and token.depth == 0 for tokens_ in expressions for token in tokens_)
    offset = (
        expressions[position][0].offset if position < len(expressions) and not starred and expressions[position] else -1
    )
    context.add(kind, "database", context.sql_location(name, index), message, hint, offset=offset)
