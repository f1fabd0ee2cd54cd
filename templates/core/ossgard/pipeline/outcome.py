"""What a slice of work leads to: the rows to write, and what comes next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ossgard.cursor import Cursor
from ossgard.spec.entities import Progress, ScanWarning
from ossgard.write import Write


@dataclass(frozen=True)
class NextSlice:
    """The same phase goes on, from `cursor`, after `wait_seconds`."""

    cursor: Cursor
    wait_seconds: int = 0


@dataclass(frozen=True)
class WaitForBatch:
    """The same phase goes on, from `cursor`, when a provider's batch has ended; at `expires_at` that gives it up."""

    cursor: Cursor
    batch_id: str
    expires_at: datetime


@dataclass(frozen=True)
class NextPhase:
    """The phase is through; the one after it starts from `cursor`, one of its own, or from an empty one.

    After the last phase the scan is done.
    """

    cursor: Cursor | None = None


@dataclass(frozen=True)
class Fail:
    """The scan has failed, and `error` says why; what the slice wrote, used and warned of counts all the same."""

    error: str


@dataclass(frozen=True)
class Outcome:
    """The result of a slice, committed by the runner as one transaction.

    Counts that are None stay as they are; `progress` is what the scan shows until the phase's next slice; `warnings`
    are added to those of the slices before.
    """

    next: NextSlice | WaitForBatch | NextPhase | Fail
    writes: Sequence[Write] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    embedding_tokens: int = 0
    progress: Progress | None = None
    pr_count: int | None = None
    dupe_group_count: int | None = None
    warnings: Sequence[ScanWarning] = ()
