"""How far a phase is with its batches: one state after the other, kept in the phase's cursor as `batch`.

`Claimed` -> `Submitted` -> `Claimed`, the next round, or `Failing`; `Over` after the last round. A phase that has begun
no round has no state. What is kept names no state, since its fields tell.
"""

from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from ossgard.cursor import Kept, dump, load
from ossgard.errors import PermanentError
from ossgard.model import JsonObject


@dataclass(frozen=True, kw_only=True)
class _Round(Kept):
    """What every state of a round knows; `claim` is the round's key, `after` the position after which it begins."""

    claim: str
    claimed_at: str
    # Provider and model that the round is for.
    model: str = ""
    after: int = 0
    # How many items have come back in the rounds so far.
    done: int = 0
    # Lowered when the provider names a limit.
    tokens_limit: int | None = None
    room_waits: int = 0
    # What requests leave out, since the model has refused it.
    left_out: tuple[str, ...] = ()
    # Batches that looked like ours, and were not.
    foreign: tuple[str, ...] = ()
    # By when our own was submitted at the latest, if it was, and one of those was taken for it.
    tried_at: str | None = None

    def as_round(self) -> dict[str, Any]:
        """These fields, for another state of the round."""
        return {field.name: getattr(self, field.name) for field in fields(_Round)}


@dataclass(frozen=True, kw_only=True)
class Claimed(_Round):
    """A round has its key, and no batch that is known."""


@dataclass(frozen=True, kw_only=True)
class Submitted(_Round):
    """The provider has accepted the round's batch, `id`."""

    id: str
    # Whether the batch was found at the provider, so that it may be another's.
    found: bool = False
    submitted_at: str
    # The round's last position; None: it holds all the rest.
    until: int | None = None
    tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Failing(_Round):
    """The scan is about to fail, since the results that there are have been stored; `problem` says why."""

    problem: str


@dataclass(frozen=True, kw_only=True)
class Over(Kept):
    """There are no more rounds: what they have left open is asked in the ordinary way."""


Round: TypeAlias = Claimed | Submitted | Failing
RoundState: TypeAlias = Round | Over


def state_of(batch: JsonObject | None) -> RoundState | None:
    """The state that a phase's cursor holds, if any.

    Raises:
        PermanentError: it cannot be read, and why.
    """
    return None if batch is None else load(_type_of(batch), batch)


def kept_state(cursor: JsonObject | None) -> RoundState | None:
    """The same of a stored cursor, whatever phase it is of."""
    batch = (cursor or {}).get("batch")
    if batch is not None and not isinstance(batch, dict):
        raise PermanentError("The scan cannot go on from what it has kept: 'batch' is no object. Start the scan again")
    return state_of(batch)


def kept(state: RoundState) -> JsonObject:
    """A state as a phase's cursor holds it."""
    return dump(state)


def _type_of(batch: JsonObject) -> type[RoundState]:
    if not batch.get("claim"):
        return Over
    if batch.get("problem"):
        return Failing
    return Claimed if batch.get("id") is None else Submitted
