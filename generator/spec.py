"""The spec as data: one pydantic model for each of its four files.

What pydantic can say about a single value is said here; contradictions between values are found in `checks`.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from generator.types import TYPE_PATTERN, TypeExpression, parse_type


def _check_type(text: str) -> str:
    parse_type(text)
    return text


# What the patterns of names ask for, in words.
PATTERNS = {
    r"^[A-Za-z][A-Za-z0-9_]*$": "letters, digits and _, beginning with a letter",
    r"^[A-Za-z][A-Za-z0-9_]*\??$": "letters, digits and _, beginning with a letter; `?` at the end: may be absent",
    r"^[a-z][a-z0-9_]*$": "small letters, digits and _, beginning with a letter",
    r"^[A-Z]{2,16}$": "2 to 16 capital letters",
    r"^/[A-Za-z0-9_.\-/{}]*$": "a path beginning with /, like /repos/{owner}",
    r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$": "module.function, both in snake_case",
    r"^[A-Z][A-Z0-9_]*$": "capital letters, digits and _, beginning with a letter",
    r"^[a-z0-9][a-z0-9-]{0,62}$": "small letters, digits and -, 63 characters at most",
    r"^\d{4}-\d{2}-\d{2}$": "a date in quotes: YYYY-MM-DD",
}
TypeText = Annotated[str, AfterValidator(_check_type), Field(json_schema_extra={"pattern": TYPE_PATTERN})]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)]
EnumValue = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
OptionalName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*\??$", max_length=65)]
Number = int | Annotated[float, Field(allow_inf_nan=False)]
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


def _kind_of_parameter(value: Any) -> str:
    return "(patch)" if isinstance(value, dict | PatchSpec) else "(type)"


def _statements(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


# The tags stand in the places of errors, and are none that a file can have.
ParameterSpec = Annotated[
    Annotated[TypeText, Tag("(type)")] | Annotated[PatchSpec, Tag("(patch)")], Discriminator(_kind_of_parameter)
]
Scope = Literal["account", "internal", "public"]


class MethodSpec(SpecModel):
    """A question or command to the database."""

    scope: Scope = Field(description="Who may call it: account (sees only the account's rows), internal or public.")
    doc: Annotated[Line, Field(min_length=1)] = Field(description="What it does; becomes the docstring.")
    params: dict[Name, ParameterSpec] = Field(
        default_factory=dict, description="name: type, in order; or name: {patch: {field: type}}."
    )
    sql: Annotated[
        list[str],
        Field(min_length=1),
        BeforeValidator(_statements, json_schema_input_type=str | Annotated[list[str], Field(min_length=1)]),
    ] = Field(description="One statement, or a list that runs as one transaction; parameters are written :name.")
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
    enums: dict[Name, EnumSpec] = Field(default_factory=dict, description="Closed sets of texts, by name.")
    records: dict[Name, RecordSpec] = Field(
        default_factory=dict, description="Structured values inside JSON columns and parameters, by name."
    )
    entities: Annotated[dict[Name, EntitySpec], Field(min_length=1)] = Field(
        description="What the methods return, by name."
    )
    methods: Annotated[dict[Name, MethodSpec], Field(min_length=1)] = Field(
        description="Every question and command to the database, by its camelCase name."
    )


# ---- routes.yaml


class FieldSpec(SpecModel):
    """A field of a model with its constraints."""

    type: TypeText = Field(description="T, T? (may be null) or T[] (a list).")
    min: Number | None = Field(default=None, description="The smallest number allowed.")
    max: Number | None = Field(default=None, description="The largest number allowed.")
    min_length: NaturalInt | None = Field(default=None, description="The fewest characters allowed.")
    max_length: PositiveInt | None = Field(default=None, description="The most characters allowed.")
    pattern: str | None = Field(default=None, description="A regular expression that a text must match.")
    format: Literal["url"] | None = Field(default=None, description="url: an absolute http or https URL.")
    default: str | Number | bool | None = Field(default=None, description="The value when it is absent.")
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
    lenient: bool = Field(default=False, description="An absent or unreadable body means the defaults.")


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
        description="module.function in templates/worker/src/ossgard/routes/"
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


# ---- jobs.yaml


class MessageSpec(SpecModel):
    """What a queue message carries."""

    fields: Annotated[dict[Name, TypeText], Field(min_length=1)] = Field(description="camelCase name: type; ids only.")


class RetriesSpec(SpecModel):
    """How often and when a slice is tried again."""

    max: NaturalInt = Field(description="Tries after the first.")
    base_seconds: PositiveInt = Field(description="The wait before the second try; doubled for each further one.")
    rate_limit_base_seconds: PositiveInt = Field(description="The same after a 429 without Retry-After.")
    max_delay_seconds: PositiveInt = Field(description="The longest wait.")


class PollingSpec(SpecModel):
    """How a provider's batch is polled."""

    first_seconds: PositiveInt = Field(description="The wait before the first poll.")
    growth: Annotated[float, Field(ge=1, le=10)] = Field(description="By how much each wait is longer than the last.")
    longest_seconds: PositiveInt = Field(description="The longest wait between two polls.")
    max_errors: PositiveInt = Field(description="Errors in a row after which the scan fails.")


