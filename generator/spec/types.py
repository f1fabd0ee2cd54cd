"""The type expressions of the spec: `T`, `T?`, `T[]`, and their spelling in each target language."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SCALARS = {
    "text": ("str", "string", "string"),
    "integer": ("int", "number", "integer"),
    "real": ("float", "number", "number"),
    "boolean": ("bool", "boolean", "boolean"),
}
JSON = "json"
_EXPRESSION = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<list>\[\])?(?P<nullable>\?)?")
# The same for JSON Schema.
TYPE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*(\[\])?\??$"


@dataclass(frozen=True)
class TypeExpression:
    """A type: a scalar, `json`, or the name of an enum, record, entity or model; perhaps listed, perhaps nullable."""

    name: str
    is_list: bool = False
    nullable: bool = False

    @property
    def is_scalar(self) -> bool:
        return self.name in SCALARS and not self.is_list

    @property
    def python(self) -> str:
        base = SCALARS[self.name][0] if self.name in SCALARS else "JsonObject" if self.name == JSON else self.name
        base = f"list[{base}]" if self.is_list else base
        return f"{base} | None" if self.nullable else base

    @property
    def python_parameter(self) -> str:
        """As a parameter: a list is any sequence."""
        return self.python.replace("list[", "Sequence[", 1) if self.is_list else self.python

    @property
    def typescript(self) -> str:
        base = SCALARS[self.name][1] if self.name in SCALARS else "JsonObject" if self.name == JSON else self.name
        base = f"{base}[]" if self.is_list else base
        return f"{base} | null" if self.nullable else base

    @property
    def without_null(self) -> "TypeExpression":
        return TypeExpression(self.name, self.is_list)

    @property
    def item(self) -> "TypeExpression":
        return TypeExpression(self.name)

    def __str__(self) -> str:
        return f"{self.name}{'[]' if self.is_list else ''}{'?' if self.nullable else ''}"


def definition_order(mentions: Mapping[str, Sequence[str]]) -> list[str]:
    """The names as they stand, except that what one mentions comes before it."""
    ordered: dict[str, None] = {}

    def place(name: str) -> None:
        if name in mentions and name not in ordered:
            for mentioned in mentions[name]:
                place(mentioned)
            ordered[name] = None

    for name in mentions:
        place(name)
    return list(ordered)


def parse_type(text: str) -> TypeExpression:
    """Read a type expression.

    Raises:
        ValueError: the text is not of the form `T`, `T?`, `T[]` or `T[]?`.
    """
    match = _EXPRESSION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a type: write T, T?, T[] or T[]?, where T is a name")
    return TypeExpression(match["name"], match["list"] is not None, match["nullable"] is not None)
