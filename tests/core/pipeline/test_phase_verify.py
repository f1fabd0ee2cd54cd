"""Phase `verify`: what is asked, what of the chat model's answers is believed, and which groups come of it."""

import asyncio
import itertools
import json
from collections.abc import Callable, Sequence

import pytest

from ossgard.spec.entities import Relationship
from tests.core.scanning import Scanning
from tests.outside.diffs import ChangedFile
from tests.outside.llm import Behaviour
from tests.outside.repository import Repository
from tests.outside.world import World as Outside

OpenPulls = Callable[[int], list[int]]
Pair = tuple[int, int]
CHAT = "openai.chat"


def verify(scanning: Scanning, pairs: Sequence[Pair], certain: Sequence[Pair] = ()) -> list[list[int]]:
    """Verify pairs (numbers of pull requests, which are their ids here) in a new scan; the groups."""
    begin(scanning, pairs, certain)
    scanning.run_phase("verify")
    return verified(scanning)


def begin(scanning: Scanning, pairs: Sequence[Pair], certain: Sequence[Pair] = ()) -> None:
    """Start a scan whose next message is the first one of the phase."""
    scanning.begin()
    scanning.run_until("cluster")
    scanning.pair(pairs)
    scanning.pair(certain, certain=True)
    scanning.jump("verify", {})


def verified(scanning: Scanning) -> list[list[int]]:
    rows = scanning.rows("SELECT pr_ids FROM candidate_groups WHERE stage = 'verified' ORDER BY position")
    return [json.loads(ids) for (ids,) in rows]


def go_on(scanning: Scanning, part: str) -> None:
    """Deliver until the phase comes to a part."""
    while f'"part":"{part}"' not in str(scanning.scan()["phase_cursor"]).replace(" ", ""):
        assert scanning.queue.jobs[0][1].type == "verify", scanning.scan()
        scanning.deliver()


def said(scanning: Scanning) -> list[tuple[int, int, str]]:
    return scanning.rows("SELECT pr_id, other_id, verdict FROM verdicts WHERE source = 'model' ORDER BY 1, 2")


def questions(outside: Outside, key: str) -> list[list[int]]:
    """The numbers in each question whose answer has a key, in order."""
    found = []
    for request in outside.requests(CHAT):
        system, user = (message["content"] for message in request.json()["messages"])
        if f'"{key}"' in system:
            document = json.loads(user)
            pulls = document.get("pullRequests") or [document["pullRequest"], *document["candidates"]]
            found.append([pull["prNumber"] for pull in pulls])
    return found


@pytest.fixture
def two_pairs(repository: Repository, open_pulls: OpenPulls) -> list[int]:
    """1 and 4 are the same, 2 and 5 are the same, 3 is alone."""
    open_pulls(3)
    repository.open_duplicate(1)
    repository.open_duplicate(2)
    return [1, 2, 3, 4, 5]


# ---- pairs


def test_each_pair_is_asked_about_once_and_its_verdict_kept(
    scanning: Scanning, outside: Outside, two_pairs: list[int]
) -> None:
    assert verify(scanning, [(1, 4), (1, 2), (1, 3), (2, 5), (3, 4)]) == [[1, 4], [2, 5]]
    assert said(scanning) == [
        (1, 2, "none"),
        (1, 3, "none"),
        (1, 4, "duplicate"),
        (2, 5, "duplicate"),
        (3, 4, "none"),
    ]
    assert len(questions(outside, "verdicts")) == 3
    assert sorted(map(sorted, questions(outside, "groups"))) == [[1, 4], [2, 5]]


def test_an_unchanged_scan_asks_nothing(scanning: Scanning, outside: Outside, two_pairs: list[int]) -> None:
    pairs = [(1, 4), (2, 5), (1, 2), (3, 4)]
    first = verify(scanning, pairs)
    scanning.drain()
    groups = scanning.groups()
    outside.reset()
    assert verify(scanning, pairs) == first
    scanning.drain()
    assert scanning.groups()[len(groups) :] == groups
    assert outside.requests(CHAT) == []
    assert (scanning.scan()["input_tokens"], scanning.scan()["output_tokens"]) == (0, 0)


