"""Computes the whole output in memory, as `{path: bytes}`. The same spec and templates give the same bytes."""

import json
import re
import textwrap
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2

from generator.layout import template_names
from generator.output import python_source, typescript_source
from generator.output.http_views import RouteView, adapter_name, build_models, constrained, python_string
from generator.output.methods import Method, Patch, build_methods
from generator.output.openapi import build_openapi
from generator.spec.budgets import compute_budgets, dead_letter_budget
from generator.spec.names import camel, pascal
from generator.spec.spec import Spec
from generator.spec.types import SCALARS, TypeExpression, definition_order, parse_type

TEMPLATE_SUFFIX = ".j2"
# The core belongs to no host. It is written into the Worker's folder, since wrangler bundles nothing else, and the
# local host mounts it from there.
CORE = ("core/", "worker/src/")


def plan(spec: Spec, templates: Path) -> dict[str, bytes]:
    """The output for a checked spec, by path relative to `generated/`, in sorted order.

    `*.j2` is rendered, every other file is copied as it stands.
    """
    environment = _environment(templates)
    variables = build_variables(spec)
    output: dict[str, bytes] = {}
    python: dict[str, str] = {}
    for name in sorted(template_names(templates)):
        path = templates / name
        target = target_of(name)
        if not name.endswith(TEMPLATE_SUFFIX):
            output[target] = path.read_bytes()
            continue
        text = environment.get_template(name).render(variables)
        if target.endswith(".py"):
            python[target] = text
        else:
            output[target] = text.encode()
    output |= {target: text.encode() for target, text in python_source.finish_all(python).items()}
    output |= {f"worker/migrations/{migration.name}": migration.text.encode() for migration in spec.migrations}
    return dict(sorted(output.items()))


def target_of(template: str) -> str:
    """Where a file of the templates folder goes, relative to `generated/`."""
    folder, written = CORE
    path = written + template.removeprefix(folder) if template.startswith(folder) else template
    return path.removesuffix(TEMPLATE_SUFFIX)


def build_variables(spec: Spec) -> dict[str, Any]:
    """What the templates can name."""
    database = spec.database
    methods = build_methods(database)
    patches = [
        parameter.type for method in methods for parameter in method.parameters if isinstance(parameter.type, Patch)
    ]
    mentions = {
        name: [parse_type(text).name for text in record.fields.values()] for name, record in database.records.items()
    }
    record_fields = {name: _types(database.records[name].fields) for name in definition_order(mentions)}
    entity_columns = {name: _types(entity.columns) for name, entity in database.entities.items()}
    structured = {"json", *record_fields}
    all_names = [*spec.enums, *record_fields, *entity_columns, *(patch.name for patch in patches)]
    routes = [RouteView(route) for route in spec.routes.routes]
    return {
        "spec": spec,
        "methods": methods,
        "patches": patches,
        "records": [(name, fields, database.records[name].doc) for name, fields in record_fields.items()],
        "entities": [
            (
                name,
                [(column, type_, type_.is_list or type_.name in structured) for column, type_ in columns],
                database.entities[name].doc,
            )
            for name, columns in entity_columns.items()
        ],
        "entity_imports": all_names,
        "decoders": {
            f"to{method.result.name}" for method in methods if method.result and method.result.name not in SCALARS
        },
        "type_imports": {
            "IDatabase",
            *_ts_names(parameter.type for method in methods for parameter in method.parameters),
            *_ts_names(method.result for method in methods),
        },
        "has_writes": any(method.is_write and not method.page_by for method in methods),
        "write_type_imports": {
            "Write",
            *_ts_names(parameter.type for method in methods if method.is_write for parameter in method.parameters),
        },
        "scalars": {name: constrained("str", scalar) for name, scalar in spec.routes.scalars.items()},
        "adapters": {
            adapter_name(kind): kind for route in routes for kind in route.spec.params.values() if kind not in SCALARS
        },
        "models": build_models(spec.routes),
        "routes": routes,
        "route_modules": sorted({route.handler.split(".")[0] for route in routes}),
        "phases": spec.jobs.phases,
        "message": [(_snake_wire(name), parse_type(text)) for name, text in spec.jobs.message.fields.items()],
        "openapi_text": json.dumps(build_openapi(spec), indent=1),
        "migrations": spec.migrations,
        "budgets": compute_budgets(spec),
        "dead_letters": dead_letter_budget(spec),
    }


