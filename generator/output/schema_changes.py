"""How JSON Schemas of an OpenAPI document differ: what fits the one and not the other."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

Schema = dict[str, Any]
# Constraint: whether a larger value is the stricter one, and how it is said.
_BOUNDS = {
    "minimum": (True, "at least"),
    "maximum": (False, "at most"),
    "minLength": (True, "at least this long:"),
    "maxLength": (False, "at most this long:"),
    "minItems": (True, "at least so many:"),
    "maxItems": (False, "at most so many:"),
}


@dataclass(frozen=True)
class Misfit:
    """Where a value can be something that is not expected: its path, what it can be, what is expected."""

    path: str
    given: str
    expected: str


@dataclass(frozen=True)
class Typed:
    """A schema of an OpenAPI document; readers of answers miss even a field that may be absent."""

    document: Schema
    schema: Schema
    is_answer: bool = False

    def at(self, schema: Schema) -> "Typed":
        return replace(self, schema=schema)

    def alternatives(self) -> Iterator["Typed"]:
        """The schema without references, one for each type that it allows."""
        schema = self.schema
        while "$ref" in schema:
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            name = schema["$ref"].rsplit("/", 1)[-1]
            schema = {**self.document["components"]["schemas"][name], **rest}
        if "anyOf" in schema:
            for one in schema["anyOf"]:
                yield from self.at(one).alternatives()
        elif isinstance(schema.get("type"), list):
            yield from (self.at({**schema, "type": type_}) for type_ in schema["type"])
        else:
            yield self.at(schema)


def misfits(given: Typed, expected: Typed, path: str) -> Iterator[Misfit]:
    """Where a value that fits `given` does not fit `expected`; fields of answers that nobody expects are no misfits."""
    for one in given.alternatives():
        found = [list(_misfits(one.schema, one, other, path)) for other in expected.alternatives()]
        if found and all(found):
            # The closest alternative says best what is wrong.
            same = [each for each in found if each[0].path != path]
            yield from min(same or found, key=len)


def _misfits(own: Schema, given: Typed, expected: Typed, path: str) -> Iterator[Misfit]:
    other = expected.schema
    if "enum" in own and "enum" in other:
        for value in own["enum"]:
            if value not in other["enum"]:
                yield Misfit(path, repr(value), f"one of {', '.join(map(str, other['enum']))}")
        return
    if "enum" in other:
        yield Misfit(path, _name(own), f"one of {', '.join(map(str, other['enum']))}")
        return
    if own.get("type") != other.get("type") and (own.get("type"), other.get("type")) != ("integer", "number"):
        yield Misfit(path, _name(own), _name(other))
        return
    if own.get("type") == "null":
        return
    for bound, (larger_is_stricter, said) in _BOUNDS.items():
        limit, was = other.get(bound), own.get(bound)
        if limit is not None and (was is None or (limit > was if larger_is_stricter else limit < was)):
            yield Misfit(path, "anything" if was is None else f"{said} {was}", f"{said} {limit}")
    if "pattern" in other and own.get("pattern") != other["pattern"]:
        yield Misfit(path, f"like {own.get('pattern', 'anything')}", f"like {other['pattern']}")
    for value in other.get("not", {}).get("enum", []):
        if value not in own.get("not", {}).get("enum", []):
            yield Misfit(path, repr(value), f"not {value!r}")
    if own.get("type") == "array" and "items" in other:
        yield from misfits(given.at(own["items"]), expected.at(other["items"]), f"{path}[]")
    if own.get("type") == "object":
        yield from _in_fields(own, given, expected, path)


def _in_fields(own: Schema, given: Typed, expected: Typed, path: str) -> Iterator[Misfit]:
    fields, others = own.get("properties", {}), expected.schema.get("properties", {})
    required, wanted = own.get("required", []), expected.schema.get("required", [])
    for name, schema in others.items():
        if name in wanted and name not in required:
            yield Misfit(f"{path}.{name}", "left out", "there")
        elif name in fields:
            yield from misfits(given.at(fields[name]), expected.at(schema), f"{path}.{name}")
        elif given.is_answer:
            yield Misfit(f"{path}.{name}", "left out", "known")
    for name in fields:
        if name not in others and others and not given.is_answer:
            yield Misfit(f"{path}.{name}", "there", "left out")


def _name(schema: Schema) -> str:
    return str(schema.get("type", "one of " + ", ".join(map(str, schema.get("enum", ["anything"])))))
