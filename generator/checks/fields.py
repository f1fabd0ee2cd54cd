"""The constraints of model fields: each fits the type, and every pattern is one that pydantic can compile."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, TypeAdapter
from pydantic_core import SchemaError

from generator.checks.context import Context
from generator.spec.routes import FieldSpec
from generator.spec.source import Location
from generator.spec.types import SCALARS, TypeExpression, parse_type

_DEFAULTS: dict[str, tuple[type, ...]] = {"text": (str,), "integer": (int,), "real": (int, float), "boolean": (bool,)}


def check(context: Context) -> None:
    """Check the fields of every model."""
    for name, model in context.spec.routes.models.items():
        for key, field in model.fields.items():
            location: Location = ("models", name, "fields", key)
            if not context.is_broken("routes", *location):
                _check_field(context, location, key, field, parse_type(field.type))


def _check_field(context: Context, location: Location, key: str, field: FieldSpec, type_: TypeExpression) -> None:
    is_text = type_.name == "text" and not type_.is_list
    is_number = type_.name in ("integer", "real") and not type_.is_list
    fitting = {
        "min": is_number,
        "max": is_number,
        "min_length": is_text or type_.is_list,
        "max_length": is_text or type_.is_list,
        "pattern": is_text,
        "format": is_text,
        "secret": is_text,
        "default": type_.is_scalar,
        "trim": is_text,
        "default_by": is_text and field.format == "url",
        "hosts_with": type_.name in context.spec.routes.models and not type_.is_list,
    }
    for constraint, fits in fitting.items():
        if getattr(field, constraint) not in (None, False) and not fits:
            message, hint = f"'{constraint}' does not go with the type {type_}", "remove it, or change the type"
            if constraint == "default_by":
                message, hint = "'default_by' is for URLs", "add 'format: url', or remove it"
            elif constraint == "hosts_with":
                message, hint = "'hosts_with' is for models", "remove it, or make the type a model"
            elif constraint == "default":
                optional = key.removesuffix("?") + "?"
                hint = f"a default is a text, number or boolean; a field that may be absent is written '{optional}'"
            context.add("routes", (*location, constraint), message, hint, at_key=True)
            return
    if field.default_by is not None:
        _check_default_by(context, location, key, field.default_by)
    for smaller, larger in (("min", "max"), ("min_length", "max_length")):
        low, high = getattr(field, smaller), getattr(field, larger)
        if low is not None and high is not None and low > high:
            context.add("routes", (*location, smaller), f"no value is at least {low} and at most {high}", "swap them")
    if field.pattern is not None:
        try:
            TypeAdapter(Annotated[str, Field(pattern=field.pattern)])
        except SchemaError as error:
            reason = str(error).strip().rsplit("error: ", 1)[-1].splitlines()[0]
            hint = "patterns have Rust's syntax: no look-around, no back-references"
            context.add("routes", (*location, "pattern"), f"the pattern cannot be compiled: {reason}", hint)
    if field.default is not None and not _is_default(field.default, type_):
        hint = f"write {_example(type_.name)}"
        context.add("routes", (*location, "default"), f"the default {field.default!r} is not of type {type_}", hint)


def _check_default_by(context: Context, location: Location, key: str, urls: Mapping[str, Mapping[str, str]]) -> None:
    """Whether it names one enum field that is validated before, and knows a URL for each of its values."""
    place = (*location, "default_by")
    model = context.spec.routes.models[str(location[1])]
    before = list(model.fields)[: list(model.fields).index(key)]
    enums = {name: context.spec.enums.get(model.fields[name].type) for name in before}
    enum = enums.get(next(iter(urls))) if len(urls) == 1 else None
    if enum is None:
        known = ", ".join(name for name in before if enums[name] is not None) or "there is none"
        context.add("routes", place, "it must name one field of an enum that stands before it", f"known: {known}")
    elif set(next(iter(urls.values()))) != set(enum.values):
        context.add("routes", place, "it must have a URL for each value", f"the values are {', '.join(enum.values)}")


def _is_default(value: object, type_: TypeExpression) -> bool:
    return isinstance(value, _DEFAULTS[type_.name]) and (type_.name == "boolean" or not isinstance(value, bool))


def _example(name: str) -> str:
    return {"text": 'a text: ""', "integer": "a whole number", "real": "a number", "boolean": "true or false"}.get(
        name, SCALARS[name][0]
    )
