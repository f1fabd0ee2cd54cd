"""A sketch of the lines that a pull request changes: small, and alike for changes that are alike."""

from collections.abc import Iterator
from zlib import crc32

# How many hashes a sketch holds at most.
SIZE = 32

_FILE = "diff --git "
_HUNK = "@@"
# Lines of fewer letters and digits, such as closing brackets, are in any change.
_LEAST = 4


def sketch(diff: str) -> list[int]:
    """The smallest hashes of the added and removed lines (a bottom-k MinHash), in order.

    Of two changes, the share of equal hashes tells the share of equal lines. White space does not count; whether a
    line is added or removed does, so that a revert is not like what it reverts.
    """
    return sorted({crc32(line.encode("utf-8", "replace")) for line in _changed_lines(diff)})[:SIZE]


def _changed_lines(diff: str) -> Iterator[str]:
    """The changed lines, each with its sign and without white space."""
    in_hunk = False
    for line in diff.splitlines():
        if line.startswith(_FILE):
            in_hunk = False
        elif line.startswith(_HUNK):
            in_hunk = True
        elif in_hunk and line[:1] in ("+", "-"):
            text = "".join(line.split())
            if sum(map(str.isalnum, text)) >= _LEAST:
                yield text
