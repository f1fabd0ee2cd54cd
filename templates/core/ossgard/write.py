"""A write that waits to be committed with others, the same on every host."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Write:
    """A call of the database method `method` (its camelCase name), for `Database.batch`."""

    method: str
    parameters: tuple[object, ...]