@pytest.mark.parametrize("change", ["title", "body", "files"])
def test_only_pairs_of_one_that_has_changed_are_asked_about_again(
    scanning: Scanning, outside: Outside, repository: Repository, two_pairs: list[int], change: str
) -> None:
    pairs = [(1, 4), (2, 5), (1, 2), (3, 4)]
    verify(scanning, pairs)
    scanning.drain()
    if change == "files":
        repository.push(4)
    else:
        repository.update(4, **{change: "Do topic0 area0 part0, really"})
    outside.reset()
    verify(scanning, pairs)
    assert sorted(map(sorted, questions(outside, "verdicts"))) == [[1, 3, 4]]
    assert [4 in question for question in questions(outside, "groups")] == [True]


def test_another_model_is_asked_anew(outside: Outside, repository: Repository, two_pairs: list[int]) -> None:
    scanning = Scanning(outside, repository)
    verify(scanning, [(1, 4)])
    scanning.drain()
    config = outside.config()
    config["llm"]["model"] = "gpt-4o"
    scanning.executor.connection.execute("UPDATE accounts SET config = ?", (json.dumps(config),))
    outside.reset()
    verify(scanning, [(1, 4)])
    assert (questions(outside, "verdicts"), questions(outside, "groups")) == ([[1, 4]], [[1, 4]])
    assert scanning.rows("SELECT model FROM verdicts") == [("openai/gpt-4o",)], "one row for a pair"


def test_equal_diffs_are_not_asked_about(scanning: Scanning, outside: Outside, two_pairs: list[int]) -> None:
    assert verify(scanning, [(1, 2)], certain=[(1, 4), (2, 5)]) == [[1, 4], [2, 5]]
    assert questions(outside, "verdicts") == [[1, 2]]
    assert questions(outside, "groups") == []


def test_equal_diffs_are_one_group_however_many_they_are(
    scanning: Scanning, outside: Outside, open_pulls: OpenPulls
) -> None:
    """Each is sure to be the same as the one before, and nobody says anything of the others."""
    numbers = open_pulls(40)
    assert verify(scanning, [], certain=list(itertools.pairwise(numbers))) == [numbers]
    assert outside.requests(CHAT) == []


def test_what_was_said_of_pairs_that_are_no_candidates_any_more_still_counts(
    scanning: Scanning, two_pairs: list[int]
) -> None:
    verify(scanning, [(1, 4), (2, 5)])
    scanning.drain()
    assert verify(scanning, [(2, 5)]) == [[1, 4], [2, 5]]


def test_a_question_has_five_candidates_at_most(scanning: Scanning, outside: Outside, open_pulls: OpenPulls) -> None:
    open_pulls(14)
    assert verify(scanning, [(1, other) for other in range(2, 15)]) == []
    assert sorted(len(question) for question in questions(outside, "verdicts")) == [4, 6, 6]


# ---- groups


def test_a_large_group_is_looked_at_in_parts_and_stays_whole(
    scanning: Scanning, outside: Outside, repository: Repository
) -> None:
    numbers = [
        repository.open("Fix the lexer", f"Try {n}", [ChangedFile("src/lexer.py", str(n))]).number for n in range(20)
    ]
    pairs = [(one, other) for one in numbers for other in numbers if one < other <= one + 12]
    assert verify(scanning, pairs) == [numbers]
    assert max(map(len, questions(outside, "groups"))) <= 8


def test_a_second_look_takes_out_a_stranger(scanning: Scanning, outside: Outside, two_pairs: list[int]) -> None:
    """The model took 3 for the same as 1, and sees its error in the group."""
    begin(scanning, [(1, 4), (1, 3), (2, 5)])
    go_on(scanning, "link")
    scanning.executor.connection.execute("UPDATE verdicts SET verdict = 'duplicate' WHERE pr_id = 1 AND other_id = 3")
    scanning.run_phase("verify")
    assert [1, 3, 4] in questions(outside, "groups")
    assert verified(scanning) == [[1, 4], [2, 5]]


