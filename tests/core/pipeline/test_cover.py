"""Covering pairs by questions."""

import random

import pytest

from ossgard.pipeline.cover import MAX_CANDIDATES, cover
from ossgard.pipeline.linkage import Pair, pair_of


def some_pairs(chance: random.Random, ids: int, count: int) -> list[Pair]:
    return sorted({pair_of(*chance.sample(range(ids), 2)) for _ in range(count)})


@pytest.mark.parametrize("seed", range(40))
def test_every_pair_is_asked_about_once(seed: int) -> None:
    chance = random.Random(seed)
    pairs = some_pairs(chance, chance.randint(3, 60), chance.randint(1, 150))
    questions = cover(pairs)
    asked = [pair_of(subject, other) for subject, *others in questions for other in others]
    assert sorted(asked) == pairs
    assert all(1 <= len(others) <= MAX_CANDIDATES for _, *others in questions)
    assert cover(sorted(pairs, key=lambda _: chance.random())) == questions, "whatever their order"


def test_few_questions_are_needed() -> None:
    assert cover([(1, 2), (1, 3), (1, 4), (1, 5), (1, 6)]) == [[1, 2, 3, 4, 5, 6]]
    assert len(cover(some_pairs(random.Random(1), 1000, 2000))) < 700


def test_one_with_thousands_of_pairs_is_no_trouble() -> None:
    questions = cover((1, id) for id in range(2, 50_002))
    assert len(questions) == 10_000


def test_nothing_needs_no_question() -> None:
    assert cover([]) == []
