"""`routes.yaml` as data: the HTTP interface."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from generator.spec.base import (
    ErrorCode,
    Line,
    Name,
    NaturalInt,
    Number,
    OptionalName,
    PositiveInt,
    SpecModel,
    TypeText,
)
from generator.spec.database import EnumSpec


class Constraints(SpecModel):
    """What a value must be, beside its type."""

    min: Number | None = Field(default=None, description="The smallest number allowed.")
    max: Number | None = Field(default=None, description="The largest number allowed.")
    min_length: NaturalInt | None = Field(default=None, description="The fewest characters allowed.")
    max_length: PositiveInt | None = Field(default=None, description="The most characters allowed.")
    pattern: str | None = Field(default=None, description="A regular expression that a text must match.")
    but_not: list[str] = Field(default_factory=list, description="Texts that are not allowed all the same.")
    format: Literal["url"] | None = Field(default=None, description="url: an absolute http or https URL.")
    doc: Line = Field(default="", description="What it stands for.")


class ScalarSpec(Constraints):
    """A text with a name, and with constraints that hold wherever it stands."""

    type: Literal["text"] = Field(description="What it is without its constraints.")


class FieldSpec(Constraints):
    """A field of a model with its constraints."""

    type: TypeText = Field(description="T, T? (may be null) or T[] (a list).")
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
    lenient: bool = Field(default=False, description="An absent body, null and [] mean the defaults.")


def _body(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


class ErrorSpec(SpecModel):
    """An error of the interface; its name is the code that clients see."""

    status: Annotated[int, Field(ge=400, le=599)] = Field(description="The HTTP status.")
    brought_by: list[Literal["any", "account", "body", "params"]] = Field(
        default_factory=list, description="The requests that can end with it on every route."
    )
    doc: Annotated[Line, Field(min_length=1)] = Field(description="What it means, for clients.")


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
    params: dict[Name, Name] = Field(
        default_factory=dict, description="Path parameter: text, integer or the name of a scalar."
    )
    body: Annotated[BodySpec, BeforeValidator(_body, json_schema_input_type=Name | BodySpec)] | None = Field(
        default=None, description="The model of the request's body, or {model: ..., lenient: true}."
    )
    responses: Annotated[dict[Annotated[int, Field(ge=200, le=299)], TypeText], Field(min_length=1)] = Field(
        description="Status: model, entity, list, json or none; the first is the plain answer."
    )
    errors: list[ErrorCode] = Field(
        default_factory=list, description="Codes that it can end with, besides those that its request brings."
    )

    def brings(self, error: ErrorSpec) -> bool:
        """Whether its requests can end with an error, though it does not list it."""
        has = {"any": True, "account": self.auth == "account", "body": bool(self.body), "params": bool(self.params)}
        return any(has[part] for part in error.brought_by)


class RoutesSpec(SpecModel):
    """The HTTP interface."""

    title: str = Field(description="The service's name, in the OpenAPI document.")
    description: str = Field(description="What the service does, in the OpenAPI document.")
    enums: dict[Name, EnumSpec] = Field(default_factory=dict, description="Closed sets of texts, by name.")
    scalars: dict[Name, ScalarSpec] = Field(default_factory=dict, description="Texts with constraints, by name.")
    models: dict[Name, ModelSpec] = Field(
        default_factory=dict, description="The shapes of requests and responses, by name."
    )
    errors: dict[ErrorCode, ErrorSpec] = Field(default_factory=dict, description="Every error, by its code.")
    max_body_bytes: PositiveInt = Field(description="The most bytes that the body of a request may have.")
    routes: Annotated[list[RouteSpec], Field(min_length=1)] = Field(
        description="The endpoints; a request goes to the first that fits."
    )

    def errors_of(self, route: RouteSpec) -> list[str]:
        """The codes that a route can end with, in the order of the table."""
        return [code for code, error in self.errors.items() if code in route.errors or route.brings(error)]
