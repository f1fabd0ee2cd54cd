"""`routes.yaml` as data: the HTTP interface."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from generator.spec.base import Line, Name, NaturalInt, Number, OptionalName, PositiveInt, SpecModel, TypeText
from generator.spec.database import EnumSpec


class FieldSpec(SpecModel):
    """A field of a model with its constraints."""

    type: TypeText = Field(description="T, T? (may be null) or T[] (a list).")
    min: Number | None = Field(default=None, description="The smallest number allowed.")
    max: Number | None = Field(default=None, description="The largest number allowed.")
    min_length: NaturalInt | None = Field(default=None, description="The fewest characters allowed.")
    max_length: PositiveInt | None = Field(default=None, description="The most characters allowed.")
    pattern: str | None = Field(default=None, description="A regular expression that a text must match.")
    format: Literal["url"] | None = Field(default=None, description="url: an absolute http or https URL.")
    default: str | Number | bool | None = Field(default=None, description="The value when it is absent or null.")
    default_by: dict[Name, dict[str, str]] | None = Field(
        default=None,
        description="An enum field before it: for each of its values, the URL that stands for an empty or absent one.",
    )
    trim: bool = Field(default=False, description="White space around the text is dropped.")
    hosts_with: Name | None = Field(
        default=None,
        description="An ability of HostProfile; hosts without it take anything here, since they do not use it.",
    )
    secret: bool = Field(default=False, description="Shown as `****` and the last four characters.")
    doc: Line = Field(default="", description="What it stands for.")


def _field(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


class ModelSpec(SpecModel):
    """The shape of a request or response."""

    doc: Line = Field(default="", description="What it stands for.")
    fields: Annotated[
        dict[
            OptionalName,
            Annotated[FieldSpec, BeforeValidator(_field, json_schema_input_type=TypeText | FieldSpec)],
        ],
        Field(min_length=1),
    ] = Field(description="Name (with `?` when it may be absent): type or constraints.")


class BodySpec(SpecModel):
    """A request body."""

    model: Name = Field(description="The model that it has to fit.")
    lenient: bool = Field(default=False, description="An absent body, `null` and `[]` mean the defaults.")


def _body(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


class RouteSpec(SpecModel):
    """An endpoint."""

    name: Name = Field(description="The operation's name, camelCase.")
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(description="The HTTP method.")
    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9_.\-/{}]*$")] = Field(description="With {parameters}.")
    auth: Literal["account", "none"] = Field(description="account: needs an API key; none: open to anyone.")
    doc: Annotated[Line, Field(min_length=1)] = Field(description="What it does; becomes its summary and docstring.")
    handler: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")] = Field(
        description="module.function in templates/core/ossgard/routes/"
    )
    params: dict[Name, Literal["text", "integer"]] = Field(default_factory=dict, description="Path parameter: type.")
    body: Annotated[BodySpec, BeforeValidator(_body, json_schema_input_type=Name | BodySpec)] | None = Field(
        default=None, description="The model of the request's body, or {model: ..., lenient: true}."
    )
    responses: Annotated[dict[Annotated[int, Field(ge=200, le=299)], TypeText], Field(min_length=1)] = Field(
        description="Status: model, entity, list, json or none; the first is the plain answer."
    )
    errors: list[Annotated[int, Field(ge=400, le=599)]] = Field(
        default_factory=list, description="Statuses that it can end with, besides 401 and, with a body, 400."
    )


class RoutesSpec(SpecModel):
    """The HTTP interface."""

    title: str = Field(description="The service's name, in the OpenAPI document.")
    version: str = Field(description="The interface's version, in the OpenAPI document.")
    description: str = Field(description="What the service does, in the OpenAPI document.")
    enums: dict[Name, EnumSpec] = Field(default_factory=dict, description="Closed sets of texts, by name.")
    models: dict[Name, ModelSpec] = Field(
        default_factory=dict, description="The shapes of requests and responses, by name."
    )
    routes: Annotated[list[RouteSpec], Field(min_length=1)] = Field(
        description="The endpoints; a request goes to the first that fits."
    )
