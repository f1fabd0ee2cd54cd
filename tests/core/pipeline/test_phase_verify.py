"""Phase `verify`: what of the chat model's answers is believed."""

import json
from collections.abc import Callable, Sequence

import pytest

from tests.core.scanning import Scanning
from tests.outside.llm import Behaviour
from tests.outside.repository import Repository
from tests.outside.world import World as Outside

OpenPulls = Callable[[int], list[int]]


@pytest.fixture
def verified(scanning: Scanning) -> Callable[[Sequence[Sequence[int]]], list[tuple[int, list[int]]]]:
    """Verifies candidates (numbers of pull requests, which are their ids here); the groups and their positions."""

    def verify(groups: Sequence[Sequence[int]]) -> list[tuple[int, list[int]]]:
        scanning.begin()
        scanning.run_until("cluster")
        scanning.propose("candidate", groups)
        scanning.jump("verify", {"total": len(groups)})
        scanning.run_phase("verify")
        rows = scanning.rows("SELECT position, pr_ids FROM candidate_groups WHERE stage = 'verified' ORDER BY position")
        return [(position, json.loads(ids)) for position, ids in rows]

    return verify


Verified = Callable[[Sequence[Sequence[int]]], list[tuple[int, list[int]]]]


@pytest.fixture
def two_pairs(repository: Repository, open_pulls: OpenPulls) -> list[int]:
    """1 and 4 are the same, 2 and 5 are the same, 3 is alone."""
    open_pulls(3)
    repository.open_duplicate(1)
    repository.open_duplicate(2)
    return [1, 2, 3, 4, 5]


def test_a_candidate_is_split_and_who_is_unrelated_left_out(verified: Verified, two_pairs: list[int]) -> None:
    assert verified([two_pairs]) == [(100, [1, 4]), (101, [2, 5])]


def test_a_candidate_of_strangers_makes_no_group(verified: Verified, scanning: Scanning, two_pairs: list[int]) -> None:
    assert verified([[1, 2, 3]]) == []
    assert scanning.rows("SELECT count(*) FROM candidate_groups WHERE error IS NOT NULL") == [(0,)]


def test_groups_keep_the_order_of_their_candidates_over_slices(
    verified: Verified, open_pulls: OpenPulls, repository: Repository
) -> None:
    open_pulls(7)
    for number in range(1, 8):
        repository.open_duplicate(number)
    pairs = [[number, number + 7] for number in range(7, 0, -1)]
    assert verified(pairs) == [(place * 100, pair) for place, pair in enumerate(pairs, 1)]


def test_groups_have_labels(verified: Verified, scanning: Scanning, two_pairs: list[int]) -> None:
    verified([two_pairs])
    rows = scanning.rows("SELECT label FROM candidate_groups WHERE stage = 'verified' ORDER BY position")
    assert [label for (label,) in rows] == ["topic0 area0 part0", "topic1 area1 part1"]


def test_invented_ids_are_dropped(verified: Verified, outside: Outside, two_pairs: list[int]) -> None:
    outside.llm.behaviour = Behaviour(invented_ids=1)
    assert verified([two_pairs]) == [(100, [1, 4]), (101, [2, 5])]


@pytest.mark.parametrize("habit", ["code_fence", "broken_first", "wrong_shape_first"])
def test_bad_habits_of_a_model_do_no_harm(
    verified: Verified, outside: Outside, two_pairs: list[int], habit: str
) -> None:
    setattr(outside.llm.behaviour, habit, 1)
    assert verified([two_pairs]) == [(100, [1, 4]), (101, [2, 5])]


def test_an_unusable_answer_is_recorded_and_skipped(
    verified: Verified, scanning: Scanning, outside: Outside, two_pairs: list[int]
) -> None:
    outside.llm.behaviour = Behaviour(unusable_for={1})
    assert verified([[1, 4], [2, 5]]) == [(200, [2, 5])]
    assert scanning.scan()["status"] == "ranking"
    [(position, error)] = scanning.rows("SELECT position, error FROM candidate_groups WHERE error IS NOT NULL")
    assert (position, len(error) > 20) == (1, True)


def test_every_token_is_counted(verified: Verified, scanning: Scanning, outside: Outside, two_pairs: list[int]) -> None:
    """Those of answers that were of no use, too."""
    outside.llm.behaviour = Behaviour(unusable_for={1})
    scanning.begin()
    scanning.run_until("cluster")
    embedded = scanning.scan()["input_tokens"]
    scanning.propose("candidate", [[1, 4], [2, 5]])
    scanning.jump("verify", {"total": 2})
    scanning.run_phase("verify")
    asked = outside.requests("openai.chat")
    # A question and its repair, and a question.
    assert len(asked) == 3
    assert scanning.scan()["input_tokens"] > embedded + 200
    assert scanning.scan()["output_tokens"] > 10


def test_who_was_closed_in_the_meantime_is_not_asked_about(
    verified: Verified, scanning: Scanning, outside: Outside, two_pairs: list[int]
) -> None:
    scanning.begin()
    scanning.run_until("cluster")
    scanning.propose("candidate", [[1, 4], [2, 3, 5], [7, 8]])
    scanning.executor.connection.execute("UPDATE prs SET state = 'closed' WHERE number IN (3, 4)")
    scanning.jump("verify", {"total": 3})
    scanning.run_phase("verify")
    assert scanning.rows("SELECT position, pr_ids FROM candidate_groups WHERE stage = 'verified'") == [(200, "[2,5]")]
    assert outside.count("openai.chat").calls == 1


def test_a_slice_done_twice_asks_again_and_stores_once(scanning: Scanning, two_pairs: list[int]) -> None:
    scanning.begin()
    scanning.run_until("cluster")
    scanning.propose("candidate", [two_pairs])
    scanning.executor.connection.execute(
        "INSERT INTO candidate_groups (scan_id, stage, position, pr_ids, error) VALUES (1, 'verified', 100, '[9]', 'x')"
    )
    scanning.jump("verify", {"total": 1})
    scanning.run_phase("verify")
    rows = scanning.rows("SELECT position, pr_ids, error FROM candidate_groups WHERE stage = 'verified'")
    assert rows == [(100, "[1,4]", None), (101, "[2,5]", None)]


def test_nothing_to_verify_asks_nobody(verified: Verified, outside: Outside, open_pulls: OpenPulls) -> None:
    open_pulls(2)
    assert verified([]) == []
    assert outside.count("openai.chat").calls == 0
