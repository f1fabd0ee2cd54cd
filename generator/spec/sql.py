"""SQL as text: its tokens, parameters, numbering, tables and result columns. Nothing here parses expressions."""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

# What SQLite takes for a letter, and what may follow one in a name.
_LETTER = r"A-Za-z_\u0080-\U0010ffff"
_NAME = rf"[{_LETTER}0-9$]"
_TOKEN = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<text>'(?:[^']|'')*')|(?P<quoted>\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\])"
    rf"|(?<!:):(?P<name>{_NAME}+)|(?P<other>\?\d*|[@$]{_NAME}+)"
    rf"|(?P<word>[{_LETTER}]{_NAME}*)|(?P<number>\d+(?:\.\d+)?)|(?P<operator>->>|->|<=|>=|<>|!=|==|\|\||[^\s])",
    re.S,
)
WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE"})


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


@dataclass(frozen=True)
class Token:
    """A piece of SQL.

    `depth` counts the brackets that it stands in; `keyword` is a word in capitals, empty for what is not a word.
    """

    kind: str
    text: str
    offset: int
    depth: int
    keyword: str

    @property
    def identifier(self) -> str | None:
        """The name that a word or a quoted name stands for."""
        if self.kind == "word":
            return self.text
        return self.text[1:-1].replace('""', '"') if self.kind == "quoted" else None


@lru_cache(maxsize=4096)
def tokens(sql: str) -> Sequence[Token]:
    """The tokens of a statement without its comments; an opening bracket has the depth outside it."""
    found = []
    depth = 0
    for match in _TOKEN.finditer(sql):
        kind = str(match.lastgroup)
        depth -= match[0] == ")"
        if kind != "comment":
            keyword = match[0].upper() if kind == "word" else ""
            found.append(Token(kind, match[0], match.start(), depth, keyword))
        depth += match[0] == "("
    return tuple(found)


def parameters(sql: str) -> list[Occurrence]:
    """Every `:name` in the text, in order."""
    return [Occurrence(token.text[1:], token.offset) for token in tokens(sql) if token.kind == "name"]


def foreign_parameters(sql: str) -> list[Occurrence]:
    """Every parameter that is not written `:name` (`?`, `@name`, `$name`), in order."""
    return [Occurrence(token.text, token.offset) for token in tokens(sql) if token.kind == "other"]


@lru_cache(maxsize=4096)
def verb(sql: str) -> str:
    """What the statement does: its first word, or what follows the WITH clause."""
    outer = [token.keyword for token in tokens(sql) if token.depth == 0 and token.keyword]
    if outer[:1] == ["WITH"]:
        return next((word for word in outer if word in WRITES or word in ("SELECT", "VALUES")), "WITH")
    return outer[0] if outer else ""


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
    is_write = verb(sql) in WRITES
    returns = any(token.keyword == "RETURNING" and token.depth == 0 for token in tokens(sql))
    return Statement(text, tuple(order), not is_write or returns, is_write)


def tidy(sql: str) -> str:
    """The statement without outer space, final semicolon and common indentation."""
    return textwrap.dedent(sql).strip().removesuffix(";").rstrip()


@dataclass(frozen=True)
class Source:
    """A table of a FROM clause, by its name and alias; `optional` when an outer join can leave its columns null."""

    table: str
    alias: str
    optional: bool


JOIN = frozenset({"NATURAL", "LEFT", "RIGHT", "FULL", "OUTER", "INNER", "CROSS", "JOIN"})
AFTER_FROM = frozenset(
    {"WHERE", "GROUP", "HAVING", "WINDOW", "ORDER", "LIMIT", "UNION", "INTERSECT", "EXCEPT", "RETURNING"}
)
_AFTER_TABLE = JOIN | AFTER_FROM | {"ON", "USING", "INDEXED", "NOT"}


def is_compound(sql: str) -> bool:
    """Whether several SELECTs make up the result."""
    return any(token.depth == 0 and token.keyword in ("UNION", "INTERSECT", "EXCEPT") for token in tokens(sql))


@lru_cache(maxsize=4096)
def result_expressions(sql: str) -> Sequence[Sequence[Token]]:
    """The tokens of each expression between SELECT and FROM, or after RETURNING."""
    outer = tokens(sql)
    first = "RETURNING" if verb(sql) in WRITES else "SELECT"
    starts = (index for index, token in enumerate(outer) if token.depth == 0 and token.keyword == first)
    start = next(starts, len(outer))
    expressions: list[list[Token]] = [[]]
    for token in outer[start + 1 :]:
        if token.depth == 0 and (token.keyword == "FROM" or token.keyword in AFTER_FROM or token.text == ";"):
            break
        if token.depth == 0 and token.text == ",":
            expressions.append([])
        else:
            expressions[-1].append(token)
    return expressions


def sources(sql: str) -> list[Source]:
    """The FROM clause of a SELECT; subqueries have no table name."""
    outer = [token for token in tokens(sql) if token.depth == 0]
    if verb(sql) != "SELECT":
        return []
    start = next((index for index, token in enumerate(outer) if token.keyword == "SELECT"), 0)
    start = next((index for index, token in enumerate(outer) if index > start and token.keyword == "FROM"), len(outer))
    found: list[Source] = []
    join: set[str] = set()
    expecting = True
    clause = outer[start + 1 :]
    index = 0
    while index < len(clause):
        token = clause[index]
        if token.keyword in AFTER_FROM or token.text == ";":
            break
        if token.text == "," or token.keyword in JOIN:
            join = {token.keyword} if expecting is False or token.text == "," else join | {token.keyword}
            expecting = True
        elif expecting:
            expecting = False
            table = token.identifier or ""
            index += 1
            if index + 1 < len(clause) and clause[index].text == ".":
                table = clause[index + 1].identifier or ""
                index += 2
            while index < len(clause) and (clause[index].text in "()" or clause[index].keyword == "AS"):
                table = "" if clause[index].text in "()" else table
                index += 1
            alias = table
            if index < len(clause) and clause[index].identifier and clause[index].keyword not in _AFTER_TABLE:
                alias = clause[index].identifier or alias
                index += 1
            if join & {"RIGHT", "FULL"}:
                found = [Source(source.table, source.alias, True) for source in found]
            found.append(Source(table, alias, bool(join & {"LEFT", "FULL"})))
            continue
        index += 1
    return found


def order_by(sql: str) -> list[Token]:
    """The tokens of the outer ORDER BY's first term."""
    outer = [token for token in tokens(sql) if token.depth == 0]
    starts = [index for index, token in enumerate(outer) if token.keyword == "ORDER"]
    term: list[Token] = []
    for token in outer[starts[-1] + 2 :] if starts else []:
        if token.text in (",", ";") or token.keyword == "LIMIT":
            break
        term.append(token)
    return term
