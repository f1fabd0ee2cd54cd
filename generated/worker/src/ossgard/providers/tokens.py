"""How many tokens a text is, without the tokenizer of any model: an estimate that is rather too high than too low.

A token is about four characters of English prose, but often only one digit or mark, of which program text and paths
have many. Letters of other scripts are two to four bytes in UTF-8, and a third of a token (Cyrillic) to three tokens
(rare Chinese characters) each. Assumed are three ASCII letters or spaces, one other ASCII character, or one and a half
bytes of anything else a token. Only texts that are hardly text, such as random letters, have more tokens than that; a
bound that always holds, for the byte-level tokenizers in use, is one token a byte.
"""

import string
from collections.abc import Callable

_LETTERS = (string.ascii_letters + " ").encode()
_ASCII = bytes(range(128))
# In sixths of a token.
_LETTER_WEIGHT = 2
_MARK_WEIGHT = 6
_OTHER_BYTE_WEIGHT = 4
_TOKEN = 6
# A token has at most this many letters, by any measure.
_MOST_LETTERS = _TOKEN // _LETTER_WEIGHT

Measure = Callable[[str], int]


def estimate_tokens(text: str) -> int:
    """About how many tokens a text is."""
    content = text.encode("utf-8", "replace")
    beyond_letters = content.translate(None, _LETTERS)
    beyond_ascii = len(beyond_letters.translate(None, _ASCII))
    letters, marks = len(content) - len(beyond_letters), len(beyond_letters) - beyond_ascii
    return -(-(letters * _LETTER_WEIGHT + marks * _MARK_WEIGHT + beyond_ascii * _OTHER_BYTE_WEIGHT) // _TOKEN)


def byte_size(text: str) -> int:
    """The bytes of a text in UTF-8: no tokenizer makes more tokens of it."""
    return len(text.encode("utf-8", "replace"))


def cut(text: str, limit: int, measure: Measure = estimate_tokens) -> str:
    """The longest beginning of a text that measures at most `limit`."""
    # However long the text is: no more than this can fit.
    text = text[: max(0, limit) * _MOST_LETTERS]
    if measure(text) <= limit:
        return text
    return text[: largest(0, len(text), lambda length: measure(text[:length]) <= limit)]


def largest(low: int, high: int, fits: Callable[[int], bool]) -> int:
    """The largest number from `low` to `high` that fits, where `low` is known to, and every smaller one does, too."""
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low
