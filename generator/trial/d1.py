"""SQLite as D1 has it: its limits, set on the connections that check, and the functions that it offers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import apsw

from generator.spec.bindings import BindingsSpec
from generator.spec.sql import Token, tokens

# SQLite's limit, the one of bindings.yaml, and what to do about a statement that is over it.
_LIMITS = (
    (apsw.SQLITE_LIMIT_COMPOUND_SELECT, "d1_compound_terms", "nest some of them: SELECT * FROM (... UNION ALL ...)"),
    (apsw.SQLITE_LIMIT_COLUMN, "d1_columns", "use fewer, or keep some of them in one JSON column"),
    (apsw.SQLITE_LIMIT_EXPR_DEPTH, "d1_expression_depth", "shorten it: IN (...) in place of a chain of ORs"),
    (apsw.SQLITE_LIMIT_FUNCTION_ARG, "d1_function_arguments", "call it twice, one call inside the other"),
    (apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, "d1_pattern_bytes", "use instr(), or a shorter pattern"),
    (apsw.SQLITE_LIMIT_VARIABLE_NUMBER, "d1_bound_parameters", "send them as one record or list"),
    (apsw.SQLITE_LIMIT_LENGTH, "d1_value_bytes", "make it smaller"),
    (apsw.SQLITE_LIMIT_SQL_LENGTH, "d1_statement_bytes", "split it"),
)
# How SQLite says that a statement is over a limit.
_OVER = (
    ("too many terms in compound SELECT", "d1_compound_terms"),
    ("too many columns", "d1_columns"),
    ("Expression tree is too large", "d1_expression_depth"),
    ("too many arguments on function", "d1_function_arguments"),
    ("pattern too complex", "d1_pattern_bytes"),
)
# The checks' own wrapping takes some of these, so a connection that runs freed conditions has SQLite's own again.
_WRAPPING = (apsw.SQLITE_LIMIT_EXPR_DEPTH, apsw.SQLITE_LIMIT_FUNCTION_ARG, apsw.SQLITE_LIMIT_SQL_LENGTH)
_PREFIX = len("EXPLAIN ")
# What stands before a name that opens a list of columns and calls nothing.
_BEFORE_TABLE = frozenset(
    {"INTO", "TABLE", "FROM", "JOIN", "REFERENCES", "VIEW", "WITH", "RECURSIVE", "EXISTS", "USING"}
)
_ARITY = re.compile(r"(?P<least>\d+)(?:-(?P<most>\d+)|(?P<open>\+))?")


@dataclass(frozen=True)
class Arity:
    """How many arguments a function takes; without `most`, any number from `least` on."""

    least: int
    most: int | None

    def __contains__(self, count: object) -> bool:
        return isinstance(count, int) and self.least <= count and (self.most is None or count <= self.most)

    def covers(self, other: "Arity") -> bool:
        """Whether all that the other takes is taken."""
        return other.least in self and (self.most is None if other.most is None else other.most in self)

    def joined(self, other: "Arity") -> "Arity":
        """What either takes."""
        most = None if self.most is None or other.most is None else max(self.most, other.most)
        return Arity(min(self.least, other.least), most)

    def __str__(self) -> str:
        if self.most is None:
            return f"{self.least} or more arguments"
        if self.least != self.most:
            return f"{self.least} to {self.most} arguments"
        return "1 argument" if self.least == 1 else f"{self.least} arguments"


@dataclass(frozen=True)
class Refusal:
    """What D1 refuses, where in a statement, and the way out."""

    offset: int
    message: str
    hint: str


class D1:
    """What D1 takes.

    Args:
        bindings: its limits and functions.
    """

    def __init__(self, bindings: BindingsSpec) -> None:
        self.limits = bindings.limits
        self.functions = {name: read_arity(arity) for arity, names in bindings.d1_functions.items() for name in names}
        ours = sqlite_functions()
        self.unknown = set(ours) - set(self.functions)
        # The others' arguments are counted by SQLite itself, which tells calls from all else.
        self.narrower = {name for name, arity in self.functions.items() if not arity.covers(ours.get(name, arity))}

    def constrain(self, connection: apsw.Connection) -> None:
        """Give a connection D1's limits; an EXPLAIN may stand before a statement of the full size."""
        for limit, name, _ in _LIMITS:
            connection.limit(limit, getattr(self.limits, name))
        connection.limit(apsw.SQLITE_LIMIT_SQL_LENGTH, self.limits.d1_statement_bytes + _PREFIX)

    def refusal(self, sql: str) -> Refusal | None:
        """The first call or pattern of a statement that SQLite takes and D1 does not; bodies of triggers count too."""
        found = tokens(sql)
        for index, token in enumerate(found):
            name = (token.identifier or "").lower()
            if name in ("like", "glob") and (refusal := self._refused_pattern(found, index)):
                return refusal
            if not _is_call(found, index):
                continue
            if name in self.unknown:
                shorter = [known for known in self.functions if len(known) > 2 and name.startswith(known)]
                hint = f"did you mean '{max(shorter, key=len)}'?" if shorter else "bindings.yaml lists what it has"
                return Refusal(token.offset, f"D1 has no function '{name}'", hint)
            count = _count_arguments(found, index + 1)
            if name in self.narrower and count not in self.functions[name]:
                message = f"{name}() takes {self.functions[name]} in D1, and has {count} here"
                return Refusal(token.offset, message, "the SQLite of D1 is an older one; spell it out")
        return None

    def _refused_pattern(self, found: Sequence[Token], index: int) -> Refusal | None:
        token = next((token for token in found[index + 1 :] if token.text != "("), found[index])
        size = len(token.text[1:-1].replace("''", "'").encode())
        if token.kind != "text" or size <= self.limits.d1_pattern_bytes:
            return None
        message, hint = self._over("d1_pattern_bytes", f"a pattern of {size} bytes")
        return Refusal(token.offset, message, hint)

    def explain(self, error: str) -> tuple[str, str] | None:
        """An error of SQLite that is about a limit of D1, in its words; None for any other."""
        return next((self._over(name, error) for words, name in _OVER if words in error), None)

    def _over(self, name: str, problem: str) -> tuple[str, str]:
        hint = next(hint for _, known, hint in _LIMITS if known == name)
        return f"D1 refuses it: {problem} ({name} is {getattr(self.limits, name)})", hint


