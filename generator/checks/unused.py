"""What is left over: declarations that nothing uses, and code that no entry of the spec names."""

import re
from collections.abc import Iterator

from generator.checks.context import Context
from generator.checks.phases import STATUS_ENUM
from generator.diagnostics import Position
from generator.findings.unused import USE001, USE002
from generator.layout import PHASES, ROUTES
from generator.spec.database import PatchSpec
from generator.spec.types import parse_type

_CODE = "core/ossgard"


def check(context: Context) -> None:
    """Warn of types that neither the spec nor the code names, and of handlers and processors of nothing."""
    database, routes = context.spec.database, context.spec.routes
    named = {*_mentioned(context), STATUS_ENUM} | _words(context)
    for file, kind in (
        *(("database", kind) for kind in ("enums", "records", "entities")),
        *(("routes", kind) for kind in ("enums", "scalars", "models")),
    ):
        for name in getattr(database if file == "database" else routes, kind):
            if name not in named:
                message = f"nothing uses '{name}'"
                context.add(USE001, file, (kind, name), message, "remove it, or use it", at_key=True)
    modules = {ROUTES: {route.handler.split(".")[0] for route in routes.routes}}
    modules[PHASES] = {phase.name for phase in context.spec.jobs.phases}
    for folder, known in modules.items():
        for path in sorted((context.templates / folder).glob("*.py")):
            if path.stem not in known and path.stem != "__init__":
                place = Position(str(path.absolute()), 1, 1)
                hint = "remove the file, or move what others need of it elsewhere"
                context.diagnostics.append(USE002(place, f"the spec does not name '{path.stem}'", hint))


def _mentioned(context: Context) -> Iterator[str]:
    """The names of all types that the spec mentions."""
    database, routes, jobs = context.spec.database, context.spec.routes, context.spec.jobs
    fields = [
        *(record.fields for record in database.records.values()),
        *(entity.columns for entity in database.entities.values()),
        *(phase.cursor for phase in jobs.phases),
        *(route.params for route in routes.routes),
        jobs.message.fields,
    ]
    texts = [text for each in fields for text in each.values()]
    for method in database.methods.values():
        for spec in method.params.values():
            texts += spec.patch.values() if isinstance(spec, PatchSpec) else [spec]
        texts += [str(method.result)] if method.result_type else []
    texts += [field.type for model in routes.models.values() for field in model.fields.values()]
    texts += [text for route in routes.routes for text in route.responses.values()]
    yield from (route.body.model for route in routes.routes if route.body)
    yield from (parse_type(text).name for text in texts)


def _words(context: Context) -> set[str]:
    """The words of the code that is written by hand."""
    code = (path.read_text(errors="replace") for path in (context.templates / _CODE).rglob("*.py"))
    return {word for text in code for word in re.findall(r"\w+", text)}