def _types(fields: Mapping[str, str]) -> list[tuple[str, TypeExpression]]:
    return [(name, parse_type(text)) for name, text in fields.items()]


def _snake_wire(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", lambda match: "_" + match[1].lower(), name)


@lru_cache(maxsize=4)
def _environment(templates: Path) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters.update(
        {
            "docstring": _docstring,
            "tsdoc": _tsdoc,
            "python_text": _python_text,
            "python_tuple": _python_tuple,
            "python_literal": python_literal,
            "encoded_arguments": _encoded_arguments,
            "camel": camel,
            "pascal": pascal,
            "ts_string": typescript_source.string,
            "ts_template": typescript_source.template,
            "ts_signature": typescript_source.signature,
            "ts_statement": typescript_source.statement,
            "ts_write": typescript_source.returned_write,
            "ts_union": typescript_source.union,
            "ts_import": typescript_source.import_names,
            "ts_decoder": _ts_decoder,
            "ts_row_helpers": _ts_row_helpers,
        }
    )
    return environment


def _docstring(text: str, indent: int = 4) -> str:
    """Text inside a docstring, its further lines indented; more than one line ends on a line of its own."""
    width = python_source.LINE_LENGTH - indent - len('"""' * 2)
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    lines = [part for line in escaped.splitlines() for part in textwrap.wrap(line, width) or [""]]
    if len(lines) == 1:
        return lines[0] + (" " if lines[0].endswith('"') else "")
    pad = " " * indent
    return "\n".join([lines[0], *(pad + line if line.strip() else "" for line in lines[1:]), pad])


def _tsdoc(text: str, indent: int = 0) -> str:
    """A documentation comment."""
    lines = text.replace("*/", "*\\/").splitlines()
    if len(lines) == 1:
        return f"/** {lines[0]} */"
    pad = " " * indent
    return "/**\n" + "".join(f"{pad} *{' ' + line if line.strip() else ''}\n" for line in lines) + f"{pad} */"


def _python_text(text: str) -> str:
    """A string literal over as many lines as the text has."""
    if "\n" not in text:
        return python_string(text)
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'"""{escaped}{" " if escaped.endswith(chr(34)) else ""}"""'


def _python_tuple(values: Iterable[object]) -> str:
    items = [python_literal(value) for value in values]
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


def python_literal(value: object) -> str:
    """Plain data as a Python expression."""
    if isinstance(value, str):
        return python_string(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{python_literal(key)}: {python_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(python_literal, value)) + "]"
    return repr(value)


def _encoded_arguments(method: Method) -> str:
    """The method's parameters as arguments of the SQL layer: a patch goes by its wire names."""
    return ", ".join(
        f"patch({parameter.name})" if isinstance(parameter.type, Patch) else parameter.name
        for parameter in method.parameters
    )


def _ts_row_helpers(entities: Iterable[tuple[str, list[tuple[str, TypeExpression, bool]], str]]) -> set[str]:
    """The helper functions that the entities' decoders call."""
    decoders = [_ts_decoder(*column) for _, columns, _ in entities for column in columns]
    return {decoder.split("(")[0] for decoder in decoders}


def _ts_names(types: Iterable[TypeExpression | Patch | None]) -> set[str]:
    """The names that types.ts must be asked for."""
    names = set()
    for type_ in types:
        if isinstance(type_, Patch):
            names.add(type_.name)
        elif type_ is not None and type_.name not in SCALARS:
            names.add("JsonObject" if type_.name == "json" else type_.name)
    return names


def _ts_decoder(column: str, type_: TypeExpression, is_json: bool) -> str:
    """The expression that reads a column out of a row."""
    if is_json:
        return f"{'optionalJson' if type_.nullable else 'json'}(row.{column})"
    if type_.name == "boolean":
        return f"{'optionalFlag' if type_.nullable else 'flag'}(row.{column})"
    return f"row.{column}"
