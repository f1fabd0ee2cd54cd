"""Names: legal in both languages, apart after case conversion, and not those that the generated code itself uses."""

import builtins
from collections.abc import Iterable, Sequence

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from generator.checks.context import Context
from generator.diagnostics import Diagnostic
from generator.findings.names import NAME001, NAME002, NAME003, NAME004, NAME005
from generator.output.methods import ACCOUNT_PARAMETER, PAGE_PARAMETERS
from generator.spec.database import PatchSpec
from generator.spec.names import (
    CAMEL_NAME,
    PASCAL_NAME,
    PYTHON_RESERVED,
    SNAKE_NAME,
    TYPESCRIPT_RESERVED,
    camel,
    pascal,
    snake,
)
from generator.spec.source import Location

# What the templates import or define beside the spec's types, in Python or TypeScript.
USED_TYPES = frozenset("""
    AccountDatabase Annotated BatchCursor BlankIsNone Bridge BridgeDatabase BunDatabase CamelModel Cursor Database
    Error ErrorCode Executor Field IDatabase JsonObject JsonText JsonValue Mapping Model Promise Protocol Query
    Readonly Record Row Sequence SqlDatabase SqlMethods Statement StrEnum StrictBool StrictFloat Trimmed TypeAdapter
    TypedDict UrlText ValidationError WholeNumber Write
    """.split())  # noqa: SIM905
# What the cursor of a phase with `batch` has already.
BATCH_FIELD = "batch"
# What a generated database class has already, and what its callers, Python or JavaScript give a meaning.
USED_METHODS = frozenset("""
    accountId batch bool call commit constructor first firstValue float int list maxValueBytes one pages patch run str
    then toString value valueOf values writes
    """.split())  # noqa: SIM905
# What the bodies of generated methods refer to.
USED_PARAMETERS = frozenset("bool float int list patch queries self str super undefined".split())  # noqa: SIM905
# What a pydantic model has already, and the types that are named after a field in a class body.
USED_FIELDS = {name for name in dir(BaseModel) if not name.startswith("_")} | {"bool", "float", "int", "list", "str"}
USED_ROUTES = frozenset("""
    account_context integer_parameter json_reply models public_context read_body read_lenient_body scalar_parameter
    text_parameter
    """.split())  # noqa: SIM905
USED_ROUTE_PARAMETERS = USED_ROUTES | {"context", "body", "request", "reply"}
_BUILTINS = frozenset(dir(builtins))


def check(context: Context) -> None:
    """Check the names of types, fields, methods, parameters, routes and message fields."""
    _check_types(context)
    _check_methods(context)
    _check_routes(context)
    _check_fields(context, "jobs", ("message", "fields"), context.spec.jobs.message.fields, wire=True)
    for index, phase in enumerate(context.spec.jobs.phases):
        _check_fields(context, "jobs", ("phases", index, "cursor"), phase.cursor, wire=True)
        if phase.batch and BATCH_FIELD in phase.cursor:
            message = f"the cursor of a phase that can ask in batches has '{BATCH_FIELD}' already"
            _add(context, NAME003, "jobs", ("phases", index, "cursor", BATCH_FIELD), message, "remove it")
    for name in context.spec.bindings.vars:
        if name.lower() in PYTHON_RESERVED or name == "FROM_MAPPING":
            _add(context, NAME002, "bindings", ("vars", name), f"'{name.lower()}' cannot be a Python attribute")


def _check_types(context: Context) -> None:
    database, routes = context.spec.database, context.spec.routes
    seen: dict[str, str] = {}
    declared: list[tuple[str, Location, str]] = [
        *(("database", ("enums", name), name) for name in database.enums),
        *(("database", ("records", name), name) for name in database.records),
        *(("database", ("entities", name), name) for name in database.entities),
        *(("routes", ("enums", name), name) for name in routes.enums),
        *(("routes", ("scalars", name), name) for name in routes.scalars),
        *(("routes", ("models", name), name) for name in routes.models),
    ]
    # One that is called as a phase before it has been found already.
    phases = {phase.name: index for index, phase in reversed([*enumerate(context.spec.jobs.phases)])}
    declared += [("jobs", ("phases", index, "name"), f"{pascal(name)}Cursor") for name, index in phases.items()]
    for method, spec in database.methods.items():
        for parameter, patch in spec.params.items():
            if isinstance(patch, PatchSpec):
                declared.append(
                    ("database", ("methods", method, "params", parameter), pascal(method) + pascal(parameter))
                )
    for file, location, name in declared:
        if not PASCAL_NAME.fullmatch(name):
            _add(
                context,
                NAME001,
                file,
                location,
                f"the type '{name}' is not in PascalCase",
                f"write {pascal(_legal(name))}",
            )
        elif name in USED_TYPES or name in _BUILTINS:
            _add(
                context, NAME003, file, location, f"the generated code uses the name '{name}' itself", "choose another"
            )
        elif name.casefold() in seen:
            _add(
                context,
                NAME004,
                file,
                location,
                f"there is a type '{seen[name.casefold()]}' already",
                "rename one of them",
            )
        seen.setdefault(name.casefold(), name)
    for kind, fields in (("records", "fields"), ("entities", "columns")):
        for name, item in getattr(database, kind).items():
            _check_fields(context, "database", (kind, name, fields), getattr(item, fields))
    for file in ("database", "routes"):
        for name, enum in getattr(context.spec, file).enums.items():
            for index, value in enumerate(enum.values):
                if value in enum.values[:index]:
                    _add(
                        context,
                        NAME004,
                        file,
                        ("enums", name, "values", index),
                        f"the value '{value}' stands twice",
                        "remove one",
                    )
                elif value == "mro":
                    _add(
                        context,
                        NAME002,
                        file,
                        ("enums", name, "values", index),
                        "Python's enums cannot have a member 'MRO'",
                    )
    for name, model in routes.models.items():
        _check_model(context, name, [field.removesuffix("?") for field in model.fields], list(model.fields))


