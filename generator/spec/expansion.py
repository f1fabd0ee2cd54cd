"""Column lists that a statement does not spell out: `*` and `{Entity from alias}` become the entity's columns.

An entity's columns stand once, in `entities`. Findings are still shown where the author wrote: every piece of an
expanded text knows where it comes from.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from generator.diagnostics import did_you_mean
from generator.spec.database import EntitySpec, MethodSpec
from generator.spec.sql import result_expressions, tokens
from generator.spec.types import SCALARS

_LIST = re.compile(r"\{\s*([A-Za-z][A-Za-z0-9_]*)\s+from\s+([A-Za-z_][A-Za-z0-9_]*)\s*\}")
_WIDTH = 118


@dataclass(frozen=True)
class Piece:
    """A column list in an expanded text, and what it stands for in the text as it was written."""

    start: int
    end: int
    written_start: int
    written_end: int
    is_star: bool


@dataclass(frozen=True)
class Expansion:
    """A statement with its column lists spelled out; `pieces` in order."""

    sql: str
    pieces: Sequence[Piece] = ()

    def written(self, offset: int) -> int:
        """Where in the text as it was written an offset of the expanded text comes from."""
        moved = 0
        for piece in self.pieces:
            if offset < piece.start:
                break
            if offset < piece.end:
                return piece.written_start
            moved = piece.written_end - piece.end
        return offset + moved


class ExpansionError(Exception):
    """A column list names no entity: what, where in the text, and the way out."""

    def __init__(self, message: str, hint: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.offset = offset


def expand(method: MethodSpec, sql: str, entities: Mapping[str, EntitySpec]) -> Expansion:
    """Spell out the column lists of one of a method's statements.

    `{Entity from alias}` is the entity's columns, each from the alias. A `*` or `alias.*` that is the whole result
    stands for all columns of the method's entity, in its order.

    Raises:
        ExpansionError: there is no such entity.
    """
    found: list[tuple[int, int, str, str, bool]] = []
    texts = [
        (token.offset, token.offset + len(token.text)) for token in tokens(sql) if token.kind in ("text", "quoted")
    ]
    for match in _LIST.finditer(sql):
        if any(start < match.start() < end for start, end in texts):
            continue
        if match[1] not in entities:
            hint = did_you_mean(match[1], entities)
            raise ExpansionError(f"there is no entity '{match[1]}'", hint, match.start(1))
        found.append((match.start(), match.end(), match[1], f"{match[2]}.", False))
    result = method.result_type
    star = _star(sql)
    if star is not None and result is not None and result.name in entities and result.name not in SCALARS:
        start, end = star
        found.append((start, end, result.name, sql[start:end].removesuffix("*"), True))
    return _replace(sql, sorted(found), entities)


def _star(sql: str) -> tuple[int, int] | None:
    """Where the `*` or `alias.*` stands that is the whole result; None when there is none."""
    expressions = result_expressions(sql)
    if len(expressions) != 1 or not expressions[0] or expressions[0][-1].text != "*":
        return None
    first, last = expressions[0][0], expressions[0][-1]
    is_qualified = len(expressions[0]) == 3 and first.identifier is not None and expressions[0][1].text == "."
    return (first.offset, last.offset + 1) if len(expressions[0]) == 1 or is_qualified else None


def _replace(
    sql: str, found: Sequence[tuple[int, int, str, str, bool]], entities: Mapping[str, EntitySpec]
) -> Expansion:
    text, pieces, done = "", [], 0
    for start, end, entity, prefix, is_star in found:
        text += sql[done:start]
        column = len(text) - (text.rfind("\n") + 1)
        listed = _listed([prefix + name for name in entities[entity].columns], column)
        pieces.append(Piece(len(text), len(text) + len(listed), start, end, is_star))
        text += listed
        done = end
    return Expansion(text + sql[done:], tuple(pieces))


def _listed(names: Sequence[str], column: int) -> str:
    """Names separated by commas, in lines that begin at the column of the first."""
    lines = [names[0]]
    for name in names[1:]:
        if column + len(lines[-1]) + len(name) + len(", ,") > _WIDTH:
            lines.append(name)
        else:
            lines[-1] += f", {name}"
    return f",\n{' ' * column}".join(lines)
