"""Average linkage over votes, held against the plain way of doing it."""

import random
from fractions import Fraction
from itertools import combinations

import pytest

from ossgard.pipeline.linkage import SURE, UNASKED, Pair, average_linkage
from ossgard.spec.entities import Bond

SAME, OTHER = SURE, -SURE


def bond(one: int, other: int, is_together: bool) -> Bond:
    return Bond(pr_id=one, other_id=other, is_together=is_together)


def plain(votes: dict[Pair, int], bonds: list[Bond], most: int | None) -> list[list[int]]:
    """The same, as it is defined: every mean computed anew for every step."""
    ids = {id for pair in votes for id in pair} | {id for bond in bonds for id in (bond.pr_id, bond.other_id)}
    clusters = [frozenset([id]) for id in ids]
    apart: set[Pair] = set()

    def may(a: frozenset[int], b: frozenset[int]) -> bool:
        small = most is None or len(a | b) <= most
        return small and not any((min(x, y), max(x, y)) in apart for x in a for y in b)

    def mean(a: frozenset[int], b: frozenset[int]) -> Fraction:
        return Fraction(sum(votes.get((min(x, y), max(x, y)), UNASKED) for x in a for y in b), len(a) * len(b))

    def join(a: frozenset[int], b: frozenset[int]) -> None:
        clusters.remove(a)
        clusters.remove(b)
        clusters.append(a | b)

    for bond in bonds:
        one, other, together = bond.pr_id, bond.other_id, bond.is_together
        [a], [b] = ([cluster for cluster in clusters if id in cluster] for id in (one, other))
        if a != b and together and may(a, b):
            join(a, b)
        if a != b and not together:
            apart.add((min(one, other), max(one, other)))
    while True:
        found = [
            (-mean(a, b), min(min(a), min(b)), max(min(a), min(b)), a, b)
            for a, b in combinations(clusters, 2)
            if may(a, b) and mean(a, b) > 0
        ]
        if not found:
            return sorted(sorted(cluster) for cluster in clusters if len(cluster) > 1)
        *_, a, b = min(found, key=lambda one: one[:3])
        join(a, b)


@pytest.mark.parametrize("seed", range(150))
def test_it_does_what_its_definition_says(seed: int) -> None:
    chance = random.Random(seed)
    ids = range(1, chance.randint(3, 14))
    pairs = [pair for pair in combinations(ids, 2) if chance.random() < chance.choice([0.2, 0.5, 0.9])]
    votes = {pair: chance.choice([900, 900, SURE, 500, 0, -100, -900]) for pair in pairs}
    said = [(chance.sample(ids, 2), chance.random() < 0.5) for _ in range(chance.choice([0, 0, 3]))]
    bonds = [bond(one, other, is_together) for (one, other), is_together in said]
    most = chance.choice([None, None, 3, 5])
    expected = plain(votes, bonds, most)
    assert average_linkage(votes, bonds, most) == expected
    shuffled = chance.sample(sorted(votes.items()), len(votes))
    assert average_linkage(dict(shuffled), bonds, most) == expected


def test_a_chain_is_cut_where_the_ends_know_nothing_of_each_other() -> None:
    chain = {(id, id + 1): SAME for id in range(1, 60)}
    assert max(map(len, average_linkage(chain))) < 8


def test_who_are_all_alike_are_one_group_of_any_size() -> None:
    votes = dict.fromkeys(combinations(range(1, 61), 2), 900)
    assert average_linkage(votes) == [list(range(1, 61))]
    assert max(map(len, average_linkage(votes, most=8))) == 8


def test_one_no_outweighs_no_number_of_strangers() -> None:
    assert average_linkage({(1, 2): SAME, (2, 3): SAME, (1, 3): OTHER}) == [[1, 2]]
    assert average_linkage({(1, 2): SAME, (2, 3): SAME}) == [[1, 2, 3]]
    assert average_linkage({(1, 2): 0, (3, 4): UNASKED}) == []
    assert average_linkage({}) == []


def test_a_person_outranks_all_votes() -> None:
    votes = {(1, 2): OTHER, (3, 4): SAME}
    assert average_linkage(votes, [bond(1, 2, True), bond(3, 4, False)]) == [[1, 2]]


def test_of_bonds_that_contradict_each_other_the_first_ones_hold() -> None:
    bonds = [bond(1, 2, True), bond(1, 3, False), bond(2, 3, True)]
    assert average_linkage({}, bonds) == [[1, 2]]
    assert average_linkage({}, bonds[::-1]) == [[2, 3]]


def test_tens_of_thousands_of_pairs_around_one_are_no_trouble() -> None:
    votes = {(1, id): SAME for id in range(2, 30_000)}
    assert average_linkage(votes) == [list(range(1, 12))]
