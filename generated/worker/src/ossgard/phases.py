"""The phases of a scan, in order, and the rules for trying a slice again."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """A part of the pipeline, worked off in slices of at most `slice_size` (of `slice_of`)."""

    name: str
    status: str
    next: str
    slice_of: str
    slice_size: int
    batch: bool
    cursor_fields: tuple[str, ...]


@dataclass(frozen=True)
class Retries:
    """How often a slice is tried after the first time, and how many seconds lie between."""

    max: int
    base_seconds: int
    rate_limit_base_seconds: int
    max_delay_seconds: int


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
        batch=False,
        cursor_fields=("full", "maxPrs"),
    ),
    "ingest": Phase(
        name="ingest",
        status="ingesting",
        next="embed",
        slice_of="pull requests",
        slice_size=20,
        batch=False,
        cursor_fields=("full", "maxPrs", "stage", "page", "afterNumber", "slipped", "closed"),
    ),
    "embed": Phase(
        name="embed",
        status="embedding",
        next="cluster",
        slice_of="pull requests",
        slice_size=50,
        batch=True,
        cursor_fields=("full", "afterNumber", "done", "total", "restarts", "codeToken", "intentToken"),
    ),
    "cluster": Phase(
        name="cluster",
        status="clustering",
        next="verify",
        slice_of="pull requests",
        slice_size=200,
        batch=False,
        cursor_fields=("stage", "afterNumber", "done", "total", "tries", "codeToken", "intentToken"),
    ),
    "verify": Phase(
        name="verify",
        status="verifying",
        next="rank",
        slice_of="groups",
        slice_size=12,
        batch=True,
        cursor_fields=("position", "total"),
    ),
    "rank": Phase(
        name="rank",
        status="ranking",
        next="done",
        slice_of="groups",
        slice_size=12,
        batch=True,
        cursor_fields=("position", "done", "total", "stored"),
    ),
}

RETRIES = Retries(
    max=3,
    base_seconds=1,
    rate_limit_base_seconds=60,
    max_delay_seconds=3600,
)