def test_groups_have_labels_and_what_the_model_said(scanning: Scanning, two_pairs: list[int]) -> None:
    verify(scanning, [(1, 4), (2, 5)])
    rows = scanning.rows("SELECT label, notes FROM candidate_groups WHERE stage = 'verified' ORDER BY position")
    assert [label for label, _ in rows] == ["topic0 area0 part0", "topic1 area1 part1"]
    assert all(json.loads(notes)["relationship"] == "They make the same change." for _, notes in rows)


# ---- what persons say


def say(scanning: Scanning, number: int, other: int, verdict: Relationship, *, keeps: bool = False) -> None:
    write = scanning.db.put_verdicts(1, 1, number, [other], verdict, keeps, None, "2026-11-24T10:00:00.000Z")
    assert asyncio.run(write) == 1


def test_a_persons_verdict_outranks_the_models_and_stays(
    scanning: Scanning, outside: Outside, repository: Repository, two_pairs: list[int]
) -> None:
    pairs = [(1, 4), (2, 5), (1, 2)]
    verify(scanning, pairs)
    scanning.drain()
    say(scanning, 4, 1, Relationship.NONE)
    say(scanning, 3, 2, Relationship.DUPLICATE)
    outside.reset()
    assert verify(scanning, pairs) == [[2, 3, 5]]
    scanning.drain()
    repository.update(4, title="Do topic0 area0 part0 again")
    assert verify(scanning, pairs) == [[2, 3, 5]], "whatever changes"
    assert (1, 4) not in [tuple(question) for question in questions(outside, "verdicts")]


def test_a_verdict_that_is_taken_back_gives_way_to_the_models(
    scanning: Scanning, outside: Outside, two_pairs: list[int]
) -> None:
    verify(scanning, [(1, 4)])
    scanning.drain()
    say(scanning, 1, 4, Relationship.NONE)
    assert verify(scanning, [(1, 4)]) == []
    scanning.drain()
    asyncio.run(scanning.db.delete_verdict(1, 1, 4, 1))
    outside.reset()
    assert verify(scanning, [(1, 4)]) == [[1, 4]]
    assert outside.requests(CHAT) == [], "which has been kept"


def test_two_that_a_person_joined_need_no_second_look(
    scanning: Scanning, outside: Outside, open_pulls: OpenPulls
) -> None:
    open_pulls(2)
    begin(scanning, [])
    say(scanning, 1, 2, Relationship.DUPLICATE)
    scanning.run_phase("verify")
    assert (verified(scanning), outside.requests(CHAT)) == ([[1, 2]], [])


# ---- answers that are of no use


@pytest.mark.parametrize("habit", ["code_fence", "broken_first", "wrong_shape_first", "invented_ids"])
def test_bad_habits_of_a_model_do_no_harm(
    scanning: Scanning, outside: Outside, two_pairs: list[int], habit: str
) -> None:
    setattr(outside.llm.behaviour, habit, 1)
    assert verify(scanning, [(1, 4), (2, 5), (3, 4)]) == [[1, 4], [2, 5]]
    assert len(said(scanning)) == 3


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


ALIKE = [(1, 2), (3, 7), (5, 7)]
# Ways in which a question may get no usable answer, when it is about the first of `alike`.
COSTS = {
    "nonsense": Behaviour(unusable_for={1}),
    "refused": Behaviour(refuses=frozenset({"parser"})),
}


@pytest.mark.parametrize("way", COSTS)
@pytest.mark.parametrize("llm", ["openai", "anthropic", "ollama"])
def test_a_question_without_a_usable_answer_costs_that_question(
    outside: Outside, repository: Repository, alike: list[int], way: str, llm: str
) -> None:
    outside.llm.behaviour = COSTS[way]
    scanning = Scanning(outside, repository, outside.config(llm=llm))
    assert verify(scanning, ALIKE, certain=[(3, 4), (5, 6)]) == [[3, 4], [5, 6]], "equal diffs need no opinion"
    assert scanning.scan()["status"] == "ranking"
    assert scanning.warnings() == [("NOT_VERIFIED", 1, [1, 2])]
    assert said(scanning) == [(3, 7, "none"), (5, 7, "none")], "an error is no verdict"
    scanning.drain()
    outside.llm.behaviour = Behaviour()
    assert [1, 2] in verify(scanning, ALIKE, certain=[(3, 4), (5, 6)]), "it is asked again"
    assert scanning.warnings() == []


