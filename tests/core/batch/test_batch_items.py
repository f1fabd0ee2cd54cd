"""Single items of a batch that fail, expire or are answered with nonsense: asked again, in the ordinary way."""

import json
import re
from typing import Any

import pytest

from tests.core.batch.batch_scanning import CHAT_ROUNDS, BatchScanning, batch_config, ordinary, planted, result
from tests.core.scanning import Scanning
from tests.outside.llm import Behaviour
from tests.outside.repository import Repository
from tests.outside.world import World as Outside

pytestmark = pytest.mark.slow

CHAT = "openai.chat,anthropic.messages"

llms = pytest.mark.parametrize("llm", ["openai", "anthropic"])


def scanned(outside: Outside, repository: Repository, llm: str = "openai", **options: Any) -> BatchScanning:
    scanning = BatchScanning(outside, repository, batch_config(outside, llm))
    scanning.scan_in_batches(**options)
    return scanning


def ordinarily(outside: Outside, repository: Repository, llm: str = "openai") -> Scanning:
    plain = ordinary(outside, repository, llm)
    plain.scan_all()
    outside.reset()
    return plain


def is_chat(custom_id: str) -> bool:
    """Whether an item is a question about a group: its position is all there is besides the claim."""
    return custom_id.count("-") == 1


def test_one_embedding_in_a_hundred_failed(outside: Outside) -> None:
    repository = planted(outside, prs=100)
    plain = ordinarily(outside, repository)
    number = max(repository.open_numbers)
    outside.batches.failing = lambda custom_id: custom_id.split("-")[2:3] == [str(number)]
    scanning = scanned(outside, repository)
    [batch] = scanning.submitted("embed")
    assert (batch.requests, batch.count("errored")) == (100, 1)
    [both_signals] = [item.body["input"] for item in batch.items if f"-{number}-" in item.custom_id]
    asked_again = [text for request in outside.requests("openai.embeddings") for text in request.json()["input"]]
    assert sorted(asked_again) == sorted(both_signals)
    assert result(scanning) == result(plain)


@llms
def test_one_question_of_each_phase_failed(outside: Outside, llm: str) -> None:
    repository = planted(outside, prs=20)
    plain = ordinarily(outside, repository, llm)
    outside.batches.failing = lambda custom_id: is_chat(custom_id) and custom_id.endswith("-2")
    scanning = scanned(outside, repository, llm)
    failed = [sum(batch.count("errored") for batch in scanning.submitted(round)) for round in CHAT_ROUNDS]
    assert failed == [1, 1, 1]
    assert len(outside.requests(CHAT)) == 3, "nothing but what has failed is asked again"
    assert result(scanning) == result(plain)


@llms
@pytest.mark.parametrize("status", [400, 500])
def test_all_items_failed(outside: Outside, llm: str, status: int) -> None:
    repository = planted(outside)
    plain = ordinarily(outside, repository, llm)
    outside.batches.failing, outside.batches.failing_status = 1, status
    scanning = scanned(outside, repository, llm)
    assert result(scanning) == result(plain)
    embedded, *asked = scanning.submitted()
    assert (embedded.requests, len(asked)) == (12, 3), "no batch is submitted again"
    assert len(outside.requests(CHAT)) == sum(batch.requests for batch in asked)


@llms
@pytest.mark.parametrize("habit", ["code_fence", "invented_ids"])
def test_bad_habits_of_a_model_do_no_harm(outside: Outside, llm: str, habit: str) -> None:
    repository = planted(outside)
    setattr(outside.llm.behaviour, habit, 1)
    plain = ordinarily(outside, repository, llm)
    scanning = scanned(outside, repository, llm)
    assert result(scanning) == result(plain)
    assert outside.requests(CHAT) == []


@llms
@pytest.mark.parametrize("habit", ["broken_first", "wrong_shape_first"])
def test_an_answer_of_no_use_is_repaired_by_an_ordinary_question(outside: Outside, llm: str, habit: str) -> None:
    repository = planted(outside)
    setattr(outside.llm.behaviour, habit, 1)
    _forget_what_was_asked(outside)
    plain = ordinarily(outside, repository, llm)
    _forget_what_was_asked(outside)
    scanning = scanned(outside, repository, llm)
    assert result(scanning) == result(plain), "tokens of both answers are counted"
    repairs = [request.json() for request in outside.requests(CHAT)]
    assert len(repairs) == sum(batch.requests for batch in scanning.submitted()[1:])
    assert all("Your previous answer" in json.dumps(repair) for repair in repairs)


@llms
def test_an_item_without_any_usable_answer_is_recorded_and_skipped(outside: Outside, llm: str) -> None:
    repository = planted(outside)
    outside.llm.behaviour = Behaviour(
        unusable_for={number for group in repository.planted_groups[:2] for number in group}
    )
    plain = ordinarily(outside, repository, llm)
    scanning = scanned(outside, repository, llm)
    assert result(scanning) == result(plain)
    skipped = result(scanning)["skipped"]
    assert {stage for stage, _, _ in skipped} <= {"pairs", "groups"}
    assert all(len(error) > 20 for _, _, error in skipped)
    assert skipped


def test_some_items_at_anthropic_expired(outside: Outside) -> None:
    repository = planted(outside, prs=20)
    plain = ordinarily(outside, repository, "anthropic")
    scanning = BatchScanning(outside, repository, batch_config(outside, "anthropic"))
    scanning.begin()
    scanning.wait_for_batch("verify")
    outside.batches.expire = 0.5
    scanning.finish()
    assert result(scanning) == result(plain)
    expired = [scanning.submitted(round)[0].count("expired") for round in CHAT_ROUNDS]
    assert min(expired) > 0
    assert len(outside.requests(CHAT)) == sum(expired)


