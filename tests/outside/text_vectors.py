"""Embeds texts without a model: hashed word n-grams, so that similar texts have similar vectors, in any dimension."""

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

# Words that say little about what a change is about, in prose and in paths.
_COMMON = """
    a an and are as at be but by for from has have if in into is it its no not of on or so than that the their
    then there this to was we when which while will with you your now also after before only still pr pull request
    change changes fix fixes add adds update make makes use uses test tests spec src lib app packages py ts js tsx
    go rs md json yaml yml toml css index main
"""
COMMON_WORDS = frozenset(_COMMON.split())

_WORDS = re.compile(r"[^\W_]+")
_COMMON_WEIGHT = 0.15
_WORD_WEIGHT = 1.0
_PAIR_WEIGHT = 0.5
# A path, or a name of code, is worth more than the words in it.
_NAME_WEIGHT = 2.0


def embed(texts: Sequence[str], dimensions: int) -> Matrix:
    """One unit vector a text, as rows; a text without a word is embedded as the zero vector."""
    matrix = np.zeros((len(texts), dimensions))
    for row, text in enumerate(texts):
        for feature, weight in _features(text).items():
            index, sign = _place(feature)
            matrix[row, index % dimensions] += sign * weight
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    return _spread(matrix / np.where(norms == 0, 1.0, norms))


def similarity(one: str, other: str, dimensions: int = 1536) -> float:
    """The cosine of two texts' vectors."""
    first, second = embed([one, other], dimensions)
    return float(first @ second)


def words(text: str) -> list[str]:
    """The words of a text, lower-case."""
    return _WORDS.findall(text.lower())


def _features(text: str) -> dict[str, float]:
    found = words(text)
    counts: Counter[str] = Counter(found)
    features = {
        word: (1 + math.log(count)) * (_COMMON_WEIGHT if word in COMMON_WORDS or len(word) < 3 else _WORD_WEIGHT)
        for word, count in counts.items()
    }
    for pair, count in Counter(_pairs(found)).items():
        features[pair] = (1 + math.log(count)) * _PAIR_WEIGHT
    for name in set(text.lower().split()):
        if "/" in name or "_" in name:
            features[f"/{name}"] = _NAME_WEIGHT
    return features


def _pairs(found: Sequence[str]) -> Iterable[str]:
    for first, second in itertools.pairwise(found):
        if first not in COMMON_WORDS and second not in COMMON_WORDS:
            yield f"{first} {second}"


@lru_cache(maxsize=500_000)
def _place(feature: str) -> tuple[int, int]:
    """Where a feature falls, and with which sign (so that collisions cancel out on average)."""
    number = int.from_bytes(blake2b(feature.encode("utf-8", "replace"), digest_size=8).digest(), "big")
    return number >> 1, 1 if number & 1 else -1


def _spread(matrix: Matrix) -> Matrix:
    """Spread each vector over all dimensions, as real ones are, by a Hartley transform: angles stay as they are."""
    if matrix.shape[1] == 0:
        return matrix
    transformed = np.fft.fft(matrix, axis=1)
    return np.asarray((transformed.real - transformed.imag) / math.sqrt(matrix.shape[1]))
