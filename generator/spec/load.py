"""Reads the spec folder: YAML and SQL become a `Spec`, whatever is wrong becomes diagnostics."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from generator.diagnostics import Diagnostic, SpecError, did_you_mean
from generator.findings.spec import SPEC004, SPEC005, SPEC006
from generator.findings.sql import SQL015
from generator.spec.base import PATTERNS, SpecModel
from generator.spec.database import DatabaseSpec
from generator.spec.expansion import Expansion, ExpansionError, expand
from generator.spec.migrations import read_migrations
from generator.spec.source import Location, SourceFile, read_source
from generator.spec.spec import SPEC_FILES, Spec


@dataclass
class LoadedSpec:
    """A spec with the files it came from, for diagnostics that point into them.

    `expansions` holds the statements of database.yaml whose column lists were spelled out, by their locations.
    """

    spec: Spec
    sources: dict[str, SourceFile]
    expansions: dict[Location, Expansion] = field(default_factory=dict)

    def diagnostic(
        self,
        kind: type[Diagnostic],
        file: str,
        location: Location,
        message: str,
        hint: str = "",
        *,
        at_key: bool = False,
    ) -> Diagnostic:
        """A finding in one of the YAML files, named without its suffix: `database`, `routes`, `jobs`, `bindings`."""
        return self.sources[file].diagnostic(kind, location, message, hint, at_key=at_key)


def load_spec(folder: Path) -> LoadedSpec:
    """Read `folder` (the project's `spec/`).

    Raises:
        SpecError: with every finding about unreadable files, unknown keys and values of the wrong form.
    """
    sources = {name: read_source(folder / f"{name}.yaml", f"{folder.name}/{name}.yaml") for name in SPEC_FILES}
    diagnostics = [diagnostic for source in sources.values() for diagnostic in source.diagnostics]
    parts: dict[str, SpecModel] = {}
    for name, model in SPEC_FILES.items():
        source = sources[name]
        if source.diagnostics:
            continue
        try:
            parts[name] = model.model_validate(source.data if source.data is not None else {})
        except ValidationError as error:
            diagnostics += _explain(source, model, error)
    migrations, problems = read_migrations(folder / "migrations", folder.name)
    diagnostics += problems
    expansions: dict[Location, Expansion] = {}
    if isinstance(database := parts.get("database"), DatabaseSpec):
        parts["database"], expansions, problems = _expand(database, sources["database"])
        diagnostics += problems
    if diagnostics:
        raise SpecError(diagnostics)
    return LoadedSpec(Spec.model_validate({**parts, "migrations": migrations}), sources, expansions)


def sql_location(source: SourceFile, method: str, statement: int) -> Location:
    """Where the text of a method's statement stands; `sql` is one text or a list of them."""
    listed = ("methods", method, "sql", statement)
    return listed if listed in source.values else listed[:-1]


def _expand(
    database: DatabaseSpec, source: SourceFile
) -> tuple[DatabaseSpec, dict[Location, Expansion], list[Diagnostic]]:
    """The methods with their column lists spelled out, which statements have any, and what is wrong with them."""
    expansions: dict[Location, Expansion] = {}
    diagnostics = []
    methods = {}
    for name, method in database.methods.items():
        statements = []
        for index, sql in enumerate(method.sql):
            location = sql_location(source, name, index)
            expansion = Expansion(sql)
            try:
                expansion = expand(method, sql, database.entities)
            except ExpansionError as error:
                diagnostics.append(source.diagnostic_in_text(SQL015, location, error.offset, error.message, error.hint))
            if expansion.pieces:
                expansions[location] = expansion
            statements.append(expansion.sql)
        methods[name] = method if statements == method.sql else method.model_copy(update={"sql": statements})
    return database.model_copy(update={"methods": methods}), expansions, diagnostics


def _explain(source: SourceFile, model: type[SpecModel], error: ValidationError) -> Iterable[Diagnostic]:
    """pydantic's findings, in the words of the file."""
    seen: set[Location] = set()
    findings = error.errors(include_url=False)
    unknown = [_locate(source, finding["loc"]) for finding in findings if finding["type"] == "extra_forbidden"]
    for finding in findings:
        location = _locate(source, finding["loc"])
        if finding["type"] == "missing":
            beside = [str(place[-1]) for place in unknown if place[:-1] == location]
            location = (*location, str(finding["loc"][-1]))
            if difflib.get_close_matches(str(location[-1]), beside):
                # It is there, misspelt.
                continue
        if location in seen:
            # One value that fits none of several types: the first says enough.
            continue
        seen.add(location)
        name = location[-1] if location else source.name
        if isinstance(name, int) and len(location) > 1:
            name = f"{location[-2]}[{name}]"
        match finding["type"]:
            case "extra_forbidden":
                hint = did_you_mean(str(name), _fields_at(model, location[:-1]))
                if " " in str(name):
                    hint = "inside { } a comma ends a value: put the text in quotes"
                yield source.diagnostic(SPEC004, location, f"unknown key '{name}'", hint, at_key=True)
            case "missing":
                where = f" in '{location[-2]}'" if len(location) > 1 else ""
                yield source.diagnostic(
                    SPEC005, location[:-1], f"'{name}' is missing{where}", f"add '{name}:'", at_key=True
                )
            case _:
                at_key = "[key]" in finding["loc"]
                message, hint = _say(finding["type"], finding["msg"], finding["input"], finding.get("ctx", {}))
                yield source.diagnostic(SPEC006, location, f"'{name}': {message}", hint, at_key=at_key)


def _locate(source: SourceFile, parts: Iterable[str | int]) -> Location:
    """Where an error stands in the file: its place in the model less what only the model has (unions, keys)."""
    location: Location = ()
    for part in parts:
        if (*location, part) in source.values:
            location = (*location, part)
    return location


def _say(kind: str, message: str, given: object, context: dict[str, Any]) -> tuple[str, str]:
    """A finding of pydantic in plain words, and the way out where it is known."""
    try:
        shown = f" (given: {str(given)[:60]!r})" if isinstance(given, str | int | float | bool) else ""
    except ValueError:
        # Python does not spell out integers of thousands of digits.
        shown = ""
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return f"should hold `name: value` pairs{shown}", "write them indented below it, or in { }"
    if kind == "list_type":
        return f"should be a list{shown}", "write its items with `- ` below it, or in [ ]"
    if kind == "string_type" and given is None:
        return "has no value", "write a text after the colon"
    if kind == "string_type" and not isinstance(given, str):
        return f"should be a text{shown}", "write a text" if isinstance(given, list | dict) else "write it in quotes"
    if kind == "string_pattern_mismatch":
        return f"is not a name of the right form{shown}", PATTERNS.get(str(context.get("pattern")), "")
    if kind == "literal_error":
        options = re.findall(r"'([^']*)'", str(context.get("expected")))
        return f"{_lower_first(message)}{shown}", did_you_mean(str(given), options) if isinstance(given, str) else ""
    if kind in ("int_type", "int_parsing"):
        return f"should be a whole number{shown}", ""
    if kind == "too_short":
        return "is empty", "write at least one entry, or leave it out"
    return f"{_lower_first(message.removeprefix('Value error, '))}{shown}", ""


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _fields_at(model: type[SpecModel], location: Location) -> set[str]:
    """The keys that the model knows at a location."""
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})
    here: Any = schema
    for part in location:
        options = _options(here, definitions)
        for option in options:
            if part in option.get("properties", {}):
                here = option["properties"][part]
                break
            if isinstance(part, int) and "items" in option:
                here = option["items"]
                break
            following: Any = option.get("additionalProperties") or next(
                iter(option.get("patternProperties", {}).values()), {}
            )
            if following:
                here = following
                break
        here = _resolve(here, definitions)
    options = _options(here, definitions)
    return {key for option in options for key in option.get("properties", {})}


def _options(schema: dict[str, Any], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    return [_resolve(option, definitions) for option in (schema, *schema.get("anyOf", []), *schema.get("oneOf", []))]


def _resolve(schema: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(schema, dict):
        return {}
    if "$ref" in schema:
        return dict(definitions[schema["$ref"].rsplit("/", 1)[-1]])
    return schema