def _check_fields(context: Context, file: str, location: Location, names: Iterable[str], *, wire: bool = False) -> None:
    """Fields that are snake_case here and camelCase in JSON; `wire` fields stand in the JSON spelling."""
    seen: dict[str, str] = {}
    for name in names:
        own = snake(name) if wire else name
        at = (*location, name)
        if not (CAMEL_NAME if wire else SNAKE_NAME).fullmatch(name):
            style = "camelCase" if wire else "snake_case"
            _add(
                context,
                NAME001,
                file,
                at,
                f"'{name}' is not in {style}",
                f"write {camel(snake(name)) if wire else snake(name)}",
            )
        elif to_camel(own) != camel(own) or (wire and camel(own) != name):
            hint = "a digit stands best at the end of a word"
            _add(context, NAME005, file, at, f"'{name}' has no clear other spelling (snake_case and camelCase)", hint)
        elif own in PYTHON_RESERVED:
            _add(context, NAME002, file, at, f"'{own}' is a word of Python", "choose another name")
        elif own in USED_FIELDS or own.startswith("model_"):
            _add(context, NAME003, file, at, f"'{own}' is an attribute of every pydantic model", "choose another name")
        elif camel(own) in seen:
            _add(
                context,
                NAME004,
                file,
                at,
                f"'{name}' and '{seen[camel(own)]}' are one name in camelCase",
                "rename one of them",
            )
        seen.setdefault(camel(own), name)


def _check_model(context: Context, model: str, names: Sequence[str], keys: Sequence[str]) -> None:
    """The fields of a model, in the spelling of the JSON: all camelCase or all snake_case."""
    all_camel = all(camel(snake(name)) == name and CAMEL_NAME.fullmatch(name) for name in names)
    all_snake = all(snake(name) == name and SNAKE_NAME.fullmatch(name) for name in names)
    snakes = [name for name in names if SNAKE_NAME.fullmatch(name) and "_" in name]
    seen: dict[str, str] = {}
    for name, key in zip(names, keys, strict=True):
        own, at = snake(name), ("models", model, "fields", key)
        if own in seen:
            _add(
                context,
                NAME004,
                "routes",
                at,
                f"'{name}' and '{seen[own]}' are one name in Python",
                "rename one of them",
            )
        elif not (all_camel or all_snake) and name not in snakes and (snakes or camel(own) != name):
            spelled = own if snakes else camel(own)
            message = f"'{name}': the fields of one model are all camelCase or all snake_case"
            _add(
                context, NAME001, "routes", at, message, f"write {spelled}" if spelled != name else "rename the others"
            )
        elif all_camel and to_camel(own) != name:
            hint = "a digit stands best at the end of a word"
            _add(
                context, NAME005, "routes", at, f"'{name}' has no clear other spelling (snake_case and camelCase)", hint
            )
        elif own in PYTHON_RESERVED:
            _add(context, NAME002, "routes", at, f"'{own}' is a word of Python", "choose another name")
        elif own in USED_FIELDS or own.startswith("model_"):
            _add(
                context,
                NAME003,
                "routes",
                at,
                f"'{own}' is an attribute of every pydantic model",
                "choose another name",
            )
        seen.setdefault(own, name)