def loosen_limits(connection: apsw.Connection) -> None:
    """Let a connection run statements that the checks have wrapped: they are deeper and longer than what is written."""
    fresh = apsw.Connection(":memory:")
    for limit in _WRAPPING:
        connection.limit(limit, fresh.limit(limit, -1))


def copy_limits(source: apsw.Connection, target: apsw.Connection) -> None:
    """Give a connection the limits of another."""
    for limit, _, _ in _LIMITS:
        target.limit(limit, source.limit(limit, -1))


def sqlite_functions() -> dict[str, Arity]:
    """The functions of the SQLite that checks, each with the most that it takes."""
    found: dict[str, Arity] = {}
    for name, count in apsw.Connection(":memory:").execute("SELECT name, narg FROM pragma_function_list"):
        # -1: any number of arguments; -2 less the smallest number: that or more.
        arity = Arity(count, count) if count >= 0 else Arity(max(0, -2 - count), None)
        found[str(name)] = arity.joined(found.get(str(name), arity))
    return found


def read_arity(text: str) -> Arity:
    """`2`, `1-3` or `2+`."""
    match = _ARITY.fullmatch(text)
    assert match is not None, text
    least = int(match["least"])
    return Arity(least, None if match["open"] else int(match["most"] or least))


def _is_call(found: Sequence[Token], index: int) -> bool:
    """Whether a name and a bracket call a function, as far as the text tells."""
    if not found[index].identifier or index + 1 >= len(found) or found[index + 1].text != "(":
        return False
    before = found[index - 1] if index else found[index]
    of_an_index = before.keyword == "ON" and "INDEX" in [token.keyword for token in found[:3]]
    return before.keyword not in _BEFORE_TABLE and before.text != "." and not of_an_index


def _count_arguments(found: Sequence[Token], opening: int) -> int:
    """The arguments between the bracket at `opening` and the one that closes it."""
    depth, count, is_empty = found[opening].depth, 1, True
    for token in found[opening + 1 :]:
        if token.text == ")" and token.depth == depth:
            break
        is_empty = False
        count += token.text == "," and token.depth == depth + 1
    return 0 if is_empty else count
