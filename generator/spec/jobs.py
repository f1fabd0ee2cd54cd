"""`jobs.yaml` as data: the phases of a scan, and how their work is tried and polled."""

from typing import Annotated, Literal

from pydantic import Field

from generator.spec.base import EnumValue, Line, Name, NaturalInt, PositiveInt, SpecModel, TypeText


class MessageSpec(SpecModel):
    """What a queue message carries."""

    fields: Annotated[dict[Name, TypeText], Field(min_length=1)] = Field(description="camelCase name: type; ids only.")


class RetriesSpec(SpecModel):
    """How a slice that failed is tried again."""

    base_seconds: PositiveInt = Field(description="The wait before the second try; doubled for each further one.")
    rate_limit_base_seconds: PositiveInt = Field(description="The same after a 429 that names no time.")
    longest_seconds: PositiveInt = Field(description="The longest wait of our own choice.")
    patience_seconds: PositiveInt = Field(description="How long, in waits of our own choice, an error may last.")
    asked_seconds: PositiveInt = Field(description="How long waits may last that the other side asks for.")
    unexpected: NaturalInt = Field(description="Tries after an error that nobody foresaw.")
    deaths: PositiveInt = Field(description="Attempts of which nothing is heard before the scan fails.")

    def waits(self, count: int) -> int:
        """The seconds of the first so many waits of our own choice."""
        return sum(min(self.base_seconds << min(number, 32), self.longest_seconds) for number in range(count))


class PollingSpec(SpecModel):
    """How a provider's batch is polled."""

    first_seconds: PositiveInt = Field(description="The wait before the first poll.")
    growth: Annotated[float, Field(ge=1, le=10)] = Field(description="By how much each wait is longer than the last.")
    longest_seconds: PositiveInt = Field(description="The longest wait between two polls.")
    max_errors: PositiveInt = Field(description="Errors in a row after which the scan fails.")

    def lasting_seconds(self) -> int:
        """How long an outage lasts at least that gives so many errors in a row."""
        waits = (self.first_seconds * self.growth ** min(number, 100) for number in range(1, self.max_errors))
        return int(sum(min(wait, self.longest_seconds) for wait in waits))


class RetentionSpec(SpecModel):
    """How long what a scan leaves behind is kept."""

    days: PositiveInt = Field(description="Days after its end until a scan's messages, or a job, may be deleted.")
    scans_with_groups: PositiveInt = Field(
        description="Completed scans of a repository that keep their groups; 1: the latest, which reports show."
    )
    unused_answers_days: PositiveInt = Field(
        description="Days for which a model's answer about a group is kept after it was of use last."
    )
    scans_a_sweep: PositiveInt = Field(description="Scans that one sweep deletes messages of at most.")
    rows_a_sweep: PositiveInt = Field(
        description="Groups of a scan's repository, answers and jobs that one sweep deletes at most."
    )


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
    slice: SliceSpec = Field(description="How much work one message is.")
    cursor: dict[Name, TypeText] = Field(default_factory=dict, description="What a slice leaves to the next one.")
    budget: BudgetSpec = Field(description="The worst case of one slice, held against the limits of bindings.yaml.")


class JobsSpec(SpecModel):
    """The pipeline."""

    message: MessageSpec = Field(description="What a queue message carries.")
    retries: RetriesSpec = Field(description="How often and when a slice is tried again.")
    polling: PollingSpec = Field(description="How a provider's batch is polled.")
    retention: RetentionSpec = Field(description="How long what a scan leaves behind is kept.")
    runner: RunnerSpec = Field(description="What the runner spends in one invocation besides the phase.")
    phases: Annotated[list[PhaseSpec], Field(min_length=1)] = Field(
        description="The phases of a scan; it starts with the first."
    )