@llms
def test_answers_that_are_not_what_is_documented_are_asked_again(outside: Outside, llm: str) -> None:
    repository = planted(outside)
    plain = ordinarily(outside, repository, llm)
    scanning = BatchScanning(outside, repository, batch_config(outside, llm))
    scanning.begin()
    for phase, round in (("embed", "embed"), ("verify", "verify"), ("verify", "groups"), ("rank", "rank")):
        scanning.wait_for_batch(phase)
        scanning.submitted(round)[0].answer = lambda body: (200, {"nothing": "of use"})
        scanning.ring()
    scanning.finish()
    assert result(scanning) == result(plain)
    assert outside.count("openai.embeddings").inputs == 24


def test_vectors_of_a_wrong_size_are_not_stored(outside: Outside) -> None:
    repository = planted(outside)
    plain = ordinarily(outside, repository)
    scanning = BatchScanning(outside, repository)
    scanning.begin()
    scanning.wait_for_batch("embed")
    [batch] = scanning.submitted("embed")
    answer = batch.answer
    batch.answer = lambda body: answer({**body, "dimensions": 8})
    scanning.finish()
    assert result(scanning) == result(plain), "they are embedded in the ordinary way"


# ---- models that are not to be told at which temperature to answer


def test_a_model_that_refuses_a_temperature_is_asked_again_without_one(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = planted(outside)
    plain = ordinarily(outside, repository, "anthropic")
    _is_not_known_to_refuse(monkeypatch)
    config = batch_config(outside, "anthropic")
    config["llm"]["model"] = "claude-opus-4-7"
    scanning = BatchScanning(outside, repository, config)
    scanning.scan_in_batches()
    assert scanning.groups() == plain.groups()
    for round in CHAT_ROUNDS:
        refused, asked = scanning.submitted(round)
        assert (refused.count("errored"), asked.count("succeeded")) == (refused.requests, refused.requests)
        assert ["temperature" in item.body for batch in (refused, asked) for item in batch.items[:1]] == [True, False]
    assert outside.requests(CHAT) == []


def test_what_is_left_over_of_such_a_model_is_asked_without_one(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = planted(outside)
    plain = ordinarily(outside, repository, "anthropic")
    _is_not_known_to_refuse(monkeypatch)
    config = batch_config(outside, "anthropic")
    config["llm"]["model"] = "claude-opus-4-7"
    outside.batches.failing = lambda custom_id: is_chat(custom_id) and custom_id.endswith("-2")
    scanning = BatchScanning(outside, repository, config)
    scanning.scan_in_batches()
    assert scanning.groups() == plain.groups()
    assert {request.json().get("temperature") for request in outside.requests(CHAT)} == {0, None}


def test_a_few_refusals_do_not_have_a_batch_submitted_again(outside: Outside) -> None:
    repository = planted(outside)
    plain = ordinarily(outside, repository, "anthropic")
    scanning = BatchScanning(outside, repository, batch_config(outside, "anthropic"))
    scanning.begin()
    scanning.wait_for_batch("verify")
    [batch] = scanning.submitted("verify")
    answer, refused = batch.answer, batch.items[0].body
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "temperature: not with this one"}}
    batch.answer = lambda body: (400, error) if body is refused else answer(body)
    scanning.finish()
    assert scanning.submitted("verify") == [batch]
    assert len(outside.requests(CHAT)) == 1
    assert result(scanning) == result(plain)


def _is_not_known_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ossgard.providers.anthropic._WITHOUT_TEMPERATURE", re.compile("no-such-model"))


def _forget_what_was_asked(outside: Outside) -> None:
    """Repositories of tests have pull requests of the same numbers, and some habits are those of first answers."""
    outside.llm._asked.clear()


# ---- what costs one item


@llms
@pytest.mark.parametrize("way", ["nonsense", "refused"])
def test_what_has_no_usable_answer_is_told_and_shown_unranked(outside: Outside, llm: str, way: str) -> None:
    repository = planted(outside)
    first, *_ = repository.planted_groups
    word = "zyzzyva"
    for number in first:
        pull = repository.pulls[number]
        repository.update(number, title=f"{pull.title} {word}", files=repository.pulls[first[0]].files)
    outside.llm.behaviour = {
        "nonsense": Behaviour(unusable_for={first[0]}),
        "refused": Behaviour(refuses=frozenset({word})),
    }[way]
    plain = ordinarily(outside, repository, llm)
    scanning = scanned(outside, repository, llm)
    assert result(scanning) == result(plain)
    assert ("NOT_RANKED", 1) in [warning[:2] for warning in scanning.warnings()]
    assert {code for code, _, _ in scanning.warnings()} <= {"NOT_VERIFIED", "NOT_RANKED"}
    assert first in scanning.groups(), "equal diffs, in the order of their numbers"


@llms
def test_a_model_that_answers_nothing_fails_the_scan(outside: Outside, llm: str) -> None:
    outside.llm.behaviour = Behaviour(silent=True)
    scanning = scanned(outside, planted(outside), llm)
    assert scanning.scan()["status"] == "failed"
    assert "has not given a usable answer to any question" in scanning.scan()["error"]


def test_a_text_that_is_refused_costs_its_pull_request_the_vectors(outside: Outside) -> None:
    repository = planted(outside)
    number = max(repository.open_numbers)
    repository.update(number, title="A zyzzyva")
    outside.llm.behaviour = Behaviour(refuses_to_embed=frozenset({"zyzzyva"}))
    plain = ordinarily(outside, repository)
    scanning = scanned(outside, repository)
    assert result(scanning) == result(plain)
    assert scanning.warnings() == [("NOT_EMBEDDED", 1, [number])]
