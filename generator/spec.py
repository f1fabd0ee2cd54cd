"""The spec as data: one pydantic model for each of its four files.

What pydantic can say about a single value is said here; contradictions between values are found in `checks`.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from generator.types import TypeExpression, parse_type


def _check_type(text: str) -> str:
    parse_type(text)
    return text


TypeText = Annotated[str, AfterValidator(_check_type)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)]
EnumValue = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
OptionalName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*\??$", max_length=65)]
PositiveInt = Annotated[int, Field(gt=0, le=2**53 - 1)]
NaturalInt = Annotated[int, Field(ge=0, le=2**53 - 1)]
Line = Annotated[str, AfterValidator(str.strip)]


class SpecModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


# ---- database.yaml


class EnumSpec(SpecModel):
    """A closed set of texts."""

    doc: Line = Field(default="", description="What it stands for.")
    values: Annotated[list[EnumValue], Field(min_length=1)] = Field(description="The values, in order.")


class RecordSpec(SpecModel):
    """A structured value inside a JSON column or parameter."""

    doc: Line = Field(default="", description="What it stands for.")
    fields: Annotated[dict[Name, TypeText], Field(min_length=1)] = Field(description="name: type")


class EntitySpec(SpecModel):
    """What a row of a result is."""

    doc: Line = Field(default="", description="What it stands for.")
    columns: Annotated[dict[Name, TypeText], Field(min_length=1)] = Field(description="Result column: type")


class PatchSpec(SpecModel):
    """A parameter whose absent fields stay as they are."""

    patch: Annotated[dict[Name, TypeText], Field(min_length=1)] = Field(description="Field: type; each may be absent.")


class PageSpec(SpecModel):
    """How a long list is read: `size` rows a query, each continuing after the last row's `by`."""

    by: Name = Field(description="The result column that :after continues from; an integer.")
    size: PositiveInt = Field(description="Rows a query.")


def _parameter(value: Any) -> Any:
    return PatchSpec.model_validate(value) if isinstance(value, dict) else value


def _statements(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


ParameterSpec = Annotated[TypeText | PatchSpec, BeforeValidator(_parameter)]
Scope = Literal["account", "internal", "public"]


class MethodSpec(SpecModel):
    """A question or command to the database."""

    scope: Scope = Field(description="Who may call it: account (sees only the account's rows), internal or public.")
    doc: Annotated[Line, Field(min_length=1)] = Field(description="What it does; becomes the docstring.")
    params: dict[Name, ParameterSpec] = Field(default_factory=dict, description="name: type, in order.")
    sql: Annotated[list[str], Field(min_length=1), BeforeValidator(_statements)] = Field(
        description="One statement, or a list that runs as one transaction.",
        json_schema_extra={"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    )
    result: TypeText | None = Field(default=None, description="T, T?, T[], `changes`, or nothing.")
    page: PageSpec | None = Field(default=None, description="For long lists: how they are paged.")

    @property
    def result_type(self) -> TypeExpression | None:
        """The type of the rows it returns, None when it returns none."""
        return None if self.result in (None, "changes") else parse_type(str(self.result))

    def parameters(self) -> Iterator[tuple[str, TypeExpression | PatchSpec]]:
        for name, spec in self.params.items():
            yield name, parse_type(spec) if isinstance(spec, str) else spec


class DatabaseSpec(SpecModel):
    """Entities, and the methods that store and find them."""

    acronyms: list[Annotated[str, Field(pattern=r"^[A-Z]{2,16}$")]] = Field(
        default_factory=list, description="Words that stay in capitals inside camelCase names."
    )
    enums: dict[Name, EnumSpec] = Field(default_factory=dict)
    records: dict[Name, RecordSpec] = Field(default_factory=dict)
    entities: Annotated[dict[Name, EntitySpec], Field(min_length=1)]
    methods: Annotated[dict[Name, MethodSpec], Field(min_length=1)]


# ---- routes.yaml


class FieldSpec(SpecModel):
    """A field of a model with its constraints."""

    type: TypeText
    min: int | float | None = Field(default=None, description="The smallest number allowed.")
    max: int | float | None = Field(default=None, description="The largest number allowed.")
    min_length: NaturalInt | None = Field(default=None, description="The fewest characters allowed.")
    max_length: PositiveInt | None = Field(default=None, description="The most characters allowed.")
    pattern: str | None = Field(default=None, description="A regular expression that a text must match.")
    format: Literal["url"] | None = Field(default=None, description="url: an absolute http or https URL.")
    default: str | int | float | bool | None = Field(default=None, description="The value when it is absent.")
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
            Annotated[
                FieldSpec,
                BeforeValidator(_field),
            ],
        ],
        Field(min_length=1),
    ] = Field(description="Name (with `?` when it may be absent): type or constraints.")


class BodySpec(SpecModel):
    """A request body."""

    model: Name
    lenient: bool = Field(default=False, description="An absent or unreadable body means the defaults.")


def _body(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


class RouteSpec(SpecModel):
    """An endpoint."""

    name: Name = Field(description="The operation's name, camelCase.")
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9_.\-/{}]*$")] = Field(description="With {parameters}.")
    auth: Literal["account", "none"] = Field(description="account: needs an API key; none: open to anyone.")
    doc: Annotated[Line, Field(min_length=1)]
    handler: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")] = Field(
        description="module.function in templates/worker/src/ossgard/routes/"
    )
    params: dict[Name, Literal["text", "integer"]] = Field(default_factory=dict, description="Path parameter: type.")
    body: Annotated[BodySpec, BeforeValidator(_body)] | None = None
    responses: Annotated[dict[Annotated[int, Field(ge=200, le=299)], TypeText], Field(min_length=1)] = Field(
        description="Status: model, entity, list, json or none; the first is the plain answer."
    )
    errors: list[Annotated[int, Field(ge=400, le=599)]] = Field(default_factory=list)


