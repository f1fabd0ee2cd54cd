"""Counts tokens about as a byte-pair tokenizer would, without its tables: what providers bill and limit."""

import math
import re

_PIECES = re.compile(r"[A-Za-z]+|[0-9]+|\s+|[^\x00-\x7f]|[^A-Za-z0-9\s\x80-\U0010ffff]+")


def count_tokens(text: str) -> int:
    """The number of tokens of a text: one for 6 letters of a word, 3 digits, 2 marks, or a character beyond ASCII."""
    tokens = 0
    for piece in _PIECES.findall(text):
        first = piece[0]
        if first.isspace():
            # A single space belongs to the word that follows it.
            tokens += 0 if piece == " " else 1
        elif first.isascii() and first.isalpha():
            tokens += math.ceil(len(piece) / 6)
        elif first.isascii() and first.isdigit():
            tokens += math.ceil(len(piece) / 3)
        else:
            tokens += math.ceil(len(piece) / 2)
    return tokens


def cut_to_tokens(text: str, tokens: int) -> str:
    """The beginning of a text that has at most so many tokens."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if count_tokens(text[:middle]) <= tokens:
            low = middle
        else:
            high = middle - 1
    return text[:low]
