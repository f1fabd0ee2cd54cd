"""Titles that share words."""

import math

import pytest

from ossgard.pipeline.token_index import VISITS, TokenIndex, documents_of, title_words


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("fix(memoryFlush): corrected API_KEY, v2", ["fix", "memory", "flush", "correc", "api", "key", "v2"]),
        ("Ünïcode straße", ["ünïcod", "straße"]),
        ("修正 メモリ漏れ leak", ["修正", "メモ", "モリ", "リ漏", "漏れ", "leak"]),
        ("漢", ["漢"]),
        ("…!", []),
    ],
)
def test_words_of_a_title(title: str, words: list[str]) -> None:
    assert title_words(title) == words


def test_rare_words_weigh_more_and_scores_are_the_same_from_both_ends() -> None:
    index = TokenIndex({1: ["fix", "gateway"], 2: ["fix", "parser"], 3: ["fix", "gateway", "parser"], 4: ["other"]})
    (first, best), (second, worse) = index.nearest(1, 2)
    assert (first, second) == (3, 2)
    assert best == pytest.approx(math.log(1 + 4 / 2) + math.log(1 + 4 / 3))
    assert worse == pytest.approx(math.log(1 + 4 / 3))
    assert dict(index.nearest(3, 2))[1] == dict(index.nearest(1, 2))[3]
    assert index.nearest(4, 2) == []


def test_of_too_many_those_with_near_ids_are_looked_at() -> None:
    index = TokenIndex({id: ["update"] for id in range(1, 10 * VISITS)})
    assert [id for id, _ in index.nearest(5 * VISITS, VISITS)] == [
        id for id in range(5 * VISITS - VISITS // 2, 5 * VISITS + VISITS // 2) if id != 5 * VISITS
    ]


def test_who_shares_no_line_is_near_to_nobody() -> None:
    lines = TokenIndex(documents_of([[1, 2], [2, 3], [1, 2]]))
    assert [id for id, _ in lines.nearest(2, 5)] == [1, 3]
    assert lines.nearest(9, 5) == []
