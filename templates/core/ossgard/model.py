"""The base of every data model: immutable, tolerant of unknown keys, spoken to the outside in its wire form."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    JsonValue,
    StrictInt,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.alias_generators import to_camel

from ossgard import json_text
from ossgard.urls import problem_of

JsonObject = dict[str, JsonValue]


class Model(BaseModel):
    """A model whose wire names are its own names."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="ignore")


class CamelModel(Model):
    """A model whose wire names are camelCase."""

    model_config = ConfigDict(alias_generator=to_camel)


def _parse_text(value: object) -> object:
    return json_text.decode(value) if isinstance(value, str | bytes) else value


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def default_by(field: str, urls: Mapping[str, str]) -> BeforeValidator:
    """What an empty, null or absent URL stands for, by the value of a field before it."""

    def fill(value: object, info: ValidationInfo) -> object:
        # Where the other field is wrong, that is all that there is to say.
        return urls.get(info.data.get(field, ""), next(iter(urls.values()))) if _is_blank(value) else value

    return BeforeValidator(fill)


def for_hosts_with(ability: str) -> WrapValidator:
    """An object that means something only to hosts with an ability; to the others, one that is not valid is empty.

    The host's profile is the context of the validation.
    """

    def look(value: object, check: ValidatorFunctionWrapHandler, info: ValidationInfo) -> object:
        try:
            return check(value)
        except ValidationError:
            if info.context is None or getattr(info.context, ability):
                raise
            return check({})

    return WrapValidator(look)


def null_is(default: object) -> BeforeValidator:
    """A field whose default `null` stands for, too."""
    return BeforeValidator(lambda value: default if value is None else value)


def _check_url(value: str) -> str:
    problem = problem_of(value)
    if problem is not None:
        raise ValueError(problem)
    return value


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def but_not(*texts: str) -> AfterValidator:
    """Marks a text that must not be one of these."""

    def check(value: str) -> str:
        if value in texts:
            raise ValueError(f"must not be '{value}'")
        return value

    return AfterValidator(check)


# Marks a column that the database keeps as JSON text.
JsonText = BeforeValidator(_parse_text)

# A text that loses the white space around it.
Trimmed = StringConstraints(strip_whitespace=True)

# A text that is an absolute http or https URL.
UrlText = Annotated[str, Trimmed, AfterValidator(_check_url)]

# Marks a URL that may be absent, and is when it is empty.
BlankIsNone = BeforeValidator(lambda value: None if _is_blank(value) else value)

# A number without a fraction: 1.0 is one in JSON, and a text is none.
WholeNumber = Annotated[StrictInt, BeforeValidator(_whole)]
