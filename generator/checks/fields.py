"""The constraints of fields and scalars: each fits the type, and every pattern is one that pydantic can compile."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, TypeAdapter
from pydantic_core import SchemaError

from generator.checks.context import Context
from generator.findings.http import FIELD001, FIELD002, FIELD003, FIELD004, FIELD005
from generator.spec.routes import Constraints, FieldSpec
from generator.spec.source import Location
from generator.spec.types import SCALARS, TypeExpression, parse_type

_DEFAULTS: dict[str, tuple[type, ...]] = {"text": (str,), "integer": (int,), "real": (int, float), "boolean": (bool,)}


def check(context: Context) -> None:
    """Check every scalar, and the fields of every model."""
    for name, scalar in context.spec.routes.scalars.items():
        if not context.is_broken("routes", "scalars", name):
            _check_constraints(context, ("scalars", name), scalar, parse_type(scalar.type))
    for name, model in context.spec.routes.models.items():
        for key, field in model.fields.items():
            location: Location = ("models", name, "fields", key)
            if not context.is_broken("routes", *location):
                _check_field(context, location, key, field, parse_type(field.type))


def _check_field(context: Context, location: Location, key: str, field: FieldSpec, type_: TypeExpression) -> None:
    is_text = type_.name == "text" and not type_.is_list
    optional = key.removesuffix("?") + "?"
    fitting = {
        "secret": (is_text, "remove it, or change the type"),
        "trim": (is_text, "remove it, or change the type"),
        "default": (
            type_.is_scalar,
            f"a default is a text, number or boolean; a field that may be absent is written '{optional}'",
        ),
        "default_by": (is_text and field.format == "url", "it is for URLs: add 'format: url', or remove it"),
        "hosts_with": (
            type_.name in context.spec.routes.models and not type_.is_list,
            "it is for models: remove it, or make the type a model",
        ),
    }
    for name, (fits, hint) in fitting.items():
        if getattr(field, name) not in (None, False) and not fits:
            context.add(
                FIELD001, "routes", (*location, name), f"'{name}' does not go with the type {type_}", hint, at_key=True
            )
            return
    _check_constraints(context, location, field, type_)
    if field.default_by is not None:
        _check_default_by(context, location, key, field.default_by)
    if field.default is not None and not _is_default(field.default, type_):
        hint = f"write {_example(type_.name)}"
        context.add(
            FIELD004, "routes", (*location, "default"), f"the default {field.default!r} is not of type {type_}", hint
        )


def _check_constraints(context: Context, location: Location, spec: Constraints, type_: TypeExpression) -> None:
    is_text = type_.name == "text" and not type_.is_list
    is_number = type_.name in ("integer", "real") and not type_.is_list
    fitting = {
        "min": is_number,
        "max": is_number,
        "min_length": is_text or type_.is_list,
        "max_length": is_text or type_.is_list,
        "pattern": is_text,
        "but_not": is_text,
        "format": is_text,
    }
    for constraint, fits in fitting.items():
        if getattr(spec, constraint) not in (None, []) and not fits:
            message = f"'{constraint}' does not go with the type {type_}"
            context.add(
                FIELD001, "routes", (*location, constraint), message, "remove it, or change the type", at_key=True
            )
            return
    for smaller, larger in (("min", "max"), ("min_length", "max_length")):
        low, high = getattr(spec, smaller), getattr(spec, larger)
        if low is not None and high is not None and low > high:
            context.add(
                FIELD002, "routes", (*location, smaller), f"no value is at least {low} and at most {high}", "swap them"
            )
    if spec.pattern is not None:
        try:
            TypeAdapter(Annotated[str, Field(pattern=spec.pattern)])
        except SchemaError as error:
            reason = str(error).strip().rsplit("error: ", 1)[-1].splitlines()[0]
            hint = "patterns have Rust's syntax: no look-around, no back-references"
            context.add(FIELD003, "routes", (*location, "pattern"), f"the pattern cannot be compiled: {reason}", hint)


def _check_default_by(context: Context, location: Location, key: str, urls: Mapping[str, Mapping[str, str]]) -> None:
    """Whether it names one enum field that is validated before, and knows a URL for each of its values."""
    place = (*location, "default_by")
    model = context.spec.routes.models[str(location[1])]
    before = list(model.fields)[: list(model.fields).index(key)]
    enums = {name: context.spec.enums.get(model.fields[name].type) for name in before}
    enum = enums.get(next(iter(urls))) if len(urls) == 1 else None
    if enum is None:
        known = ", ".join(name for name in before if enums[name] is not None) or "there is none"
        context.add(
            FIELD005, "routes", place, "it must name one field of an enum that stands before it", f"known: {known}"
        )
    elif set(next(iter(urls.values()))) != set(enum.values):
        context.add(
            FIELD005, "routes", place, "it must have a URL for each value", f"the values are {', '.join(enum.values)}"
        )


def _is_default(value: object, type_: TypeExpression) -> bool:
    return isinstance(value, _DEFAULTS[type_.name]) and (type_.name == "boolean" or not isinstance(value, bool))


def _example(name: str) -> str:
    return {"text": 'a text: ""', "integer": "a whole number", "real": "a number", "boolean": "true or false"}.get(
        name, SCALARS[name][0]
    )