class RoutesSpec(SpecModel):
    """The HTTP interface."""

    title: str
    version: str
    description: str
    enums: dict[Name, EnumSpec] = Field(default_factory=dict)
    models: dict[Name, ModelSpec] = Field(default_factory=dict)
    routes: Annotated[list[RouteSpec], Field(min_length=1)]


# ---- jobs.yaml


class MessageSpec(SpecModel):
    """What a queue message carries."""

    fields: Annotated[dict[Name, TypeText], Field(min_length=1)]


class RetriesSpec(SpecModel):
    """How often and when a slice is tried again."""

    max: NaturalInt = Field(description="Tries after the first.")
    base_seconds: PositiveInt
    rate_limit_base_seconds: PositiveInt
    max_delay_seconds: PositiveInt


class RunnerSpec(SpecModel):
    """What the runner spends in one invocation besides the phase."""

    statements: NaturalInt
    subrequests: NaturalInt


class SliceSpec(SpecModel):
    """How much work one message is."""

    of: str = Field(description="What is counted, in words.")
    size: PositiveInt


class CallSpec(SpecModel):
    """Calls of an outside service in one slice, in the worst case."""

    to: Name = Field(description="The service.")
    count: PositiveInt
    per: PositiveInt | None = Field(default=None, description="For each so many items; for each slice when left out.")
    attempts: PositiveInt = Field(default=1, description="How often each is made: pages, repairs and retries included.")
    doc: Line = ""


class BudgetSpec(SpecModel):
    """The worst case of one slice."""

    statements: NaturalInt = Field(description="SQL statements beside the runner's.")
    round_trips: NaturalInt = Field(description="Calls of the database.")
    calls: list[CallSpec] = Field(default_factory=list)


