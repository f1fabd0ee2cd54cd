"""What is believed of a model's answers: nothing that it was not asked about, and nothing twice."""

import pytest
from pydantic import ValidationError

from ossgard.pipeline.answers import NOT_SCORED, RankAnswer, VerifyAnswer, confirmed_groups, ranked
from ossgard.providers.chat import UnusableAnswer
from tests.core.pipeline.test_prompts import pull


def verify(*groups: list[object], label: str | None = "Same") -> VerifyAnswer:
    return VerifyAnswer.model_validate({"groups": [{"prIds": ids, "label": label} for ids in groups], "unrelated": []})


def rank(*rankings: dict[str, object]) -> RankAnswer:
    return RankAnswer.model_validate({"rankings": list(rankings)})


def test_invented_ids_and_groups_of_one_are_dropped() -> None:
    found = confirmed_groups(verify([3, 99, 1], [98, 97], [2, 96]), [1, 2, 3])
    assert [(group.pr_ids, group.label) for group in found] == [([1, 3], "Same")]


def test_a_pull_request_that_is_named_twice_is_kept_once() -> None:
    found = confirmed_groups(verify([1, 1, 2], [2, 3, 4], [4, 5]), [1, 2, 3, 4, 5])
    assert [group.pr_ids for group in found] == [[1, 2], [3, 4]]


def test_ids_may_be_texts_and_labels_may_be_missing_or_long() -> None:
    assert confirmed_groups(verify(["1", 2.0], label=None), [1, 2])[0].pr_ids == [1, 2]
    assert confirmed_groups(verify([1, 2], label="  "), [1, 2])[0].label is None
    assert len(confirmed_groups(verify([1, 2], label="x" * 999), [1, 2])[0].label or "") == 200


def test_groups_must_be_there() -> None:
    with pytest.raises(ValidationError):
        VerifyAnswer.model_validate({"prIds": [1, 2], "label": "a group alone"})


def test_the_best_comes_first_and_ties_are_decided() -> None:
    answer = rank(
        {"prNumber": 1, "score": 50, "codeQuality": 20, "completeness": 30, "rationale": "ok"},
        {"prNumber": 2, "score": 90},
        {"prNumber": 3, "score": 50, "codeQuality": 25, "completeness": 30},
        {"prNumber": 4, "score": 50, "codeQuality": 20, "completeness": 30},
        {"prNumber": 2, "score": 1},
        {"prNumber": 77, "score": 100},
    )
    found = ranked(answer, [pull(number) for number in (4, 1, 5, 3, 2)])
    assert [(one.pull.number, one.score) for one in found] == [(2, 90), (3, 50), (1, 50), (4, 50), (5, 0)]
    assert [one.rationale for one in found] == [None, None, "ok", None, NOT_SCORED]


def test_a_ranking_of_other_pull_requests_is_unusable() -> None:
    with pytest.raises(UnusableAnswer, match="none of the pull requests"):
        ranked(rank({"prNumber": 77, "score": 100}), [pull(1), pull(2)])


@pytest.mark.parametrize("score", [-1, 101, float("nan"), "high", None])
def test_a_score_is_a_number_up_to_100(score: object) -> None:
    with pytest.raises(ValidationError):
        rank({"prNumber": 1, "score": score})