def _check_methods(context: Context) -> None:
    database = context.spec.database
    seen: dict[str, str] = {}
    decoders = {f"to{entity}" for entity in database.entities}
    for name, method in database.methods.items():
        python = snake(name, database.acronyms)
        location = ("methods", name)
        if not CAMEL_NAME.fullmatch(name):
            _add(
                context,
                NAME001,
                "database",
                location,
                f"the method '{name}' is not in camelCase",
                f"write {camel(snake(name))}",
            )
        elif python in PYTHON_RESERVED or name in TYPESCRIPT_RESERVED:
            _add(
                context,
                NAME002,
                "database",
                location,
                f"'{name}' is a word of Python or TypeScript",
                "choose another name",
            )
        elif name in USED_METHODS or python in USED_METHODS:
            _add(context, NAME003, "database", location, f"every database has '{name}' already", "choose another name")
        elif python in seen:
            message = f"'{name}' and '{seen[python]}' are both '{python}' in Python"
            _add(context, NAME004, "database", location, message, "rename one of them; declared acronyms are one word")
        seen.setdefault(python, name)
        _check_parameters(context, location, method.params, decoders)
        for parameter, spec in method.params.items():
            if isinstance(spec, PatchSpec):
                _check_fields(context, "database", (*location, "params", parameter, "patch"), spec.patch)


def _check_parameters(context: Context, method: Location, names: Iterable[str], decoders: set[str]) -> None:
    seen = {camel(name): f":{name}" for name in (ACCOUNT_PARAMETER, *PAGE_PARAMETERS)}
    for name in names:
        at = (*method, "params", name)
        if not SNAKE_NAME.fullmatch(name):
            _add(
                context, NAME001, "database", at, f"the parameter '{name}' is not in snake_case", f"write {snake(name)}"
            )
        elif name in PYTHON_RESERVED or camel(name) in TYPESCRIPT_RESERVED:
            _add(context, NAME002, "database", at, f"'{name}' is a word of Python or TypeScript", "choose another name")
        elif name in USED_PARAMETERS or camel(name) in decoders:
            _add(
                context,
                NAME003,
                "database",
                at,
                f"the generated code uses the name '{name}' itself",
                "choose another name",
            )
        elif camel(name) in seen and seen[camel(name)] != f":{name}":
            message = f"'{name}' and '{seen[camel(name)]}' are one name in TypeScript"
            _add(context, NAME004, "database", at, message, "rename one of them")
        seen.setdefault(camel(name), name)


def _check_routes(context: Context) -> None:
    routes = context.spec.routes.routes
    modules = {route.handler.split(".")[0] for route in routes}
    seen: dict[str, str] = {}
    for index, route in enumerate(routes):
        at: Location = ("routes", index, "name")
        python = snake(route.name)
        if not CAMEL_NAME.fullmatch(route.name):
            context.add(
                NAME001, "routes", at, f"the route '{route.name}' is not in camelCase", f"write {camel(python)}"
            )
        elif python in PYTHON_RESERVED:
            context.add(NAME002, "routes", at, f"'{python}' is a word of Python", "choose another name")
        elif python in USED_ROUTES or python in modules or python in _BUILTINS:
            context.add(
                NAME003,
                "routes",
                at,
                f"'{python}' is the name of a module or helper of api.py",
                "add a verb: getHealth",
            )
        elif python in seen:
            context.add(
                NAME004,
                "routes",
                at,
                f"'{route.name}' and '{seen[python]}' are one name in Python",
                "rename one of them",
            )
        seen.setdefault(python, route.name)
        for part in route.handler.split("."):
            if part in PYTHON_RESERVED:
                context.add(
                    NAME002,
                    "routes",
                    ("routes", index, "handler"),
                    f"'{part}' is a word of Python",
                    "choose another name",
                )
        used: dict[str, str] = {}
        for name in route.params:
            own, place = snake(name), ("routes", index, "params", name)
            if not CAMEL_NAME.fullmatch(name) and not SNAKE_NAME.fullmatch(name):
                _add(
                    context,
                    NAME001,
                    "routes",
                    place,
                    f"'{name}' is neither camelCase nor snake_case",
                    f"write {camel(own)}",
                )
            elif own in PYTHON_RESERVED or own in USED_ROUTE_PARAMETERS or own in modules:
                _add(
                    context,
                    NAME003,
                    "routes",
                    place,
                    f"the generated endpoint uses the name '{own}' itself",
                    "choose another name",
                )
            elif own in used:
                _add(
                    context,
                    NAME004,
                    "routes",
                    place,
                    f"'{name}' and '{used[own]}' are one name in Python",
                    "rename one of them",
                )
            used.setdefault(own, name)


def _add(context: Context, kind: type[Diagnostic], file: str, location: Location, message: str, hint: str = "") -> None:
    context.add(kind, file, location, message, hint, at_key=True)


def _legal(name: str) -> str:
    return "_".join(part for part in name.split("_") if part)
