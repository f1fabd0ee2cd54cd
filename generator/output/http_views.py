"""Models and routes as the templates see them: typed objects that know how they look in Python."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from generator.spec.names import camel, snake
from generator.spec.routes import Constraints, FieldSpec, ModelSpec, RouteSpec, RoutesSpec
from generator.spec.types import SCALARS, TypeExpression, definition_order, parse_type

STRICT = {"integer": "WholeNumber", "real": "StrictFloat", "boolean": "StrictBool"}
PATH_PARAMETER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class FieldView:
    """A field of a model: its wire name, its type, and whether it may be absent."""

    wire: str
    spec: FieldSpec
    may_be_absent: bool
    strict: bool

    @property
    def name(self) -> str:
        return snake(self.wire)

    @property
    def type(self) -> TypeExpression:
        return parse_type(self.spec.type)

    @property
    def python(self) -> str:
        """The field as a line of a class body."""
        annotation = self._constrained()
        nullable = self.type.nullable or self.may_be_absent
        if nullable:
            annotation = f"{annotation} | None"
            if self.spec.format == "url":
                annotation = f"Annotated[{annotation}, BlankIsNone]"
        arguments = self._described()
        if self.spec.default_by is not None:
            # What the default is depends on another field, so it is for the validator to say.
            arguments = ["validate_default=True", *arguments]
        if arguments:
            arguments = [f"default={self._default}"] * bool(self._default) + arguments
            return f"{self.name}: {annotation} = Field({', '.join(arguments)})"
        return f"{self.name}: {annotation}" + (f" = {self._default}" if self._default else "")

    @property
    def _default(self) -> str:
        if self.spec.default_by is not None:
            return '""'
        return "None" if self.may_be_absent and self.spec.default is None else repr_or_empty(self.spec.default)

    def _constrained(self) -> str:
        base = self.type.without_null.python
        if self.strict and not self.type.is_list:
            base = STRICT.get(self.type.name, base)
        spec, metadata = self.spec, []
        for field, urls in (spec.default_by or {}).items():
            listed = ", ".join(f"{python_string(value)}: {python_string(url)}" for value, url in urls.items())
            metadata.append(f"default_by({python_string(field)}, {{{listed}}})")
        if spec.hosts_with is not None:
            metadata.append(f"for_hosts_with({python_string(spec.hosts_with)})")
        if self.strict and spec.default is not None:
            metadata.append(f"null_is({repr_or_empty(spec.default)})")
        return constrained(base, spec, before=["Trimmed"] * spec.trim, after=metadata)

    def _described(self) -> list[str]:
        arguments = []
        if self.spec.doc:
            arguments.append(f"description={python_string(self.spec.doc)}")
        if self.spec.secret:
            arguments.append('json_schema_extra={"secret": True}')
        return arguments


def constrained(base: str, spec: Constraints, before: Sequence[str] = (), after: Sequence[str] = ()) -> str:
    """A type with its constraints, as Python has them, and what else is to be done `before` and `after` them."""
    if spec.format == "url":
        base = "UrlText"
    limits = {"ge": spec.min, "le": spec.max, "min_length": spec.min_length, "max_length": spec.max_length}
    arguments = [f"{name}={value}" for name, value in limits.items() if value is not None]
    if spec.pattern is not None:
        arguments.append(f"pattern={_pattern(spec.pattern)}")
    metadata = [*before, *([f"Field({', '.join(arguments)})"] if arguments else [])]
    if spec.but_not:
        metadata.append(f"but_not({', '.join(map(python_string, spec.but_not))})")
    metadata += after
    return f"Annotated[{', '.join([base, *metadata])}]" if metadata else base


def _pattern(pattern: str) -> str:
    """A regular expression as a literal: raw where it has backslashes and can be."""
    if "\\" in pattern and pattern.isprintable() and '"' not in pattern and not pattern.endswith("\\"):
        return f'r"{pattern}"'
    return python_string(pattern)


def python_string(text: str) -> str:
    """A string literal in double quotes."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\x7f")


def repr_or_empty(value: object) -> str:
    if value is None:
        return ""
    return python_string(value) if isinstance(value, str) else repr(value)


@dataclass(frozen=True)
class ModelView:
    """A model: its fields, and whether its wire names are camelCase or its own."""

    name: str
    doc: str
    fields: tuple[FieldView, ...]

    @property
    def base(self) -> str:
        return "CamelModel" if all(camel(field.name) == field.wire for field in self.fields) else "Model"


def build_models(routes: RoutesSpec) -> list[ModelView]:
    """The models, each after those that it mentions; those of request bodies take no wrong types."""
    strict = set(_reachable(routes, {route.body.model for route in routes.routes if route.body}))
    return [
        ModelView(
            name,
            routes.models[name].doc,
            tuple(
                FieldView(field.removesuffix("?"), spec, field.endswith("?"), name in strict)
                for field, spec in routes.models[name].fields.items()
            ),
        )
        for name in definition_order({name: _mentions(model) for name, model in routes.models.items()})
    ]


def _mentions(model: ModelSpec) -> list[str]:
    return [parse_type(field.type).name for field in model.fields.values()]


def _reachable(routes: RoutesSpec, names: set[str]) -> Iterable[str]:
    pending, seen = sorted(names), set[str]()
    while pending:
        name = pending.pop()
        if name in routes.models and name not in seen:
            seen.add(name)
            yield name
            pending += _mentions(routes.models[name])


@dataclass(frozen=True)
class RouteView:
    """A route: where it is, how its request is read, and what it answers."""

    spec: RouteSpec

    @property
    def method(self) -> str:
        return self.spec.method

    @property
    def path(self) -> str:
        return self.spec.path

    @property
    def auth(self) -> str:
        return self.spec.auth

    @property
    def doc(self) -> str:
        return self.spec.doc

    @property
    def handler(self) -> str:
        return self.spec.handler

    @property
    def python_name(self) -> str:
        return snake(self.spec.name)

    @property
    def reads(self) -> list[str]:
        """The lines that read what the handler needs out of the request."""
        lines = [f"{snake(name)} = {_read_parameter(name, kind)}" for name, kind in self.spec.params.items()]
        if self.spec.body:
            reader = "read_lenient_body" if self.spec.body.lenient else "read_body"
            lines.append(f"body = await {reader}(request, models.{self.spec.body.model})")
        return lines

    @property
    def arguments(self) -> str:
        names = ["context", *(snake(name) for name in self.spec.params), *(["body"] if self.spec.body else [])]
        return ", ".join(names)

    @property
    def status(self) -> int:
        return next(iter(self.spec.responses))

    @property
    def many_statuses(self) -> bool:
        return len(self.spec.responses) > 1

    @property
    def empty(self) -> bool:
        return self.spec.responses[self.status] == "none"


def _read_parameter(name: str, kind: str) -> str:
    if kind in SCALARS:
        return f'{kind}_parameter(request, "{name}")'
    return f'scalar_parameter(request, "{name}", {adapter_name(kind)})'


def adapter_name(scalar: str) -> str:
    """The constant that checks values of a scalar."""
    return f"_{snake(scalar).upper()}"
