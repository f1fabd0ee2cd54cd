"""Labelled pull requests, and the figures by which found groups are held against their labels."""

import itertools
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.outside.text_vectors import Matrix

Pair = tuple[int, int]


def pairs_of(groups: Iterable[Iterable[int]]) -> set[Pair]:
    """All pairs of members."""
    return {pair for group in groups for pair in itertools.combinations(sorted(set(group)), 2)}


@dataclass
class Labels:
    """The truth about pull requests, by number.

    Args:
        groups: those that do the same.
        pairs: further pairs that do the same.
        related: pairs that only look so.
    """

    groups: Sequence[Collection[int]]
    pairs: set[Pair] = field(default_factory=set)
    related: set[Pair] = field(default_factory=set)

    def true_pairs(self, present: Collection[int]) -> set[Pair]:
        """The pairs of those that are there."""
        everyone = set(present)
        return {pair for pair in pairs_of(self.groups) | self.pairs if everyone.issuperset(pair)}


@dataclass
class Corpus:
    """Titles with their vectors; see README.md for the form of the folder."""

    labels: Labels
    titles: dict[int, str]
    vectors: dict[int, Matrix]


def read_corpus(folder: Path) -> Corpus:
    """The corpus in a folder: `corpus*.json`, and beside it `-minilm.npy` with a unit vector of each item in order."""
    [file] = sorted(folder.glob("corpus*.json"))
    data: dict[str, Any] = json.loads(file.read_text())
    vectors = np.load(file.with_name(f"{file.stem}-minilm.npy")).astype(np.float64)
    numbers = [item["id"] for item in data["items"]]
    labelled = {tuple(sorted((pair["a"], pair["b"]))): pair["label"] for pair in data["pairs"]}
    same = {(one, other) for (one, other), label in labelled.items() if label in ("duplicate", "superseded")}
    related = {(one, other) for (one, other), label in labelled.items() if label == "related"}
    return Corpus(
        Labels(data["groups"], same, related),
        {item["id"]: item["title"] for item in data["items"]},
        {number: vectors[place] / np.linalg.norm(vectors[place]) for place, number in enumerate(numbers)},
    )


@dataclass(frozen=True)
class Quality:
    """Precision and recall of pairs, and the F1 of B-cubed over all pull requests."""

    precision: float
    recall: float
    b_cubed: float

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return _f1(self.precision, self.recall)


def compare(labels: Labels, present: Collection[int], found: Sequence[Sequence[int]]) -> Quality:
    """How well found groups fit the labels of those that are there."""
    true, said = labels.true_pairs(present), pairs_of(found)
    return Quality(_share(true & said, said), _share(true & said, true), _b_cubed(labels, set(present), found))


def _b_cubed(labels: Labels, present: set[int], found: Sequence[Sequence[int]]) -> float:
    mine = {one: set(group) for group in found for one in group}
    theirs = {one: set(group) & present for group in labels.groups for one in group}
    precision = recall = 0.0
    for one in present:
        said, true = mine.get(one, {one}), theirs.get(one, {one})
        precision += len(said & true) / len(said) / len(present)
        recall += len(said & true) / len(true) / len(present)
    return _f1(precision, recall)


def _share(part: Collection[Pair], whole: Collection[Pair]) -> float:
    return len(part) / len(whole) if whole else 1.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
