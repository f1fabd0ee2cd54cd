"""Phase `verify`: what of the chat model's answers is believed."""

import json
from collections.abc import Callable, Sequence

import pytest

from ossgard.providers.chat import ChatLimits
from tests.core.scanning import Scanning
from tests.outside.diffs import ChangedFile
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


@pytest.fixture
def alike(repository: Repository, open_pulls: OpenPulls) -> list[int]:
    """1 and 2 do the same in different words, 3 and 4 are the same, so are 5 and 6, and 7 is alone."""
    for words in ("quick", "fast"):
        repository.open("Speed the parser up", f"Make it {words}", [ChangedFile("src/parser.py", words)])
    repository.open("Fix the lexer", None, [ChangedFile("src/lexer.py", "fixed")])
    repository.open_duplicate(3)
    open_pulls(1)
    repository.open_duplicate(5)
    open_pulls(1)
    return list(range(1, 8))


# Ways in which a question may get no usable answer, when it is about the first of `alike`.
COSTS = {
    "nonsense": Behaviour(unusable_for={1, 3}),
    "refused": Behaviour(refuses=frozenset({"parser", "lexer"})),
}


@pytest.mark.parametrize("way", COSTS)
@pytest.mark.parametrize("llm", ["openai", "anthropic", "ollama"])
def test_a_question_without_a_usable_answer_costs_that_question(
    outside: Outside, repository: Repository, alike: list[int], way: str, llm: str
) -> None:
    outside.llm.behaviour = COSTS[way]
    scanning = Scanning(outside, repository, outside.config(llm=llm))
    scanning.begin()
    scanning.run_until("cluster")
    scanning.propose("candidate", [[1, 2], [3, 4, 7], [5, 6]])
    scanning.jump("verify", {"total": 3})
    scanning.run_phase("verify")
    rows = scanning.rows("SELECT position, pr_ids FROM candidate_groups WHERE stage = 'verified' ORDER BY position")
    assert rows == [(200, "[3,4]"), (300, "[5,6]")], "equal diffs need no opinion"
    assert scanning.scan()["status"] == "ranking"
    assert scanning.warnings() == [("NOT_VERIFIED", 2, [1, 2, 3, 4, 7])]
    outside.llm.behaviour = Behaviour()
    scanning.drain()
    assert sorted(map(sorted, scanning.groups())) == [[3, 4], [5, 6]]


def test_who_finds_no_room_in_a_question_is_told(
    scanning: Scanning, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ossgard.providers.openai.chat_limits", lambda *_: ChatLimits(5500, 500))
    for _ in range(40):
        repository.open("Fix the lexer " * 10, None, [ChangedFile("src/lexer.py", "fixed")])
    scanning.begin()
    scanning.run_until("cluster")
    scanning.propose("candidate", [list(range(1, 41))])
    scanning.jump("verify", {"total": 1})
    scanning.run_phase("verify")
    [(code, count, examples)] = scanning.warnings()
    [(ids,)] = scanning.rows("SELECT pr_ids FROM candidate_groups WHERE stage = 'verified'")
    assert (code, 0 < count < 39) == ("NOT_ASKED_ABOUT", True)
    assert len(json.loads(ids)) + count == 40
    assert not set(examples) & set(json.loads(ids))


# ---- a model that is of no use


@pytest.mark.parametrize(
    "behaviour", [Behaviour(silent=True), Behaviour(refuses=frozenset({"pullRequests"}))], ids=["silent", "refusing"]
)
@pytest.mark.parametrize("llm", ["openai", "anthropic", "ollama"])
def test_a_model_that_answers_nothing_fails_the_scan(
    outside: Outside, repository: Repository, alike: list[int], llm: str, behaviour: Behaviour
) -> None:
    outside.llm.behaviour = behaviour
    scanning = Scanning(outside, repository, outside.config(llm=llm))
    scan = scanning.scan_all()
    model = outside.config(llm=llm)["llm"]["model"]
    assert scan["status"] == "failed"
    assert f"model '{model}' has not given a usable answer to any question" in scan["error"]
    assert ("usage policy" if behaviour.refuses else "no JSON object") in scan["error"]
    assert "llm.model" in scan["error"]
    [(code, count, _)] = scanning.warnings()
    assert (code, count > 1) == ("NOT_VERIFIED", True)
    assert (scan["input_tokens"] > 0) == (not behaviour.refuses), "what it cost is counted"
    assert scanning.rows("SELECT count(*) FROM candidate_groups WHERE error IS NULL") == [(0,)]


@pytest.mark.parametrize("behaviour", COSTS.values(), ids=COSTS)
def test_one_stranger_alone_cannot_make_a_scan_fail(
    outside: Outside, repository: Repository, alike: list[int], behaviour: Behaviour
) -> None:
    """All questions that there are have failed, but one that no stranger wrote has an answer."""
    for number in alike[2:]:
        repository.close(number)
    outside.llm.behaviour = behaviour
    scanning = Scanning(outside, repository)
    scan = scanning.scan_all()
    assert (scan["status"], scan["error"], scan["dupe_group_count"]) == ("done", None, 0)
    assert scanning.warnings() == [("NOT_VERIFIED", 1, [1, 2])]


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_a_refusal_of_the_account_fails_the_scan_at_once(
    verified: Verified, scanning: Scanning, outside: Outside, two_pairs: list[int], status: int
) -> None:
    outside.fail("openai.chat", status)
    assert verified([[1, 4], [2, 5]]) == []
    assert scanning.scan()["status"] == "failed"
    assert scanning.warnings() == []


def test_a_model_that_answered_once_is_not_tried(
    verified: Verified, scanning: Scanning, outside: Outside, open_pulls: OpenPulls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ossgard.pipeline.phases.verify.SLICE_SIZE", 1)
    open_pulls(6)
    outside.llm.behaviour = Behaviour(unusable_for={3, 5})
    verified([[1, 2], [3, 4], [5, 6]])
    assert scanning.warnings() == [("NOT_VERIFIED", 2, [3, 4, 5, 6])]
    assert len(outside.requests("openai.chat")) == 5, "each question, and its repair"


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
