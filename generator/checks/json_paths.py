"""The paths by which SQL reads patches and records: each leads to a field, and each patch field is read."""

import re
from collections.abc import Iterator, Mapping

from generator.checks.context import Context
from generator.diagnostics import did_you_mean
from generator.findings.sql import SQL009, SQL010
from generator.spec.database import MethodSpec, PatchSpec, RecordSpec
from generator.spec.names import camel
from generator.spec.sql import Token, tokens
from generator.spec.types import parse_type

_STEP = re.compile(r"""\.(?:"([^"]*)"|([A-Za-z_][A-Za-z0-9_]*))|\[[^\]]*\]""")
Fields = Mapping[str, str]


def check_paths(context: Context, name: str, method: MethodSpec) -> None:
    """Check every `'$.field'` that a method applies to a patch, a record or a list of records."""
    records = context.spec.database.records
    shapes: dict[str, Fields] = {}
    listed: dict[str, Fields] = {}
    for parameter, spec in method.params.items():
        if isinstance(spec, PatchSpec):
            shapes[parameter] = spec.patch
        elif (type_ := parse_type(spec)).name in records:
            (listed if type_.is_list else shapes)[parameter] = records[type_.name].fields
    read: set[tuple[str, str]] = set()
    for index, sql in enumerate(method.sql):
        mentioned = {token.text[1:] for token in tokens(sql) if token.kind == "name"}
        items = {
            field: type_ for parameter in listed if parameter in mentioned for field, type_ in listed[parameter].items()
        }
        for subject, path, token in _reads(sql):
            fields = items if subject == "value" else shapes.get(subject)
            if fields:
                read.add((subject, path.split(".")[0]))
                _check_path(context, name, index, fields, path, token)
    if context.is_broken("database", "methods", name):
        return
    for parameter, spec in method.params.items():
        for field in spec.patch if isinstance(spec, PatchSpec) else ():
            if (parameter, camel(field)) not in read:
                location = ("methods", name, "params", parameter, "patch", field)
                message = f"no statement reads '$.{camel(field)}' of :{parameter}"
                hint = f"set a column by it: iif(json_type(:{parameter}, '$.{camel(field)}') IS NULL, column, ...)"
                context.add(SQL010, "database", location, message, hint, at_key=True)


def _reads(sql: str) -> Iterator[tuple[str, str, Token]]:
    """Every `subject ->> 'path'` and `json_...(subject, 'path')`: the subject's name, the dotted path, its token."""
    found = tokens(sql)
    for index, token in enumerate(found):
        if token.kind != "text" or index < 2:
            continue
        before, subject = found[index - 1], found[index - 2]
        called = before.text == "," and index > 3 and found[index - 3].text in ("(", ".")
        name = subject.text[1:] if subject.kind == "name" else subject.text
        if (before.text in ("->", "->>") or called) and (subject.kind == "name" or name == "value"):
            path = token.text[1:-1].replace("''", "'")
            if path.startswith("$"):
                steps = [quoted or bare for quoted, bare in _STEP.findall(path)]
                yield name, ".".join(filter(None, steps)), token
            else:
                yield name, path, token


def _check_path(context: Context, name: str, index: int, fields: Fields, path: str, token: Token) -> None:
    records = context.spec.database.records
    at = fields
    for step in path.split("."):
        if not step:
            return
        wire = {camel(field): type_ for field, type_ in at.items()}
        if step not in wire:
            hint = did_you_mean(step, wire)
            if camel(step) in wire:
                hint = f"JSON has the camelCase name: '$.{camel(step)}'"
            offset = token.offset + max(token.text.find(step), 0)
            context.add(
                SQL009,
                "database",
                context.sql_location(name, index),
                f"there is no field '{step}'",
                hint,
                offset=offset,
            )
            return
        type_ = parse_type(wire[step])
        if type_.name not in records:
            return
        at = records[type_.name].fields


def check_records(context: Context) -> None:
    """Check that each field of a record that methods take is read by one of them, or stored with the whole record."""
    database = context.spec.database
    taken: set[str] = set()
    whole = {parse_type(text).name for entity in database.entities.values() for text in entity.columns.values()}
    read: set[tuple[str, str]] = set()
    for name, method in database.methods.items():
        types = {key: parse_type(spec) for key, spec in method.params.items() if isinstance(spec, str)}
        given = {key: type_ for key, type_ in types.items() if type_.name in database.records}
        taken |= {type_.name for type_ in given.values()}
        if context.is_broken("database", "methods", name):
            whole |= {type_.name for type_ in given.values()}
            continue
        for sql in method.sql:
            mentioned = {token.text[1:] for token in tokens(sql) if token.kind == "name"}
            for key in given.keys() & mentioned:
                subject = "value" if given[key].is_list else key
                # What changes a record, or reads several paths at once, goes on with the whole of it.
                paths = [path for found, path, token in _reads(sql) if found == subject and not _goes_on(sql, token)]
                for path in paths:
                    _mark(database.records, given[key].name, path, read, whole)
                if _count(sql, subject) > len(paths):
                    whole.add(given[key].name)
    waiting = [record for record in whole if record in database.records]
    for record in waiting:
        inner = {parse_type(text).name for text in database.records[record].fields.values()}
        waiting += [name for name in inner if name in database.records and name not in waiting]
    taken |= {record for record, _ in read}
    lost = [
        (record, field)
        for record in sorted(taken.difference(waiting))
        if not context.is_broken("database", "records", record)
        for field in database.records[record].fields
        if (record, field) not in read
    ]
    for record, field in lost:
        message = f"no statement reads '$.{camel(field)}' of '{record}', so it is lost"
        hint = "store it in the methods that take the record, or remove the field"
        context.add(SQL010, "database", ("records", record, "fields", field), message, hint, at_key=True)


def _mark(
    records: Mapping[str, RecordSpec], record: str, path: str, read: set[tuple[str, str]], whole: set[str]
) -> None:
    """Note which fields a path leads through, and the record that it ends at, which is read as a whole."""
    for step in filter(None, path.split(".")):
        field = next((field for field in records[record].fields if camel(field) == step), None)
        if field is None:
            return
        read.add((record, field))
        record = parse_type(records[record].fields[field]).name
        if record not in records:
            return
    whole.add(record)


def _goes_on(sql: str, path: Token) -> bool:
    """Whether a call has more arguments after a path."""
    found = tokens(sql)
    index = found.index(path)
    return found[index - 1].text == "," and found[index + 1].text == ","


def _count(sql: str, subject: str) -> int:
    """How often a statement names a parameter, or the items of a list."""
    if subject == "value":
        return sum(token.keyword == "VALUE" for token in tokens(sql))
    return sum(token.kind == "name" and token.text == f":{subject}" for token in tokens(sql))
