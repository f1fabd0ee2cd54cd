"""The base of every data model: immutable, tolerant of unknown keys, spoken to the outside in its wire form."""

import json
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, JsonValue, StrictInt
from pydantic.alias_generators import to_camel

JsonObject = dict[str, JsonValue]


class Model(BaseModel):
    """A model whose wire names are its own names."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="ignore")


class CamelModel(Model):
    """A model whose wire names are camelCase."""

    model_config = ConfigDict(alias_generator=to_camel)


def _parse_text(value: object) -> object:
    return json.loads(value) if isinstance(value, str | bytes) else value


def _check_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be an absolute http or https URL")
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

# A text that is an absolute http or https URL.
UrlText = Annotated[str, AfterValidator(_check_url)]

# A number without a fraction: 1.0 is one in JSON, and a text is none.
WholeNumber = Annotated[StrictInt, BeforeValidator(_whole)]
