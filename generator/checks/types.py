"""Every name of a type: it exists, it fits its place, and nothing contains itself."""

from collections.abc import Iterable, Mapping

from generator.checks.context import Context
from generator.diagnostics import Diagnostic, did_you_mean
from generator.findings.names import TYPE001, TYPE002, TYPE003, TYPE004
from generator.spec.database import PatchSpec
from generator.spec.source import Location
from generator.spec.types import JSON, SCALARS, parse_type

_SCALARS = frozenset(SCALARS)
_KINDS = ("scalar", "enum", "record", "entity", "model")


def check(context: Context) -> None:
    """Check every type of database.yaml, routes.yaml and jobs.yaml."""
    database, routes = context.spec.database, context.spec.routes
    types = TypeNames(context)
    for name, record in database.records.items():
        for field, text in record.fields.items():
            types.check("database", ("records", name, "fields", field), text, "enum", "record")
    for name, entity in database.entities.items():
        for column, text in entity.columns.items():
            types.check("database", ("entities", name, "columns", column), text, "enum", "record")
    for name, method in database.methods.items():
        for parameter, spec in method.params.items():
            location: Location = ("methods", name, "params", parameter)
            if isinstance(spec, PatchSpec):
                for field, text in spec.patch.items():
                    types.check("database", (*location, "patch", field), text, "enum", "record")
            else:
                types.check("database", location, spec, "enum", "record")
        if method.result is not None and method.result != "changes":
            _check_result(types, ("methods", name, "result"), method.result)
    for name, model in routes.models.items():
        for field, constraints in model.fields.items():
            spelled: Location = ("models", name, "fields", field)
            inner = (*spelled, "type")
            at = inner if inner in context.loaded.sources["routes"].values else spelled
            types.check("routes", at, constraints.type, "scalar", "enum", "record", "entity", "model")
    for phase_index, phase in enumerate(context.spec.jobs.phases):
        for field, text in phase.cursor.items():
            location = ("phases", phase_index, "cursor", field)
            type_ = parse_type(text)
            if types.check("jobs", location, text, "enum") and not (type_.nullable or type_.is_list or type_.is_scalar):
                message = f"'{field}' needs something to be when it is not there"
                context.add(TYPE004, "jobs", location, message, f"write {type_}?")
    _check_circles(context, "database", "records", {name: item.fields for name, item in database.records.items()})
    models = {name: {key: field.type for key, field in item.fields.items()} for name, item in routes.models.items()}
    _check_circles(context, "routes", "models", models)


class TypeNames:
    """The names of types by kind, and what is said when one does not fit."""

    def __init__(self, context: Context) -> None:
        database, routes = context.spec.database, context.spec.routes
        self.context = context
        self.kinds: dict[str, Iterable[str]] = {
            "scalar": routes.scalars,
            "enum": [*database.enums, *routes.enums],
            "record": database.records,
            "entity": database.entities,
            "model": routes.models,
        }

    def check(
        self, file: str, location: Location, text: str, *kinds: str, label: str = "type", scalars: bool = True
    ) -> bool:
        """Report a type whose name is unknown or of another kind."""
        name = parse_type(text).name
        if (scalars and (name in _SCALARS or name == JSON)) or any(name in self.kinds[kind] for kind in kinds):
            return True
        known = [name for kind in kinds for name in self.kinds[kind]] + ([*SCALARS, JSON] if scalars else [])
        other = next((kind for kind in _KINDS if name in self.kinds[kind]), None)
        if other is not None or name in (*SCALARS, JSON):
            described = f"the {other} '{name}'" if other else f"'{name}'"
            kind: type[Diagnostic] = TYPE002
            message, hint = f"{described} cannot stand here", f"this is {_one_of(kinds, scalars)}"
            if label == "entity":
                hint += ", or text, integer or real"
        else:
            kind, message, hint = TYPE001, f"unknown {label} '{name}'", did_you_mean(name, known)
        self.context.add(kind, file, location, message, hint)
        return False


def _one_of(kinds: Iterable[str], scalars: bool) -> str:
    options = [*(["text, integer, real, boolean, json"] if scalars else []), *(f"{_a(kind)} {kind}" for kind in kinds)]
    return " or ".join([", ".join(options[:-1]), options[-1]] if len(options) > 1 else options)


def _a(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _check_result(types: TypeNames, location: Location, text: str) -> None:
    """A result is an entity, a scalar or a list of either."""
    type_ = parse_type(text)
    if type_.is_list and type_.nullable:
        types.context.add(
            TYPE002, "database", location, f"a list is never null: '{text}'", f"write {type_.without_null}"
        )
    elif type_.name in ("boolean", JSON):
        hint = "return an integer, or an entity with such a column"
        types.context.add(TYPE002, "database", location, f"a method cannot return {type_.name} alone", hint)
    elif type_.name not in SCALARS:
        types.check("database", location, text, "entity", label="entity", scalars=False)


def _check_circles(context: Context, file: str, section: str, contents: Mapping[str, Mapping[str, str]]) -> None:
    """Report a record or model that contains itself: there is no order in which to define it."""
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        for field, text in contents[name].items():
            inner = parse_type(text).name
            if inner in (*path, name):
                circle = " -> ".join([*(*path, name)[(*path, name).index(inner) :], inner])
                message = f"'{inner}' contains itself: {circle}"
                context.add(
                    TYPE003, file, (section, name, "fields", field), message, "refer to it by an id, or use json"
                )
            elif inner in contents and inner not in done:
                visit(inner, (*path, name))
        done.add(name)

    for name in contents:
        if name not in done:
            visit(name, ())
