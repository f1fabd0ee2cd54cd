"""What is kept of a scan's progress between its slices: frozen, and in JSON without what has its default."""

from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from ossgard.errors import PermanentError
from ossgard.model import JsonObject
from ossgard.validation import problems

T = TypeVar("T", bound="Kept")


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The base of what is kept; its wire names are camelCase, and keys that it does not know are ignored."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(alias_generator=to_camel, extra="ignore")


@dataclass(frozen=True, kw_only=True)
class Cursor(Kept):
    """Where a phase goes on: what a slice leaves to the next one."""


@dataclass(frozen=True, kw_only=True)
class BatchCursor(Cursor):
    """The cursor of a phase that can ask in batches; `batch` is how far it is with them (`pipeline.batch.states`)."""

    batch: JsonObject | None = None


# Made when they are needed first, since that takes time.
_adapters: dict[type[Kept], TypeAdapter[Any]] = {}


def _adapter(kind: type[Kept]) -> TypeAdapter[Any]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def load(kind: type[T], value: JsonObject) -> T:
    """What was kept.

    Raises:
        PermanentError: it is none of this type, and why.
    """
    try:
        loaded: T = _adapter(kind).validate_python(value)
    except ValidationError as error:
        raise PermanentError(
            f"The scan cannot go on from what it has kept ({kind.__name__}): {'; '.join(problems(error))}. "
            "Start the scan again"
        ) from None
    return loaded


def dump(kept: Kept) -> JsonObject:
    """What is kept, as JSON has it."""
    dumped: JsonObject = _adapter(type(kept)).dump_python(kept, mode="json", by_alias=True, exclude_defaults=True)
    return dumped