class PhaseSpec(SpecModel):
    """A part of the pipeline."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
    doc: Annotated[Line, Field(min_length=1)]
    status: EnumValue = Field(description="The scan's status while it runs.")
    next: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] = Field(description="The phase that follows, or `done`.")
    batch: bool = Field(default=False, description="Can go through a provider's batch interface.")
    slice: SliceSpec
    payload: dict[Name, TypeText] = Field(default_factory=dict, description="What its cursor may hold.")
    budget: BudgetSpec


class JobsSpec(SpecModel):
    """The pipeline."""

    message: MessageSpec
    retries: RetriesSpec
    runner: RunnerSpec
    phases: Annotated[list[PhaseSpec], Field(min_length=1)]


# ---- bindings.yaml

BindingName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=64)]
ResourceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class WorkerSpec(SpecModel):
    """The deployed Worker."""

    name: ResourceName
    compatibility_date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    compatibility_flags: list[str]
    cpu_ms: PositiveInt
    plan: str = Field(description="Whose limits the budgets are held against; one of `plans`.")
    crons: list[str] = Field(default_factory=list)


class LocalSpec(SpecModel):
    """The local host."""

    port: Annotated[int, Field(gt=0, lt=65536)]
    poll_seconds: PositiveInt


class D1Spec(SpecModel):
    """The database binding."""

    binding: BindingName
    database_name: ResourceName


class VectorizeSpec(SpecModel):
    """A vector index."""

    binding: BindingName
    collection: ResourceName = Field(description="Its name, on both hosts.")
    dimensions: PositiveInt
    metric: Literal["cosine", "euclidean", "dot-product"]
    metadata_indexes: dict[Name, Literal["string", "number", "boolean"]] = Field(default_factory=dict)


class QueueSpec(SpecModel):
    """A queue and its consumer."""

    binding: BindingName | None = Field(default=None, description="The producer's binding; none: nothing sends to it.")
    name: ResourceName
    dead_letter: Name | None = Field(default=None, description="The queue of this file that takes what fails for good.")
    max_batch_size: PositiveInt
    max_batch_timeout: NaturalInt = Field(description="Seconds.")
    max_retries: NaturalInt


class DurableObjectSpec(SpecModel):
    """A Durable Object class, with SQLite storage."""

    binding: BindingName
    class_: Name = Field(alias="class")


class VarSpec(SpecModel):
    """A setting."""

    default: str
    doc: Line = ""


class SecretSpec(SpecModel):
    """A secret setting."""

    doc: Line


class LimitsSpec(SpecModel):
    """Platform limits that all plans share."""

    d1_bound_parameters: PositiveInt
    d1_statement_bytes: PositiveInt
    d1_value_bytes: PositiveInt
    queue_message_bytes: PositiveInt
    queue_message_overhead_bytes: PositiveInt
    queue_batch_messages: PositiveInt
    queue_max_delay_seconds: PositiveInt
    queue_max_retries: PositiveInt
    vectorize_dimensions: PositiveInt
    vectorize_id_bytes: PositiveInt
    vectorize_metadata_indexes: PositiveInt
    cpu_ms: PositiveInt


class PlanSpec(SpecModel):
    """Platform limits of one plan."""

    d1_queries: PositiveInt
    subrequests: PositiveInt


class BindingsSpec(SpecModel):
    """The platform."""

    worker: WorkerSpec
    local: LocalSpec
    d1: D1Spec
    vectorize: list[VectorizeSpec] = Field(default_factory=list)
    queues: dict[Name, QueueSpec]
    durable_objects: list[DurableObjectSpec] = Field(default_factory=list)
    vars: dict[BindingName, VarSpec] = Field(default_factory=dict)
    secrets: dict[BindingName, SecretSpec] = Field(default_factory=dict)
    limits: LimitsSpec
    plans: Annotated[dict[Name, PlanSpec], Field(min_length=1)]


# ---- all of it


class Migration(SpecModel):
    """A migration: its file name, its text, and the statements of it."""

    name: str
    text: str
    statements: list[str]


class Spec(BaseModel):
    """The whole spec."""

    model_config = ConfigDict(frozen=True)

    database: DatabaseSpec
    routes: RoutesSpec
    jobs: JobsSpec
    bindings: BindingsSpec
    migrations: list[Migration]

    @cached_property
    def enums(self) -> dict[str, EnumSpec]:
        return {**self.database.enums, **self.routes.enums}


SPEC_FILES: dict[str, type[SpecModel]] = {
    "database": DatabaseSpec,
    "routes": RoutesSpec,
    "jobs": JobsSpec,
    "bindings": BindingsSpec,
}
