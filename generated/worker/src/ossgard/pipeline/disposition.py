"""What a queue is to do with a message that the runner has handled."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Done:
    """The message is dealt with."""


@dataclass(frozen=True)
class Retry:
    """Deliver the message again after some seconds: it came too early, or nothing could be noted down about it."""

    after_seconds: int
    error: str


@dataclass(frozen=True)
class Failed:
    """The message is dealt with, badly; its scan has been told."""

    error: str


Disposition = Done | Retry | Failed
