"""The base of every data model: immutable, tolerant of unknown keys, spoken to the outside in its wire form."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, JsonValue
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


def _check_url(value: str) -> str:
    problem = problem_of(value)
    if problem is not None:
        raise ValueError(problem)
    return value


# Marks a column that the database keeps as JSON text.
JsonText = BeforeValidator(_parse_text)

# A text that is an absolute http or https URL, without a password.
UrlText = Annotated[str, AfterValidator(_check_url)]