def test_a_group_that_could_not_be_looked_at_again_stays_as_it_is(
    scanning: Scanning, outside: Outside, two_pairs: list[int]
) -> None:
    begin(scanning, [(1, 4), (2, 5)])
    go_on(scanning, "link")
    outside.llm.behaviour = Behaviour(unusable_for={4})
    scanning.run_phase("verify")
    assert verified(scanning) == [[1, 4], [2, 5]]
    assert scanning.warnings() == [("NOT_VERIFIED", 1, [1, 4])]
    scanning.drain()
    outside.llm.behaviour = Behaviour()
    outside.reset()
    verify(scanning, [(1, 4), (2, 5)])
    assert questions(outside, "groups") == [[1, 4]]


def test_candidates_that_an_answer_leaves_out_are_asked_about_again(
    scanning: Scanning, outside: Outside, open_pulls: OpenPulls
) -> None:
    open_pulls(3)
    content = '{"verdicts": [{"prNumber": 2, "verdict": "Not a duplicate", "confidence": "high"}]}'
    outside.fail(CHAT, 200, body={"choices": [{"message": {"content": content}}], "usage": {}}, times=1)
    verify(scanning, [(1, 2), (1, 3)])
    assert said(scanning) == [(1, 2, "none")]
    assert scanning.warnings() == [("NOT_ASKED_ABOUT", 1, [3])]
    scanning.drain()
    outside.reset()
    verify(scanning, [(1, 2), (1, 3)])
    assert questions(outside, "verdicts") == [[1, 3]]


def test_an_answer_about_others_is_none(scanning: Scanning, outside: Outside, two_pairs: list[int]) -> None:
    content = '{"verdicts": [{"prNumber": 77, "verdict": "duplicate", "confidence": 1}]}'
    outside.fail(CHAT, 200, body={"choices": [{"message": {"content": content}}], "usage": {}}, times=1)
    verify(scanning, [(1, 4)])
    assert said(scanning) == []
    assert scanning.warnings() == [("NOT_VERIFIED", 1, [1, 4])]


# ---- a model that is of no use


@pytest.mark.parametrize(
    "behaviour", [Behaviour(silent=True), Behaviour(refuses=frozenset({"prNumber"}))], ids=["silent", "refusing"]
)
@pytest.mark.parametrize("llm", ["openai", "anthropic", "ollama"])
def test_a_model_that_answers_nothing_fails_the_scan(
    outside: Outside, repository: Repository, alike: list[int], llm: str, behaviour: Behaviour
) -> None:
    outside.llm.behaviour = behaviour
    scanning = Scanning(outside, repository, outside.config(llm=llm))
    begin(scanning, ALIKE)
    scanning.drain()
    scan = scanning.scan()
    model = outside.config(llm=llm)["llm"]["model"]
    assert scan["status"] == "failed"
    assert f"model '{model}' has not given a usable answer to any question" in scan["error"]
    assert ("usage policy" if behaviour.refuses else "no JSON object") in scan["error"]
    assert "llm.model" in scan["error"]
    [(code, count, _)] = scanning.warnings()
    assert (code, count > 1) == ("NOT_VERIFIED", True)
    assert (scan["input_tokens"] > 0) == (not behaviour.refuses), "what it cost is counted"
    assert scanning.rows("SELECT count(*) FROM candidate_groups WHERE error IS NULL") == [(0,)]


def test_answers_of_earlier_scans_do_not_speak_for_a_model_that_answers_nothing_now(
    scanning: Scanning, outside: Outside, repository: Repository, two_pairs: list[int]
) -> None:
    verify(scanning, [(1, 4), (2, 5)])
    scanning.drain()
    repository.update(4, title="Do topic0 area0 part0 again")
    outside.llm.behaviour = Behaviour(silent=True)
    begin(scanning, [(1, 4), (2, 5)])
    scanning.drain()
    assert scanning.scan()["status"] == "failed"


