"""SQL as text: its parameters, their numbering, whether it returns rows. Nothing here parses SQL beyond its tokens."""

import re
import textwrap
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(
    r"(?P<skip>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/)"
    r"|(?<!:):(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<other>\?\d*|[@$][A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)",
    re.S,
)


@dataclass(frozen=True)
class Statement:
    """A statement with numbered parameters: `order[i]` is the name of the parameter that `?i+1` stands for."""

    sql: str
    order: tuple[str, ...]
    returns_rows: bool
    is_write: bool


@dataclass(frozen=True)
class Occurrence:
    """A parameter in a statement's text."""

    name: str
    offset: int


def parameters(sql: str) -> list[Occurrence]:
    """Every `:name` in the text, in order."""
    return [Occurrence(match["name"], match.start()) for match in _TOKEN.finditer(sql) if match["name"]]


def foreign_parameters(sql: str) -> list[Occurrence]:
    """Every parameter that is not written `:name` (`?`, `@name`, `$name`), in order."""
    return [Occurrence(match["other"], match.start()) for match in _TOKEN.finditer(sql) if match["other"]]


@lru_cache(maxsize=4096)
def number(sql: str) -> Statement:
    """Turn `:name` into `?1`, `?2`, ... by first appearance; D1 knows no names."""
    order: list[str] = []

    def replace(match: re.Match[str]) -> str:
        name = match["name"]
        if not name:
            return match[0]
        if name not in order:
            order.append(name)
        return f"?{order.index(name) + 1}"

    text = _TOKEN.sub(replace, tidy(sql))
    tokens = [match["word"].upper() for match in _TOKEN.finditer(sql) if match["word"]]
    first = tokens[0] if tokens else ""
    main = next((word for word in tokens if word in ("INSERT", "UPDATE", "DELETE", "REPLACE")), "")
    is_write = first != "SELECT" and bool(main)
    return Statement(text, tuple(order), not is_write or "RETURNING" in tokens, is_write)


def tidy(sql: str) -> str:
    """The statement without outer space, final semicolon and common indentation."""
    return textwrap.dedent(sql).strip().removesuffix(";").rstrip()
