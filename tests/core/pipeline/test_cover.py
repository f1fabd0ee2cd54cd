"""Covering pairs by questions."""

import random

import pytest

from ossgard.pipeline.cover import MAX_CANDIDATES, cover


@pytest.mark.parametrize("seed", range(40))
def test_every_pair_is_asked_about_once(seed: int) -> None:
    chance = random.Random(seed)
    ids = range(1, chance.randint(3, 60))
    pairs = {tuple(sorted(chance.sample(ids, 2))) for _ in range(chance.randint(1, 150))}
    questions = cover(sorted(pairs))
    asked = [tuple(sorted((subject, other))) for subject, *others in questions for other in others]
    assert sorted(asked) == sorted(pairs)
    assert all(1 <= len(others) <= MAX_CANDIDATES for _, *others in questions)
    assert cover(sorted(pairs, key=lambda _: chance.random())) == questions, "whatever their order"


def test_few_questions_are_needed() -> None:
    assert cover([(1, 2), (1, 3), (1, 4), (1, 5), (1, 6)]) == [[1, 2, 3, 4, 5, 6]]
    chance = random.Random(1)
    pairs = {tuple(sorted(chance.sample(range(1000), 2))) for _ in range(2000)}
    assert len(cover(pairs)) < 700


def test_one_with_thousands_of_pairs_is_no_trouble() -> None:
    questions = cover((1, id) for id in range(2, 50_002))
    assert len(questions) == 10_000


def test_nothing_needs_no_question() -> None:
    assert cover([]) == []
