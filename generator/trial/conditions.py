"""The conditions of statements, made free: whoever wrote them may be lucky, and a check must not be.

A condition on anything but keys (`title = :word`, `stars > 4`, `meta ->> '$.public'`) depends on what the rows hold,
and some database holds a row that it lets through. So it becomes `may(n, condition)`, which a trial answers at will.
What says whose a row is stays as it is: conditions with :account_id or a subquery, and keys compared with keys or
parameters. Constants beside :account_id become `constant(...)`, which can also be the other account's id.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from generator.output.methods import ACCOUNT_PARAMETER
from generator.spec.sql import AFTER_FROM, JOIN, Token, tokens

_START = frozenset({"WHERE", "HAVING", "ON", "WHEN"})
_END = AFTER_FROM | JOIN | {"THEN", "ELSE", "END", "WHEN", "DO", "ON", "SET", "BEGIN"}
_SUBQUERY = frozenset({"SELECT", "VALUES"})
_ROW_IDS = frozenset({"rowid", "_rowid_", "oid"})
_NOT_NAMES = frozenset(
    {"AND", "OR", "NOT", "IS", "IN", "LIKE", "GLOB", "BETWEEN", "NULL", "DISTINCT", "FROM", "ESCAPE", "TRUE", "FALSE"}
    | {"CASE", "WHEN", "THEN", "ELSE", "END"}
)
_ITEM = frozenset({"value", "key", "atom"})

Span = tuple[int, int]


@dataclass(frozen=True)
class Loosened:
    """A statement whose conditions are free: how many there are, and whether it has constants that can be an id."""

    sql: str
    conditions: int
    has_constants: bool


@dataclass(frozen=True)
class Names:
    """The columns of a schema, and those of them that are keys; in small letters."""

    columns: Collection[str]
    keys: Collection[str]


def loosen(sql: str, names: Names, first: int = 0, *, in_program: bool = False) -> Loosened:
    """Free the conditions of a statement, counted from `first`; those of a view or trigger all have the number -1."""
    found = tokens(sql)
    spans = list(dict.fromkeys(span for region in _regions(found) for span in _atoms(found, *region)))
    free = [span for span in spans if _is_free(found, *span, names)]
    free = [span for span in free if not any(other != span and _holds(other, span) for other in free)]
    pieces: list[tuple[int, int, str]] = []
    for number, (low, high) in enumerate(free, start=first):
        start, end = found[low].offset, found[high - 1].offset + len(found[high - 1].text)
        # MATCH cannot stand inside of a function.
        given = "" if any(token.keyword == "MATCH" for token in found[low:high]) else f", {sql[start:end]}"
        pieces.append((start, end, f"may({-1 if in_program else number}{given})"))
    constants = [
        token
        for span in spans
        if span not in free and not in_program
        for token in _constants(found[span[0] : span[1]])
        if not any(start <= token.offset < end for start, end, _ in pieces)
    ]
    pieces += [
        (token.offset, token.offset + len(token.text), f"constant({token.text})") for token in dict.fromkeys(constants)
    ]
    for start, end, text in sorted(pieces, reverse=True):
        sql = f"{sql[:start]} {text} {sql[end:]}"
    return Loosened(sql, len(free), bool(constants))


def _regions(found: Sequence[Token]) -> Iterator[Span]:
    """Where conditions stand: behind WHERE, ON, HAVING, a searched CASE's WHEN, and first in iif(...)."""
    # The first ON of a trigger names its table.
    is_trigger = any(token.keyword == "TRIGGER" for token in found[1:3])
    header = next((index for index, token in enumerate(found) if is_trigger and token.keyword == "ON"), -1)
    for index, token in enumerate(found[:-1]):
        following = found[index + 1]
        if index == header:
            continue
        start = index + 1
        if (token.identifier or "").lower() in ("iif", "if") and following.text == "(":
            start = index + 2
        elif token.keyword not in _START or following.keyword == "CONFLICT" or _is_value_of_case(found, index):
            continue
        end = _end_of_region(found, start)
        # The WHERE of a conflict's target has to be that of an index.
        if end > start and not (end < len(found) and found[end].keyword == "DO"):
            yield start, end


