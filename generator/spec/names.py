"""Conversions between the spellings of one name: camelCase, snake_case, PascalCase, CONSTANT_CASE."""

import keyword
import re
from collections.abc import Iterable

# Words that cannot be a name in TypeScript (ECMAScript reserved words, with those of strict mode and modules).
_TYPESCRIPT_WORDS = """
arguments await break case catch class const continue debugger default delete do else enum eval export extends false
finally for function if implements import in instanceof interface let new null package private protected public return
static super switch this throw true try typeof var void while with yield
"""
TYPESCRIPT_RESERVED = frozenset(_TYPESCRIPT_WORDS.split())
PYTHON_RESERVED = frozenset(keyword.kwlist)
CAMEL_NAME = re.compile(r"[a-z][A-Za-z0-9]*")
SNAKE_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
PASCAL_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")


def words(name: str, acronyms: Iterable[str] = ()) -> list[str]:
    """Split a name into lower-case words; a declared acronym, also in the plural, is one word.

    >>> words("updatePREmbedHash", ["PR"])
    ['update', 'pr', 'embed', 'hash']
    >>> words("getPRsByIds", ["PR"])
    ['get', 'prs', 'by', 'ids']
    """
    known = "|".join(sorted(map(re.escape, acronyms), key=lambda word: (-len(word), word)))
    pattern = rf"(?:{known})s?(?![a-z])|" if known else ""
    return [word.lower() for word in re.findall(pattern + r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])|[A-Z]", name)]


def snake(name: str, acronyms: Iterable[str] = ()) -> str:
    return "_".join(words(name, acronyms))


def constant(name: str, acronyms: Iterable[str] = ()) -> str:
    return snake(name, acronyms).upper()


def camel(name: str) -> str:
    """The wire form of a snake_case name; the same as pydantic's `to_camel` for legal names."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def pascal(name: str) -> str:
    """The class form of a camelCase or snake_case name."""
    joined = camel(name)
    return joined[:1].upper() + joined[1:]
