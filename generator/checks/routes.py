"""Routes: the handler exists and takes what the route gives, paths do not collide, and the answers make sense."""

import ast
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path

from generator.checks.context import Context
from generator.checks.types import TypeNames
from generator.diagnostics import did_you_mean
from generator.findings.http import (
    ROUTE001,
    ROUTE002,
    ROUTE003,
    ROUTE004,
    ROUTE005,
    ROUTE006,
    ROUTE007,
    ROUTE008,
    ROUTE009,
)
from generator.layout import ROUTES
from generator.output.http_views import PATH_PARAMETER
from generator.spec.names import snake
from generator.spec.routes import RouteSpec
from generator.spec.source import Location
from generator.spec.types import SCALARS, parse_type

_STATUSES = frozenset(int(status) for status in HTTPStatus)


def check(context: Context) -> None:
    """Check every route."""
    types = TypeNames(context)
    routes = context.spec.routes.routes
    for index, route in enumerate(routes):
        _check_path(context, index, route)
        _check_parameters(context, index, route)
        _check_collisions(context, index, routes[:index], route)
        _check_body(context, types, index, route)
        _check_responses(context, types, index, route)
        if not any(context.is_broken("routes", "routes", index, key) for key in ("path", "params", "body", "handler")):
            _check_handler(context, index, route)


def _check_path(context: Context, index: int, route: RouteSpec) -> None:
    location: Location = ("routes", index, "path")
    named = PATH_PARAMETER.findall(route.path)
    rest = PATH_PARAMETER.sub("", route.path)
    if "{" in rest or "}" in rest:
        context.add(ROUTE001, "routes", location, "a bracket of the path is not paired", "write {name}", offset=0)
        return
    for segment in route.path.split("/"):
        if "{" in segment and not PATH_PARAMETER.fullmatch(segment):
            offset = route.path.find(segment)
            hint = "a parameter is a whole segment: /repos/{owner}/{name}"
            context.add(ROUTE001, "routes", location, f"'{segment}' mixes a parameter with text", hint, offset=offset)
            return
    for name in named:
        offset = route.path.find("{" + name + "}")
        if named.count(name) > 1:
            context.add(
                ROUTE001, "routes", location, f"{{{name}}} stands twice in the path", "rename one", offset=offset
            )
            return
        if name not in route.params:
            hint = did_you_mean(name, route.params) if route.params else f"add `params: {{{name}: text}}`"
            context.add(ROUTE002, "routes", location, f"{{{name}}} is not declared under 'params'", hint, offset=offset)
    for name in route.params:
        if name not in named and not context.is_broken("routes", *location):
            message = f"the path has no {{{name}}}"
            context.add(
                ROUTE002,
                "routes",
                ("routes", index, "params", name),
                message,
                "put it into the path, or remove it",
                at_key=True,
            )
    if sorted(route.params) == sorted(named) and list(route.params) != named:
        message = "the parameters stand in another order than in the path"
        context.add(ROUTE002, "routes", ("routes", index, "params"), message, f"write {', '.join(named)}", at_key=True)


def _check_parameters(context: Context, index: int, route: RouteSpec) -> None:
    known = ("text", "integer", *context.spec.routes.scalars)
    for name, kind in route.params.items():
        location: Location = ("routes", index, "params", name)
        if kind not in known and not context.is_broken("routes", *location):
            context.add(ROUTE003, "routes", location, f"a path parameter cannot be '{kind}'", did_you_mean(kind, known))


def _check_collisions(context: Context, index: int, earlier: Iterable[RouteSpec], route: RouteSpec) -> None:
    """A request goes to the first route that fits, so none may stand in the shadow of another."""
    segments = route.path.split("/")
    for other in earlier:
        theirs = other.path.split("/")
        if other.method != route.method or len(theirs) != len(segments):
            continue
        if all(their == own or (their[:1] == "{" and own != "") for their, own in zip(theirs, segments, strict=True)):
            same = all(
                their == own or (their[:1] == "{" and own[:1] == "{")
                for their, own in zip(theirs, segments, strict=True)
            )
            message = f"{route.method} {route.path} is never reached: '{other.name}' ({other.path}) takes its requests"
            hint = "change the path or the method" if same else "put it before that route"
            context.add(ROUTE004, "routes", ("routes", index, "path"), message, hint)
            return


