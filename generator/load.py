"""Reads the spec folder: YAML and SQL become a `Spec`, whatever is wrong becomes diagnostics."""

import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from generator.diagnostics import Diagnostic, Position, SpecError, did_you_mean
from generator.source import Location, SourceFile, read_source
from generator.spec import SPEC_FILES, Migration, Spec, SpecModel

MIGRATION_NAME = re.compile(r"\d{4}_[a-z0-9_]+\.sql")


@dataclass
class LoadedSpec:
    """A spec with the files it came from, for diagnostics that point into them."""

    spec: Spec
    sources: dict[str, SourceFile]

    def diagnostic(
        self, file: str, location: Location, message: str, hint: str = "", *, at_key: bool = False
    ) -> Diagnostic:
        """A finding in one of the YAML files, named without its suffix: `database`, `routes`, `jobs`, `bindings`."""
        return self.sources[file].diagnostic(location, message, hint, at_key=at_key)


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
    migrations, problems = _read_migrations(folder / "migrations", folder.name)
    diagnostics += problems
    if diagnostics:
        raise SpecError(diagnostics)
    return LoadedSpec(Spec.model_validate({**parts, "migrations": migrations}), sources)


def _explain(source: SourceFile, model: type[SpecModel], error: ValidationError) -> Iterable[Diagnostic]:
    """pydantic's findings, in the words of the file."""
    for finding in error.errors(include_url=False):
        location = tuple(part for part in finding["loc"] if part != "[key]")
        while location and location not in source.values and isinstance(location[-1], str):
            if finding["type"] in ("missing", "extra_forbidden"):
                break
            location = location[:-1]
        name = location[-1] if location else source.name
        match finding["type"]:
            case "extra_forbidden":
                known = _fields_at(model, location[:-1])
                yield source.diagnostic(location, f"unknown key '{name}'", did_you_mean(str(name), known), at_key=True)
            case "missing":
                where = f" in '{location[-2]}'" if len(location) > 1 else ""
                yield source.diagnostic(location[:-1], f"'{name}' is missing{where}", f"add '{name}:'", at_key=True)
            case _:
                message = finding["msg"].removeprefix("Value error, ")
                given = finding["input"]
                shown = f" (given: {str(given)[:60]!r})" if isinstance(given, str | int | float | bool) else ""
                at_key = "[key]" in finding["loc"]
                yield source.diagnostic(location, f"'{name}': {_lower_first(message)}{shown}", at_key=at_key)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _fields_at(model: type[SpecModel], location: Location) -> set[str]:
    """The keys that the model knows at a location."""
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})
    here: Any = schema
    for part in location:
        options = [_resolve(option, definitions) for option in (here, *here.get("anyOf", []))]
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
    options = [_resolve(option, definitions) for option in (here, *here.get("anyOf", []))]
    return {key for option in options for key in option.get("properties", {})}


def _resolve(schema: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(schema, dict):
        return {}
    if "$ref" in schema:
        return dict(definitions[schema["$ref"].rsplit("/", 1)[-1]])
    return schema


def _read_migrations(folder: Path, parent: str) -> tuple[list[Migration], list[Diagnostic]]:
    migrations: list[Migration] = []
    diagnostics: list[Diagnostic] = []
    paths = sorted(folder.glob("*.sql")) if folder.is_dir() else []
    here = f"{parent}/{folder.name}"
    if not paths:
        diagnostics.append(
            Diagnostic(Position(here, 1, 1), "there is no migration", "write the tables into 0001_initial.sql")
        )
    for number, path in enumerate(paths, start=1):
        position = Position(f"{here}/{path.name}", 1, 1)
        if not MIGRATION_NAME.fullmatch(path.name) or int(path.name[:4]) != number:
            hint = f"name it {number:04d}_what_it_does.sql"
            diagnostics.append(Diagnostic(position, f"migration {number} is named {path.name!r}", hint))
        try:
            text = path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            diagnostics.append(Diagnostic(position, f"cannot be read: {error}", "write it as UTF-8 text"))
            continue
        statements, rest = split_statements(text)
        if rest:
            line = text.count("\n", 0, text.rfind(rest)) + 1
            diagnostics.append(
                Diagnostic(
                    Position(f"{here}/{path.name}", line, 1), "the last statement does not end", "end it with ';'"
                )
            )
        migrations.append(Migration(name=path.name, text=text, statements=statements))
    return migrations, diagnostics


def split_statements(text: str) -> tuple[list[str], str]:
    """Split SQL at the ends of its statements (triggers stay whole); the second value is what is left unended."""
    statements: list[str] = []
    pending = ""
    for piece in re.split(r"(?<=;)", text):
        pending += piece
        if sqlite3.complete_statement(pending) and pending.rstrip().endswith(";"):
            statements.append(_without_comments(pending).strip())
            pending = ""
    rest = _without_comments(pending).strip()
    return [statement for statement in statements if statement != ";"], rest


def _without_comments(sql: str) -> str:
    """SQL without its `--` and block comments, and without the lines that they leave empty."""
    bare = re.sub(
        r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")|--[^\n]*|/\*.*?\*/", lambda match: match[1] or "", sql, flags=re.S
    )
    return "\n".join(line.rstrip() for line in bare.splitlines() if line.strip())