@pytest.mark.parametrize("behaviour", COSTS.values(), ids=COSTS)
def test_one_stranger_alone_cannot_make_a_scan_fail(
    scanning: Scanning, outside: Outside, alike: list[int], behaviour: Behaviour
) -> None:
    """All questions that there are have failed, but one that no stranger wrote has an answer."""
    outside.llm.behaviour = behaviour
    begin(scanning, [(1, 2)])
    scanning.drain()
    scan = scanning.scan()
    assert (scan["status"], scan["error"], scan["dupe_group_count"]) == ("done", None, 0)
    assert scanning.warnings() == [("NOT_VERIFIED", 1, [1, 2])]


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_a_refusal_of_the_account_fails_the_scan_at_once(
    scanning: Scanning, outside: Outside, two_pairs: list[int], status: int
) -> None:
    outside.fail(CHAT, status)
    assert verify(scanning, [(1, 4), (2, 5)]) == []
    assert scanning.scan()["status"] == "failed"
    assert scanning.warnings() == []


def test_a_model_that_answered_once_is_not_tried(
    scanning: Scanning, outside: Outside, open_pulls: OpenPulls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ossgard.pipeline.phases.verify.SLICE_SIZE", 1)
    open_pulls(6)
    outside.llm.behaviour = Behaviour(unusable_for={3, 5})
    verify(scanning, [(1, 2), (3, 4), (5, 6)])
    assert scanning.warnings() == [("NOT_VERIFIED", 2, [3, 4, 5, 6])]
    assert len(outside.requests(CHAT)) == 5, "each question, and its repair"


def test_every_token_is_counted(scanning: Scanning, outside: Outside, open_pulls: OpenPulls) -> None:
    """Those of answers that were of no use, too."""
    open_pulls(4)
    outside.llm.behaviour = Behaviour(unusable_for={1})
    verify(scanning, [(1, 2), (3, 4)])
    # A question and its repair, and a question.
    assert len(outside.requests(CHAT)) == 3
    assert scanning.scan()["input_tokens"] > 1000
    assert scanning.scan()["output_tokens"] > 10


# ---- what happens meanwhile, and twice


def test_who_was_closed_in_the_meantime_is_not_asked_about(
    scanning: Scanning, outside: Outside, two_pairs: list[int]
) -> None:
    begin(scanning, [(1, 4), (2, 3), (2, 5), (4, 5)])
    go_on(scanning, "pairs")
    scanning.executor.connection.execute("UPDATE prs SET state = 'closed' WHERE number IN (3, 4)")
    scanning.run_phase("verify")
    assert verified(scanning) == [[2, 5]]
    assert not {3, 4} & {number for question in questions(outside, "verdicts") for number in question}


def test_every_message_delivered_twice_asks_again_and_stores_once(scanning: Scanning, two_pairs: list[int]) -> None:
    begin(scanning, [(1, 4), (2, 5), (1, 2)])
    while scanning.queue.jobs and scanning.queue.jobs[0][1].type == "verify":
        again = scanning.queue.jobs[0]
        scanning.deliver()
        scanning.queue.jobs.insert(0, again)
        scanning.deliver()
    assert verified(scanning) == [[1, 4], [2, 5]]
    assert len(said(scanning)) == 3


def test_hashes_of_many_are_brought_up_to_date_in_slices(
    scanning: Scanning, open_pulls: OpenPulls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ossgard.pipeline.phases.verify.PAGES", 2)
    monkeypatch.setattr("ossgard.pipeline.phases.verify.PAGE_SIZE", 2)
    open_pulls(9)
    verify(scanning, [(1, 9)])
    assert None not in scanning.pulls("shown_hash")
    assert len(said(scanning)) == 1


def test_nothing_to_verify_asks_nobody(scanning: Scanning, outside: Outside, open_pulls: OpenPulls) -> None:
    open_pulls(2)
    assert verify(scanning, []) == []
    assert outside.count(CHAT).calls == 0