def _check_body(context: Context, types: TypeNames, index: int, route: RouteSpec) -> None:
    if route.body is None:
        return
    location: Location = ("routes", index, "body")
    if route.method == "GET":
        context.add(
            ROUTE005,
            "routes",
            location,
            "a GET request has no body",
            "use POST, or take the values from the path",
            at_key=True,
        )
        return
    inner = (*location, "model")
    at = inner if inner in context.loaded.sources["routes"].values else location
    if not types.check("routes", at, route.body.model, "model", label="model", scalars=False):
        return
    if route.body.lenient:
        for field, spec in context.spec.routes.models[route.body.model].fields.items():
            if not field.endswith("?") and spec.default is None:
                message = f"a lenient body needs a default for every field, and {route.body.model}.{field} has none"
                hint = f"write '{field}?' or give it a default"
                context.add(ROUTE006, "routes", location, message, hint, at_key=True)
                return


def _check_responses(context: Context, types: TypeNames, index: int, route: RouteSpec) -> None:
    for status, text in route.responses.items():
        location: Location = ("routes", index, "responses", status)
        type_ = parse_type(text)
        if status not in _STATUSES:
            context.add(
                ROUTE007, "routes", location, f"{status} is not a status of HTTP", "200, 201, 202 or 204", at_key=True
            )
        elif (text == "none") != (status == 204):
            hint = "204 goes with `none`, and every other status with a type"
            context.add(ROUTE007, "routes", location, f"a {status} answer cannot be '{text}'", hint)
        elif text != "none" and type_.nullable:
            context.add(ROUTE007, "routes", location, "an answer is never null", "end with 404 when there is nothing")
        elif text != "none" and (type_.name in SCALARS or (type_.name == "json" and type_.is_list)):
            hint = "an answer is a JSON object or a list of them: a model, an entity, or json"
            context.add(ROUTE007, "routes", location, f"an answer cannot be '{text}'", hint)
        elif text not in ("none", "json"):
            kinds = ("model", "entity", "record")
            types.check("routes", location, text, *kinds, label="model or entity", scalars=False)


def _check_handler(context: Context, index: int, route: RouteSpec) -> None:
    module, function = route.handler.split(".")
    location: Location = ("routes", index, "handler")
    folder = context.templates / ROUTES
    known = {path.stem for path in folder.glob("*.py") if path.stem != "__init__"}
    place = f"templates/{ROUTES.as_posix()}/{module}.py"
    arguments = ["context", *(snake(name) for name in route.params), *(["body"] if route.body else [])]
    signature = f"async def {function}({', '.join(arguments)})"
    if module not in known:
        hint = did_you_mean(module, known)
        suggestion = hint if hint.startswith("did") else f"write {place} with `{signature}`"
        context.add(ROUTE008, "routes", location, f"there is no handler module '{module}'", suggestion)
        return
    functions = _functions(folder / f"{module}.py")
    if functions is None:
        context.add(ROUTE008, "routes", location, f"{place} is not valid Python", "correct it first")
        return
    offset = len(module) + 1
    if function not in functions:
        hint = did_you_mean(function, functions)
        suggestion = hint if hint.startswith("did") else f"write `{signature}`"
        context.add(ROUTE008, "routes", location, f"{place} has no function '{function}'", suggestion, offset=offset)
        return
    line, is_async, taken = functions[function]
    if not is_async:
        context.add(
            ROUTE009,
            "routes",
            location,
            f"{place}:{line}: '{function}' is not async",
            f"write `{signature}`",
            offset=offset,
        )
    elif taken != arguments:
        message = (
            f"{place}:{line}: '{function}' takes ({', '.join(taken)}), and the route gives ({', '.join(arguments)})"
        )
        context.add(ROUTE009, "routes", location, message, f"write `{signature}`", offset=offset)


def _functions(path: Path) -> dict[str, tuple[int, bool, list[str]]] | None:
    """The functions of a module: line, whether async, and the names of their required parameters."""
    return _read_functions(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _read_functions(path: Path, _modified: int) -> dict[str, tuple[int, bool, list[str]]] | None:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return None
    found = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            positional = [*node.args.posonlyargs, *node.args.args]
            required = [argument.arg for argument in positional[: len(positional) - len(node.args.defaults)]]
            keywords = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            required += [f"*, {argument.arg}" for argument, default in keywords if default is None]
            found[node.name] = (node.lineno, isinstance(node, ast.AsyncFunctionDef), required)
    return found
