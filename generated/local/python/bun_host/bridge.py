"""Calls into the TypeScript side: JSON in, JSON out, errors as the core knows them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from ossgard import json_text
from ossgard.errors import ConstraintError, DatabaseError, DatabaseUnavailable
from ossgard.sql_methods import MAX_INTEGER, plain, to_json
from ossgard.write import Write

M = TypeVar("M", bound=BaseModel)
V = TypeVar("V", int, float, str, bool)

_ERRORS: Mapping[str, Callable[[str], DatabaseError]] = {
    "constraint": ConstraintError,
    "unavailable": DatabaseUnavailable,
}

# Takes a method's name and its arguments as a JSON list; answers {"ok": value} or {"error": {"kind", "message"}}.
Call = Callable[[str, str], Awaitable[str]]


class Bridge:
    """The database methods of the TypeScript side."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def commit(self, writes: Sequence[Write]) -> None:
        sent = [{"method": write.method, "parameters": plain(write.parameters)} for write in writes]
        await self._send("batch", [sent])

    async def run(self, method: str, *parameters: object) -> int:
        if _out_of_range(parameters):
            return 0
        return int(await self._send(method, parameters) or 0)

    async def one(self, model: type[M], method: str, *parameters: object) -> M:
        found = await self.first(model, method, *parameters)
        if found is None:
            raise DatabaseError(f"no {model.__name__} came back: a parameter is out of range, or its owner is gone")
        return found

    async def first(self, model: type[M], method: str, *parameters: object) -> M | None:
        if _out_of_range(parameters):
            return None
        found = await self._send(method, parameters)
        return None if found is None else model.model_validate(found)

    async def many(self, model: type[M], method: str, *parameters: object) -> list[M]:
        if _out_of_range(parameters):
            return []
        return [model.model_validate(item) for item in await self._send(method, parameters)]

    async def value(self, kind: Callable[[Any], V], method: str, *parameters: object) -> V:
        value = await self.first_value(kind, method, *parameters)
        if value is None:
            raise DatabaseError("no value came back: a parameter is out of range")
        return value

    async def first_value(self, kind: Callable[[Any], V], method: str, *parameters: object) -> V | None:
        if _out_of_range(parameters):
            return None
        value = await self._send(method, parameters)
        return None if value is None else kind(value)

    async def values(self, kind: Callable[[Any], V], method: str, *parameters: object) -> list[V]:
        if _out_of_range(parameters):
            return []
        return [kind(value) for value in await self._send(method, parameters)]

    async def _send(self, method: str, parameters: Sequence[object]) -> Any:
        answer = json_text.decode(await self._call(method, to_json(plain(parameters))))
        if "error" not in answer:
            return answer.get("ok")
        error = _ERRORS.get(answer["error"]["kind"], DatabaseError)
        raise error(str(answer["error"]["message"]))


def _out_of_range(parameters: Sequence[object]) -> bool:
    """Whether an integer is one that JSON would round and no row can hold."""
    return any(isinstance(value, int) and abs(value) >= MAX_INTEGER for value in parameters)