def _end_of_region(found: Sequence[Token], start: int) -> int:
    depth, cases = found[start].depth if start < len(found) else 0, 0
    for index in range(start, len(found)):
        token = found[index]
        if token.depth < depth:
            return index
        if token.depth == depth and cases == 0 and (token.keyword in _END or token.text in (",", ";")):
            return index
        cases += (token.depth == depth) * ((token.keyword == "CASE") - (token.keyword == "END"))
    return len(found)


def _is_value_of_case(found: Sequence[Token], index: int) -> bool:
    """Whether a WHEN is of `CASE x WHEN value`, and so no condition."""
    if found[index].keyword != "WHEN":
        return False
    nested = 0
    for at in range(index - 1, -1, -1):
        nested += (found[at].keyword == "END") - (found[at].keyword == "CASE")
        if nested < 0:
            return found[at + 1].keyword != "WHEN"
    return False


def _atoms(found: Sequence[Token], low: int, high: int) -> Iterator[Span]:
    """The conditions between the ANDs, ORs, NOTs and brackets of a region."""
    depth, start, cases, between = found[low].depth, low, 0, False
    for index in range(low, high + 1):
        token = found[index] if index < high else None
        if token is not None and token.depth == depth:
            cases += (token.keyword == "CASE") - (token.keyword == "END")
            between = between or token.keyword == "BETWEEN"
        if token is None or (token.depth == depth and not cases and token.keyword in ("AND", "OR")):
            if token is not None and between and token.keyword == "AND":
                between = False
                continue
            yield from _inside(found, start, index)
            start = index + 1


def _inside(found: Sequence[Token], low: int, high: int) -> Iterator[Span]:
    while low < high and found[low].keyword == "NOT":
        low += 1
    if low >= high:
        return
    closing = next((i for i in range(low + 1, high) if found[i].text == ")" and found[i].depth == found[low].depth), -1)
    if found[low].text == "(" and closing == high - 1 > low + 1 and found[low + 1].keyword not in (*_SUBQUERY, "WITH"):
        yield from _atoms(found, low + 1, high - 1)
    else:
        yield low, high


def _is_free(found: Sequence[Token], low: int, high: int, names: Names) -> bool:
    atom = found[low:high]
    words = {token.keyword for token in atom}
    parameters = [token.text[1:] for token in atom if token.kind == "name"]
    if words & _SUBQUERY or ACCOUNT_PARAMETER in parameters:
        return False
    listed = any((token.identifier or "").lower() in ("json_each", "json_tree") for token in found)
    used = {name for name in _names(found, low, high) if not (listed and name in _ITEM)}
    columns = used & {*names.columns, *_ROW_IDS}
    if not columns:
        # A parameter is compared with null only, or with what the rows of the trial cannot decide.
        return bool(parameters or used or _calls(atom)) and not (words & {"NULL", "ISNULL", "NOTNULL"})
    is_equality = "IN" in words or any(token.text in ("=", "==") for token in atom) or "IS" in words
    negated = (
        "NOT" in words or "NULL" in words or any(token.text in ("<>", "!=", "<", ">", "<=", ">=") for token in atom)
    )
    only_keys = columns <= {*names.keys, *_ROW_IDS}
    has_partner = bool(parameters) or len(_names(found, low, high)) > 1 or "last_insert_rowid" in _calls(atom)
    return not (is_equality and not negated and only_keys and has_partner)


def _names(found: Sequence[Token], low: int, high: int) -> list[str]:
    """The columns that are mentioned: names that are no function and no table's."""
    return [
        (token.identifier or "").lower()
        for index, token in enumerate(found[low:high], start=low)
        if token.identifier
        and token.keyword not in _NOT_NAMES
        and not (index + 1 < len(found) and found[index + 1].text in ("(", "."))
    ]


def _calls(atom: Sequence[Token]) -> list[str]:
    return [
        (token.identifier or "").lower()
        for token, following in pairwise(atom)
        if token.identifier and following.text == "("
    ]


def _constants(atom: Sequence[Token]) -> list[Token]:
    """The numbers that stand beside :account_id."""
    if not any(token.text == f":{ACCOUNT_PARAMETER}" for token in atom) or {t.keyword for t in atom} & _SUBQUERY:
        return []
    return [token for token in atom if token.kind == "number"]


def _holds(outer: Span, inner: Span) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]
