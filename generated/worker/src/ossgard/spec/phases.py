"""The phases of a scan, in order, and the rules for trying a slice again and for polling a batch."""

from dataclasses import dataclass
from typing import Literal

# The part of an account's configuration whose provider a phase can ask in batches.
BatchService = Literal["llm", "embedding"]


@dataclass(frozen=True)
class Phase:
    """A part of the pipeline, worked off in slices of at most `slice_size` (of `slice_of`)."""

    name: str
    status: str
    next: str
    slice_of: str
    slice_size: int
    batch: BatchService | None
    cursor_fields: tuple[str, ...]


@dataclass(frozen=True)
class Retries:
    """How a slice that failed is tried again; see `ossgard.pipeline.patience` for the rules."""

    base_seconds: int
    rate_limit_base_seconds: int
    longest_seconds: int
    patience_seconds: int
    asked_seconds: int
    unexpected: int
    deaths: int


@dataclass(frozen=True)
class Polling:
    """When a provider's batch is polled, in seconds, and how many errors in a row fail the scan."""

    first_seconds: int
    growth: float
    longest_seconds: int
    max_errors: int


# What follows the last phase.
DONE = "done"

FIRST_PHASE = "scan"

PHASES: dict[str, Phase] = {
    "scan": Phase(
        name="scan",
        status="queued",
        next="ingest",
        slice_of="repository",
        slice_size=1,
        batch=None,
        cursor_fields=("full", "maxPrs"),
    ),
    "ingest": Phase(
        name="ingest",
        status="ingesting",
        next="embed",
        slice_of="pull requests",
        slice_size=20,
        batch=None,
        cursor_fields=("full", "maxPrs", "stage", "page", "afterNumber", "slipped", "closed"),
    ),
    "embed": Phase(
        name="embed",
        status="embedding",
        next="cluster",
        slice_of="pull requests",
        slice_size=50,
        batch="embedding",
        cursor_fields=("full", "afterNumber", "done", "total", "restarts", "codeToken", "intentToken", "batch"),
    ),
    "cluster": Phase(
        name="cluster",
        status="clustering",
        next="verify",
        slice_of="pull requests",
        slice_size=200,
        batch=None,
        cursor_fields=("stage", "afterNumber", "done", "total", "tries", "codeToken", "intentToken"),
    ),
    "verify": Phase(
        name="verify",
        status="verifying",
        next="rank",
        slice_of="groups",
        slice_size=12,
        batch="llm",
        cursor_fields=("position", "total", "batch"),
    ),
    "rank": Phase(
        name="rank",
        status="ranking",
        next="done",
        slice_of="groups",
        slice_size=12,
        batch="llm",
        cursor_fields=("position", "done", "total", "stored", "batch"),
    ),
}

RETRIES = Retries(
    base_seconds=1,
    rate_limit_base_seconds=60,
    longest_seconds=120,
    patience_seconds=600,
    asked_seconds=86400,
    unexpected=3,
    deaths=3,
)

POLLING = Polling(
    first_seconds=10,
    growth=1.5,
    longest_seconds=120,
    max_errors=12,
)
