"""Checks JSON against a model, and says in plain words and the established shape what is wrong with it."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from ossgard.errors import HttpError
from ossgard.services import HostProfile
from ossgard.spec.error_codes import ErrorCode

M = TypeVar("M", bound=BaseModel)

INVALID = "The request is not valid"

_MESSAGES = {
    "missing": "is required",
    "string_type": "must be a text",
    "string_unicode": "must be valid Unicode",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "has too many digits",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "enum": "must be {expected}",
    "string_too_short": "must have at least {min_length} character(s)",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "has characters that are not allowed here (it must match {pattern})",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "value_error": "{error}",
}


def parse_json(model: type[M], text: bytes, host: HostProfile | None = None) -> M:
    """The model that a JSON text holds, as a host sees it; without coercion, so that `"5"` is no number.

    Raises:
        HttpError: 400, when it is not JSON or does not fit the model.
    """
    try:
        return model.model_validate_json(text, strict=True, context=host, by_alias=True, by_name=False)
    except ValidationError as error:
        raise invalid(error) from None


def parse_values(model: type[M], values: Mapping[str, object]) -> M:
    """The model that has these values, by wire name.

    Raises:
        HttpError: 400, when they do not fit.
    """
    try:
        return model.model_validate(values, by_alias=True, by_name=False)
    except ValidationError as error:
        raise invalid(error) from None


def parse_text(scalar: TypeAdapter[str], name: str, text: str) -> str:
    """A text that fits a scalar of the spec.

    Raises:
        HttpError: 400, under the text's name, when it does not fit.
    """
    try:
        return scalar.validate_python(text)
    except ValidationError as error:
        messages = [_message(details) for details in error.errors(include_url=False)]
        raise HttpError(ErrorCode.INVALID_REQUEST, INVALID, {name: messages}) from None


def invalid(error: ValidationError) -> HttpError:
    """The answer to a request that failed validation."""
    whole, fields = flatten(error)
    return HttpError(ErrorCode.INVALID_REQUEST, "; ".join(whole) or INVALID, fields)


def flatten(error: ValidationError) -> tuple[list[str], dict[str, list[str]]]:
    """What is wrong with the whole, and what is wrong with each top-level field.

    The messages of a field name the path inside it: `{"config": ["github.token is required"]}`.
    """
    whole: list[str] = []
    fields: dict[str, list[str]] = {}
    for details in error.errors(include_url=False):
        message = _message(details)
        path = [str(part) for part in details["loc"]]
        if not path:
            whole.append(message)
        elif len(path) == 1:
            fields.setdefault(path[0], []).append(message)
        else:
            fields.setdefault(path[0], []).append(f"{_dotted(path[1:])} {message}")
    return whole, fields


def problems(error: ValidationError) -> list[str]:
    """What is wrong, a sentence each: `github.token is required`."""
    return [
        f"{_dotted([str(part) for part in details['loc']])} {_message(details)}".strip()
        for details in error.errors(include_url=False)
    ]


def _message(details: ErrorDetails) -> str:
    if details["type"] == "json_invalid":
        return "The body is not valid JSON"
    if not details["loc"] and details["type"].startswith("model"):
        return "The body must be a JSON object"
    template = _MESSAGES.get(details["type"])
    if template is None:
        return details["msg"][:1].lower() + details["msg"][1:]
    return template.format_map({key: str(value) for key, value in details.get("ctx", {}).items()})


def _dotted(path: Sequence[str]) -> str:
    return ".".join(path)
