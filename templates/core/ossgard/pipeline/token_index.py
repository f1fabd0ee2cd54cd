"""Finds what shares rare tokens: titles that share words, changes that share lines."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from heapq import nsmallest
from math import log

# How many others one search looks at: those that share its rarest tokens. So all searches together take linear time.
VISITS = 500

# Where a word begins inside another: `memoryFlush`, `memory_flush`.
_INNER_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")
# Scripts without spaces, of which two signs are about a word.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[^\W{_UNSPACED}]+|[{_UNSPACED}]+")
# Forms of a word mostly have so many letters in common at their start.
_STEM = 6


def title_words(title: str) -> list[str]:
    """The words of a title, each once, without case and endings."""
    words: dict[str, None] = {}
    for word in _WORD.findall(_INNER_START.sub(" ", title)):
        if word[0].isascii() or not re.match(f"[{_UNSPACED}]", word):
            words[word.lower()[:_STEM]] = None
        else:
            words |= dict.fromkeys(word[at : at + 2] for at in range(max(1, len(word) - 1)))
    return list(words)


class TokenIndex:
    """Which documents hold a token.

    Args:
        documents: the tokens of each document, each once, by its id. Tokens of one document alone may be left out.
    """

    def __init__(self, documents: Mapping[int, Sequence[Hashable]]) -> None:
        self._documents = documents
        self._holders: dict[Hashable, list[int]] = defaultdict(list)
        for id in sorted(documents):
            for token in documents[id]:
                self._holders[token].append(id)

    def nearest(self, id: int, limit: int) -> list[tuple[int, float]]:
        """The documents that share most with one, and the score of each, the best first.

        The score is the sum of ln(1 + N/n) over the shared tokens, where n of N documents hold a token. It is the same
        from both ends, unless one has more to look at than `VISITS`: then those with the nearest ids are looked at.
        """
        scores: dict[int, float] = defaultdict(float)
        left = VISITS
        for token in sorted(self._documents.get(id, ()), key=lambda token: len(self._holders[token])):
            weight = log(1 + len(self._documents) / len(self._holders[token]))
            holders = _around(self._holders[token], id, left)
            for other in holders:
                scores[other] += weight
            left -= len(holders)
        scores.pop(id, None)
        return nsmallest(limit, scores.items(), key=lambda found: (-found[1], found[0]))


def _around(ids: Sequence[int], id: int, most: int) -> Sequence[int]:
    """The ids that stand next to one in an ordered list."""
    start = max(0, min(bisect_left(ids, id) - most // 2, len(ids) - most))
    return ids[start : start + most]


def documents_of(holders: Iterable[Sequence[int]]) -> dict[int, list[int]]:
    """Documents by the lists of those that hold each token; the places of the lists are the tokens."""
    documents: dict[int, list[int]] = defaultdict(list)
    for token, ids in enumerate(holders):
        for id in ids:
            documents[id].append(token)
    return documents
