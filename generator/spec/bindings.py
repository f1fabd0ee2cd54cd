"""`bindings.yaml` as data: what the service runs on."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from generator.spec.base import EnumValue, Line, Name, NaturalInt, PositiveInt, SpecModel

BindingName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=64)]
Arity = Annotated[str, Field(pattern=r"^\d+(-\d+|\+)?$")]
FunctionName = Annotated[str, Field(pattern=r"^(->>?|[a-z][a-z0-9_]*)$")]
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
    jobs: PositiveInt = Field(description="How many jobs it works on at a time.")
    jobs_per_account: PositiveInt = Field(description="How many of them for one account.")


class DatabaseBindingSpec(SpecModel):
    """The database, on D1."""

    binding: BindingName = Field(description="Its name in the Worker's env.")
    name: ResourceName = Field(description="Its name on Cloudflare.")


class VectorIndexSpec(SpecModel):
    """A vector index."""

    binding: BindingName = Field(description="Its name in the Worker's env.")
    collection: ResourceName = Field(description="Its name, on both hosts.")


class VectorsSpec(SpecModel):
    """The vector indexes; what the core relies on is no choice of the spec."""

    METRIC: ClassVar[str] = "cosine"
    # What searches filter on: a field of the metadata, and its type.
    FILTER_FIELD: ClassVar[str] = "repoId"
    FILTER_TYPE: ClassVar[str] = "number"

    dimensions: PositiveInt = Field(description="Numbers of a vector on Cloudflare.")
    code: VectorIndexSpec = Field(description="The index of what pull requests touch.")
    intent: VectorIndexSpec = Field(description="The index of what pull requests are meant to do.")

    @property
    def indexes(self) -> Mapping[str, VectorIndexSpec]:
        """The indexes by what they hold."""
        return {"code": self.code, "intent": self.intent}


class QueueSpec(SpecModel):
    """A queue and its consumer."""

    name: ResourceName = Field(description="Its name on Cloudflare.")
    max_batch_size: PositiveInt = Field(description="Messages that one invocation gets at most.")
    max_batch_timeout: NaturalInt = Field(description="Seconds to wait for a full batch.")
    max_retries: NaturalInt = Field(description="Deliveries after the first before it gives a message up.")
    max_concurrency: PositiveInt = Field(description="Invocations of the consumer that run at a time.")
    retry_delay: NaturalInt = Field(description="Seconds before the next delivery when the consumer names no time.")


class PipelineQueueSpec(QueueSpec):
    """The queue of the pipeline, its producer and its consumer."""

    binding: BindingName = Field(description="The producer's name in the Worker's env.")


class PollerSpec(SpecModel):
    """The Durable Object that polls providers' batches."""

    binding: BindingName = Field(description="Its name in the Worker's env.")


class VarSpec(SpecModel):
    """A setting."""

    default: str = Field(description="The value where nothing else is set.")
    local: str | None = Field(default=None, description="The same on the local host, where that differs.")
    doc: Line = Field(default="", description="What it sets.")


class SecretSpec(SpecModel):
    """A secret setting."""

    doc: Line = Field(description="What it is for.")


class LimitsSpec(SpecModel):
    """Platform limits that all plans share."""

    d1_bound_parameters: PositiveInt = Field(description="Parameters of a D1 statement.")
    d1_statement_bytes: PositiveInt = Field(description="Bytes of a D1 statement.")
    d1_value_bytes: PositiveInt = Field(description="Bytes of a D1 row or value; longer lists are sent in chunks.")
    d1_columns: PositiveInt = Field(description="Columns of a D1 table or result.")
    d1_compound_terms: PositiveInt = Field(description="SELECTs that a D1 statement joins with UNION and the like.")
    d1_expression_depth: PositiveInt = Field(description="Depth of an expression in a D1 statement.")
    d1_function_arguments: PositiveInt = Field(description="Arguments of a function in a D1 statement.")
    d1_pattern_bytes: PositiveInt = Field(description="Bytes of what D1 takes behind LIKE or GLOB.")
    queue_message_bytes: PositiveInt = Field(description="Bytes of a queue message.")
    queue_message_overhead_bytes: PositiveInt = Field(description="What the platform adds to it.")
    queue_batch_messages: PositiveInt = Field(description="Messages of a consumer's batch.")
    queue_max_delay_seconds: PositiveInt = Field(description="The longest delay of a message.")
    queue_max_retries: PositiveInt = Field(description="The most deliveries after the first.")
    queue_max_concurrency: PositiveInt = Field(description="The most invocations of a consumer at a time.")
    vectorize_dimensions: PositiveInt = Field(description="Numbers of a vector.")
    cpu_ms: PositiveInt = Field(description="The largest cpu_ms of a Worker.")


class PlanSpec(SpecModel):
    """Platform limits of one plan."""

    d1_queries: PositiveInt = Field(description="D1 statements of an invocation.")
    subrequests: PositiveInt = Field(description="Calls of bindings or HTTP in an invocation.")


class BindingsSpec(SpecModel):
    """The platform."""

    worker: WorkerSpec = Field(description="The deployed Worker.")
    local: LocalSpec = Field(description="The local host.")
    database: DatabaseBindingSpec = Field(description="The database.")
    vectors: VectorsSpec = Field(description="The vector indexes.")
    queue: PipelineQueueSpec = Field(description="The queue of the pipeline.")
    dead_letter: QueueSpec = Field(description="The queue that takes what the pipeline's gives up.")
    poller: PollerSpec = Field(description="What polls providers' batches.")
    vars: dict[BindingName, VarSpec] = Field(default_factory=dict, description="Plain settings, by name.")
    log_levels: dict[EnumValue, list[EnumValue]] = Field(
        default_factory=dict, description="The levels of the log, the least severe first: their other names."
    )
    secrets: dict[BindingName, SecretSpec] = Field(default_factory=dict, description="Secret settings, by name.")
    limits: LimitsSpec = Field(description="Platform limits that all plans share.")
    d1_functions: dict[Arity, list[FunctionName]] = Field(
        description="The SQL functions of D1, by how many arguments they take: 2, 1-3 or 2+."
    )
    accepted: dict[str, Annotated[Line, Field(min_length=1)]] = Field(
        default_factory=dict,
        description="What `ossgard-gen compat` finds and the next deployment may break: the reason, by code and name.",
    )
    plans: Annotated[dict[Name, PlanSpec], Field(min_length=1)] = Field(description="Platform limits by plan.")
