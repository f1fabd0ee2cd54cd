"""Whole scans in batch mode come to what ordinary ones come to, and ask one by one where there is only one."""

import pytest

from ossgard.pipeline.texts import INTENT_COLLECTION
from tests.core.batch.batch_scanning import (
    ROUNDS,
    BatchScanning,
    batch_config,
    ordinary,
    ordinary_questions,
    planted,
    result,
)
from tests.outside.diffs import ChangedFile
from tests.outside.repository import Repository
from tests.outside.world import World as Outside

SINGLE_CALLS = "openai.chat,openai.embeddings,anthropic.messages"

llms = pytest.mark.parametrize("llm", ["openai", "anthropic"])


def in_batches(outside: Outside, repository: Repository, llm: str) -> BatchScanning:
    return BatchScanning(outside, repository, batch_config(outside, llm))


@llms
def test_a_scan_in_batches_comes_to_the_same_as_an_ordinary_one(outside: Outside, llm: str) -> None:
    repository = planted(outside)
    plain = ordinary(outside, repository, llm)
    plain.scan_all()
    outside.reset()
    scanning = in_batches(outside, repository, llm)
    scanning.scan_in_batches()
    assert result(scanning) == result(plain)
    assert len(result(plain)["groups"]) > 4
    assert outside.requests(SINGLE_CALLS) == []
    embedded, *asked = scanning.submitted()
    assert (embedded.requests, len(asked)) == (12, 3)
    assert sum(batch.requests for batch in asked) == ordinary_questions(scanning)


@llms
def test_results_may_come_in_any_order(outside: Outside, llm: str) -> None:
    repository = planted(outside, prs=40)
    scanning = in_batches(outside, repository, llm)
    assert scanning.scan_in_batches()["status"] == "done"
    for batch in scanning.submitted():
        assert [outcome.custom_id for outcome in batch.outcomes] != batch.custom_ids
    outside.batches.unordered = False
    in_order = in_batches(outside, repository, llm)
    in_order.scan_in_batches()
    assert result(in_order) == result(scanning)


def test_every_request_of_a_batch_is_named_after_its_claim(outside: Outside) -> None:
    scanning = in_batches(outside, planted(outside), "openai")
    scanning.scan_in_batches()
    claims = [str(batch.metadata["ossgard_claim"]) for batch in scanning.submitted()]
    assert len(set(claims)) == 4
    for claim, batch in zip(claims, scanning.submitted(), strict=True):
        assert all(custom_id.startswith(f"{claim}-") for custom_id in batch.custom_ids)


@llms
def test_an_incremental_scan_embeds_only_what_has_changed(outside: Outside, llm: str) -> None:
    repository = planted(outside)
    plain, scanning = ordinary(outside, repository, llm), in_batches(outside, repository, llm)
    plain.scan_all()
    scanning.scan_in_batches()
    changed = sorted(repository.open_numbers)[2:5]
    for number in changed:
        repository.update(number, title=f"Another title for {number}")
    outside.reset()
    plain.scan_all()
    scanning.scan_in_batches()
    [embedded] = scanning.submitted("embed")
    assert sorted(int(custom_id.split("-")[2]) for custom_id in embedded.custom_ids) == changed
    assert result(scanning) == result(plain)


@llms
def test_a_full_scan_embeds_everything(outside: Outside, llm: str) -> None:
    repository = planted(outside)
    scanning = in_batches(outside, repository, llm)
    scanning.scan_in_batches()
    before = result(scanning)
    outside.reset()
    scanning.scan_in_batches(full=True)
    assert [batch.requests for batch in scanning.submitted("embed")] == [12]
    assert result(scanning)["groups"] == before["groups"]
    assert result(scanning)["vectors"] == before["vectors"]
    assert outside.requests("openai.chat,anthropic.messages") == [], "what was said of them stands"


def test_who_changes_no_file_has_no_code_signal(outside: Outside, repository: Repository) -> None:
    numbers = [repository.open(f"Without files {number}").number for number in range(3)]
    scanning = BatchScanning(outside, repository)
    scanning.scan_in_batches()
    assert scanning.vectors.ids(INTENT_COLLECTION) == {f"1-{number}-intent" for number in numbers}
    assert [len(item.body["input"]) for item in scanning.submitted("embed")[0].items] == [1, 1, 1]


