"""Reads the spec folder: YAML and SQL become a `Spec`, whatever is wrong becomes diagnostics."""

import difflib
import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from generator.diagnostics import Diagnostic, Position, SpecError, did_you_mean
from generator.source import Location, SourceFile, read_source
from generator.spec import PATTERNS, SPEC_FILES, Migration, Spec, SpecModel

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
                yield source.diagnostic(location, f"unknown key '{name}'", hint, at_key=True)
            case "missing":
                where = f" in '{location[-2]}'" if len(location) > 1 else ""
                yield source.diagnostic(location[:-1], f"'{name}' is missing{where}", f"add '{name}:'", at_key=True)
            case _:
                at_key = "[key]" in finding["loc"]
                message, hint = _say(finding["type"], finding["msg"], finding["input"], finding.get("ctx", {}))
                yield source.diagnostic(location, f"'{name}': {message}", hint, at_key=at_key)


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
        if control := re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]", text):
            line = text.count("\n", 0, control.start()) + 1
            message = f"the text holds the character U+{ord(control[0]):04X}"
            diagnostics.append(Diagnostic(Position(position.file, line, 1), message, "remove it"))
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
    pieces = raw_statements(text)
    rest = ""
    if pieces and not _is_complete(pieces[-1][1]):
        rest = _without_comments(pieces.pop()[1]).strip()
    statements = [_without_comments(piece).strip() for _, piece in pieces]
    return [statement for statement in statements if statement != ";"], rest


def raw_statements(text: str) -> list[tuple[int, str]]:
    """The statements as they stand, comments and all, with the offset of each; what is left unended comes last."""
    statements: list[tuple[int, str]] = []
    pending, start = "", 0
    for piece in re.split(r"(?<=;)", text):
        pending += piece
        if _is_complete(pending):
            statements.append((start, pending))
            start += len(pending)
            pending = ""
    return [*statements, (start, pending)] if pending.strip() else statements


def _is_complete(text: str) -> bool:
    return text.rstrip().endswith(";") and sqlite3.complete_statement(text)


def _without_comments(sql: str) -> str:
    """SQL without its `--` and block comments, and without the lines that they leave empty."""
    bare = re.sub(
        r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")|--[^\n]*|/\*.*?\*/", lambda match: match[1] or "", sql, flags=re.S
    )
    return "\n".join(line.rstrip() for line in bare.splitlines() if line.strip())