class RunnerSpec(SpecModel):
    """What the runner spends in one invocation besides the phase."""

    statements: NaturalInt = Field(description="SQL statements.")
    subrequests: NaturalInt = Field(description="Calls of bindings or HTTP; those of one db.batch are one.")


class SliceSpec(SpecModel):
    """How much work one message is."""

    of: Annotated[Line, Field(min_length=1)] = Field(description="What is counted, in words.")
    size: PositiveInt = Field(description="How many of it one message works on at most.")


class CallSpec(SpecModel):
    """Calls of an outside service in one slice, in the worst case."""

    to: Name = Field(description="The service.")
    count: PositiveInt = Field(description="How many calls.")
    per: PositiveInt | None = Field(default=None, description="For each so many items; for each slice when left out.")
    attempts: PositiveInt = Field(default=1, description="How often each is made: pages, repairs and retries included.")
    doc: Line = Field(default="", description="What they are for.")


class BudgetSpec(SpecModel):
    """The worst case of one slice."""

    statements: NaturalInt = Field(description="SQL statements beside the runner's.")
    round_trips: NaturalInt = Field(description="Calls of the database.")
    calls: list[CallSpec] = Field(default_factory=list, description="Calls of other services.")


class PhaseSpec(SpecModel):
    """A part of the pipeline."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)] = Field(
        description="Also the message type and the name of its Python module."
    )
    doc: Annotated[Line, Field(min_length=1)] = Field(description="What it does.")
    status: EnumValue = Field(description="The scan's status while it runs.")
    next: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] = Field(description="The phase that follows, or `done`.")
    batch: Literal["llm", "embedding"] | None = Field(
        default=None, description="The part of an account's configuration whose provider it can ask in batches."
    )
    planned: bool = Field(
        default=False, description="Its processor is still to be written: a scan that reaches it fails and says so."
    )
    slice: SliceSpec = Field(description="How much work one message is.")
    payload: dict[Name, TypeText] = Field(default_factory=dict, description="What its cursor may hold.")
    budget: BudgetSpec = Field(description="The worst case of one slice, held against the limits of bindings.yaml.")


class JobsSpec(SpecModel):
    """The pipeline."""

    message: MessageSpec = Field(description="What a queue message carries.")
    retries: RetriesSpec = Field(description="How often and when a slice is tried again.")
    polling: PollingSpec = Field(description="How a provider's batch is polled.")
    runner: RunnerSpec = Field(description="What the runner spends in one invocation besides the phase.")
    phases: Annotated[list[PhaseSpec], Field(min_length=1)] = Field(
        description="The phases of a scan; it starts with the first."
    )


# ---- bindings.yaml

BindingName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=64)]
ResourceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class WorkerSpec(SpecModel):
    """The deployed Worker."""

    name: ResourceName = Field(description="Its name on Cloudflare.")
    compatibility_date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] = Field(
        description="Decides the version of Python."
    )
    compatibility_flags: list[str] = Field(description="python_workers, at least.")
    cpu_ms: PositiveInt = Field(description="CPU milliseconds that an invocation may use.")
    plan: str = Field(description="Whose limits the budgets are held against; one of `plans`.")
    crons: list[str] = Field(default_factory=list, description="When the sweep runs: minute hour day month weekday.")


class LocalSpec(SpecModel):
    """The local host."""

    port: Annotated[int, Field(gt=0, lt=65536)] = Field(description="Where it listens unless PORT says otherwise.")
    poll_seconds: PositiveInt = Field(description="How often an idle worker loop looks for due jobs.")


class D1Spec(SpecModel):
    """The database binding."""

    binding: BindingName = Field(description="Its name in the Worker's env.")
    database_name: ResourceName = Field(description="Its name on Cloudflare.")


class VectorizeSpec(SpecModel):
    """A vector index."""

    binding: BindingName = Field(description="Its name in the Worker's env.")
    collection: ResourceName = Field(description="Its name, on both hosts.")
    dimensions: PositiveInt = Field(description="Numbers of a vector.")
    metric: Literal["cosine", "euclidean", "dot-product"] = Field(description="How near two vectors are.")
    metadata_indexes: dict[Name, Literal["string", "number", "boolean"]] = Field(
        default_factory=dict, description="Payload field: type; what searches filter on."
    )


class QueueSpec(SpecModel):
    """A queue and its consumer."""

    binding: BindingName | None = Field(default=None, description="The producer's binding; none: nothing sends to it.")
    name: ResourceName = Field(description="Its name on Cloudflare.")
    dead_letter: Name | None = Field(default=None, description="The queue of this file that takes what fails for good.")
    max_batch_size: PositiveInt = Field(description="Messages that one invocation gets at most.")
    max_batch_timeout: NaturalInt = Field(description="Seconds to wait for a full batch.")
    max_retries: NaturalInt = Field(description="Deliveries after the first before it gives a message up.")


class DurableObjectSpec(SpecModel):
    """A Durable Object class, with SQLite storage."""

    binding: BindingName = Field(description="Its name in the Worker's env.")
    class_: Name = Field(alias="class", description="The class in the Worker's main module.")


class VarSpec(SpecModel):
    """A setting."""

    default: str = Field(description="The value where nothing else is set.")
    doc: Line = Field(default="", description="What it sets.")


class SecretSpec(SpecModel):
    """A secret setting."""

    doc: Line = Field(description="What it is for.")


class LimitsSpec(SpecModel):
    """Platform limits that all plans share."""

    d1_bound_parameters: PositiveInt = Field(description="Parameters of a D1 statement.")
    d1_statement_bytes: PositiveInt = Field(description="Bytes of a D1 statement.")
    d1_value_bytes: PositiveInt = Field(description="Bytes of a D1 row or value; longer lists are sent in chunks.")
    queue_message_bytes: PositiveInt = Field(description="Bytes of a queue message.")
    queue_message_overhead_bytes: PositiveInt = Field(description="What the platform adds to it.")
    queue_batch_messages: PositiveInt = Field(description="Messages of a consumer's batch.")
    queue_max_delay_seconds: PositiveInt = Field(description="The longest delay of a message.")
    queue_max_retries: PositiveInt = Field(description="The most deliveries after the first.")
    vectorize_dimensions: PositiveInt = Field(description="Numbers of a vector.")
    vectorize_id_bytes: PositiveInt = Field(description="Bytes of a vector's id.")
    vectorize_metadata_indexes: PositiveInt = Field(description="Metadata indexes of an index.")
    cpu_ms: PositiveInt = Field(description="The largest cpu_ms of a Worker.")


class PlanSpec(SpecModel):
    """Platform limits of one plan."""

    d1_queries: PositiveInt = Field(description="D1 statements of an invocation.")
    subrequests: PositiveInt = Field(description="Calls of bindings or HTTP in an invocation.")


class BindingsSpec(SpecModel):
    """The platform."""

    worker: WorkerSpec = Field(description="The deployed Worker.")
    local: LocalSpec = Field(description="The local host.")
    d1: D1Spec = Field(description="The database.")
    vectorize: list[VectorizeSpec] = Field(default_factory=list, description="The vector indexes.")
    queues: Annotated[dict[Name, QueueSpec], Field(min_length=1)] = Field(
        description="The queues; the one with a binding is the pipeline's."
    )
    durable_objects: list[DurableObjectSpec] = Field(default_factory=list, description="Durable Object classes.")
    vars: dict[BindingName, VarSpec] = Field(default_factory=dict, description="Plain settings, by name.")
    secrets: dict[BindingName, SecretSpec] = Field(default_factory=dict, description="Secret settings, by name.")
    limits: LimitsSpec = Field(description="Platform limits that all plans share.")
    plans: Annotated[dict[Name, PlanSpec], Field(min_length=1)] = Field(description="Platform limits by plan.")


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