@llms
def test_an_unchanged_repository_asks_for_no_embedding(outside: Outside, llm: str) -> None:
    scanning = in_batches(outside, planted(outside), llm)
    scanning.scan_in_batches()
    outside.reset()
    assert scanning.scan_in_batches()["status"] == "done"
    assert scanning.submitted("embed") == []
    assert outside.count("openai.embeddings").calls == 0


@llms
def test_one_question_alone_is_asked_in_the_ordinary_way(outside: Outside, repository: Repository, llm: str) -> None:
    repository.open("Fix the nozzle", "It drips", [ChangedFile("nozzle.py", "closed")])
    repository.open_duplicate(1)
    scanning = in_batches(outside, repository, llm)
    scanning.scan_in_batches()
    assert [batch.requests for batch in scanning.submitted()] == [2], "both are embedded, and are one group"
    repository.update(1, title="Fix the old nozzle")
    outside.reset()
    assert scanning.scan_in_batches()["status"] == "done"
    assert scanning.submitted() == []
    assert outside.requests("*.batches.*,openai.files") == []
    assert outside.count("openai.embeddings").inputs == 2, "both signals of one"
    assert len(outside.requests("openai.chat,anthropic.messages")) == 1, "their changes are equal"
    assert [sorted(group) for group in scanning.groups()[-1:]] == [[1, 2]]
    steps = scanning.rows("SELECT phase, count(*) FROM scan_steps WHERE scan_id = 2 GROUP BY phase")
    # Describe, plan, link, join.
    assert {("verify", 4), ("rank", 1)} <= set(steps), "nothing is claimed for one question"


def test_nothing_to_ask_submits_nothing(outside: Outside, repository: Repository) -> None:
    scanning = BatchScanning(outside, repository)
    assert scanning.scan_in_batches()["status"] == "done"
    assert scanning.submitted() == []


def test_batches_of_the_chat_model_only(outside: Outside) -> None:
    repository = planted(outside)
    scanning = BatchScanning(outside, repository, batch_config(outside, embedding_batch=False))
    assert scanning.scan_in_batches()["status"] == "done"
    assert [len(scanning.submitted(round)) for round in ROUNDS] == [0, 1, 1, 1]
    assert outside.requests("openai.embeddings")


def test_batches_of_the_embedding_model_only(outside: Outside) -> None:
    repository = planted(outside)
    scanning = BatchScanning(outside, repository, batch_config(outside, llm_batch=False))
    assert scanning.scan_in_batches()["status"] == "done"
    assert [len(scanning.submitted(round)) for round in ROUNDS] == [1, 0, 0, 0]
    assert outside.requests("openai.chat")


def test_ollama_is_asked_in_the_ordinary_way(outside: Outside) -> None:
    repository = planted(outside)
    scanning = BatchScanning(outside, repository, batch_config(outside, llm="ollama", embedding="ollama"))
    assert scanning.scan_in_batches()["status"] == "done"
    assert scanning.submitted() == []
    assert outside.requests("ollama.embed")
    assert outside.requests("ollama.chat")


def test_two_scans_of_two_accounts_at_the_same_time_do_not_meet(outside: Outside) -> None:
    repositories = [planted(outside, seed=seed) for seed in (1, 2)]
    alone = [ordinary(outside, repository) for repository in repositories]
    for plain in alone:
        plain.scan_all()
    outside.reset()
    outside.batches.polls = 3
    scannings = [BatchScanning(outside, repository) for repository in repositories]
    for scanning in scannings:
        scanning.begin()
    while any(scanning.queue.jobs or scanning.polls() for scanning in scannings):
        for scanning in scannings:
            if scanning.queue.jobs:
                scanning.deliver()
            elif scanning.polls():
                scanning.ring()
    assert [result(scanning) for scanning in scannings] == [result(plain) for plain in alone]
    assert [len(scanning.submitted()) for scanning in scannings] == [4, 4]
