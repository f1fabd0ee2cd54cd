"""Texts that statements compare with an enum's column or store in it: each is one of the enum's values."""

from collections.abc import Iterator, Sequence

from generator.checks.context import Context
from generator.diagnostics import did_you_mean
from generator.findings.sql import SQL011
from generator.spec.sql import Token, tokens
from generator.trial.columns import column_types

_COMPARISONS = frozenset({"=", "==", "<>", "!=", "IS", "IN"})
# What may stand between a column and the texts that it is compared with.
_BETWEEN = frozenset({"IS", "NOT", "IN", "(", ",", "DISTINCT", "FROM", *_COMPARISONS})


def check(context: Context) -> None:
    """Check the texts beside enum columns in every statement."""
    schema, database = context.schema, context.spec.database
    if schema is None:
        return
    broken = {name for name in database.methods if context.is_broken("database", "methods", name)}
    types = column_types(schema, database, broken)
    enums = {
        (table, column): type_.name
        for (table, column), type_ in types.items()
        if type_.name in database.enums and not type_.is_list
    }
    for name, method in database.methods.items():
        for index, sql in enumerate(method.sql if name not in broken else ()):
            found = tokens(sql)
            used = {(token.identifier or "").lower() for token in found}
            tables = [table for table in schema.tables.values() if table.name.lower() in used]
            for column, text in _texts(found):
                # A name that several tables have is checked when it is the same enum in all of them.
                kinds = {enums.get((table.name, column)) for table in tables if column in table.columns}
                enum = next(iter(kinds)) if len(kinds) == 1 else None
                value = text.text[1:-1].replace("''", "'")
                if enum is not None and value not in database.enums[enum].values:
                    message = f"'{value}' is no value of {enum}, which '{column}' holds"
                    hint = did_you_mean(value, database.enums[enum].values)
                    context.add(
                        SQL011, "database", context.sql_location(name, index), message, hint, offset=text.offset
                    )


def _texts(found: Sequence[Token]) -> Iterator[tuple[str, Token]]:
    """Each text that is compared with a column or assigned to it, from either side."""
    for index, token in enumerate(found):
        if token.kind != "text":
            continue
        before = index - 1
        compared = False
        while before > 0 and (found[before].text.upper() in _BETWEEN or found[before].kind == "text"):
            compared |= found[before].text.upper() in _COMPARISONS
            before -= 1
        if compared and found[before].identifier:
            yield found[before].identifier or "", token
        following = found[index + 1 : index + 5]
        if len(following) > 1 and following[0].text in _COMPARISONS:
            qualified = len(following) > 3 and following[2].text == "."
            yield following[3 if qualified else 1].identifier or "", token
