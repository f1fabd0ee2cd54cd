"""What changes while a batch is waited for: the account's configuration, and the size of the stored vectors."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest

from ossgard.app import create_app
from ossgard.auth import hash_api_key
from ossgard.pipeline.texts import CODE_COLLECTION, INTENT_COLLECTION
from ossgard.pipeline.vector_size import MAX_RESTARTS
from tests.core.batch.batch_scanning import (
    CHAT_ROUNDS,
    ROUNDS,
    BatchScanning,
    about_to_submit,
    assert_equals_ordinary,
    batch_config,
    ordinary,
    ordinary_questions,
    planted,
    result,
)
from tests.core.mortal import Dying, die_once_accepted
from tests.core.scanning import Scanning
from tests.outside.repository import Repository
from tests.outside.world import World as Outside
from tests.support.memory_vectors import MemoryVectors

pytestmark = pytest.mark.slow

CHAT = "openai.chat,anthropic.messages,ollama.chat"


@pytest.fixture
def repository(outside: Outside) -> Repository:
    return planted(outside)


def put(scanning: BatchScanning, config: Mapping[str, Any]) -> None:
    """Replace the account's configuration as a user does: with `PUT /accounts/me`."""
    scanning.executor.connection.execute("UPDATE accounts SET api_key_hash = ?", (hash_api_key("key"),))

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(scanning.services))
        headers = {"Authorization": "Bearer key"}
        async with httpx.AsyncClient(transport=transport, base_url="http://core", headers=headers) as client:
            return await client.put("/accounts/me", json={"config": config})

    response = asyncio.run(send())
    assert response.status_code == 200, response.text


def changed(config: Mapping[str, Any], part: str, **values: Any) -> dict[str, Any]:
    return {**config, part: {**config[part], **values}}


def without_batches(scanning: BatchScanning) -> dict[str, Any]:
    """The account's configuration with batch mode turned off."""
    return changed(changed(scanning.config, "llm", batch=False), "embedding", batch=False)


def waiting(outside: Outside, repository: Repository, phase: str, llm: str = "openai") -> BatchScanning:
    """A scan in which a phase waits for a batch."""
    scanning = BatchScanning(outside, repository, batch_config(outside, llm))
    scanning.begin()
    scanning.wait_for_batch(phase)
    return scanning


# ---- batch mode


@pytest.mark.parametrize("phase", ["embed", "verify", "rank"])
def test_a_batch_under_way_is_the_last_when_batch_mode_is_turned_off(
    outside: Outside, repository: Repository, phase: str
) -> None:
    scanning = waiting(outside, repository, phase)
    put(scanning, without_batches(scanning))
    in_batches = sum(batch.requests for round in CHAT_ROUNDS for batch in scanning.submitted(round))
    outside.reset()
    assert scanning.finish()["status"] == "done"
    assert scanning.submitted() == []
    asked = len(outside.requests(CHAT))
    assert outside.requests("openai.embeddings") == []
    assert_equals_ordinary(scanning)
    assert asked + in_batches == ordinary_questions(scanning), "what is in a batch is not asked again"


def test_no_further_round_is_submitted_when_batch_mode_is_turned_off(
    outside: Outside, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ossgard.pipeline.batch.embed.ROUND_SIZE", 5)
    scanning = waiting(outside, repository, "embed")
    put(scanning, without_batches(scanning))
    assert scanning.finish()["status"] == "done"
    assert [batch.requests for batch in scanning.submitted()] == [5]
    assert_equals_ordinary(scanning)


def test_batch_mode_turned_on_in_the_middle_of_a_phase_leaves_that_to_the_ordinary_way(
    outside: Outside, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ossgard.pipeline.phases.verify.SLICE_SIZE", 2)
    scanning = BatchScanning(outside, repository, batch_config(outside, llm_batch=False))
    scanning.begin()
    while "position" not in str(scanning.scan()["phase_cursor"]):
        scanning.go_on()
    put(scanning, changed(scanning.config, "llm", batch=True))
    assert scanning.finish()["status"] == "done"
    assert [len(scanning.submitted(round)) for round in CHAT_ROUNDS] == [0, 1, 1]
    assert_equals_ordinary(scanning)


# ---- another model


def test_another_embedding_model_has_everything_embedded_by_that_one(outside: Outside, repository: Repository) -> None:
    scanning = waiting(outside, repository, "embed")
    other = changed(scanning.config, "embedding", model="text-embedding-ada-002")
    put(scanning, other)
    assert scanning.finish()["status"] == "done"
    assert [batch.model for batch in scanning.submitted("embed")] == [
        "text-embedding-3-small",
        "text-embedding-ada-002",
    ]
    assert scanning.submitted("embed")[0].collected == []
    plain = Scanning(outside, repository, changed(outside.config(), "embedding", model="text-embedding-ada-002"))
    plain.scan_all()
    assert result(scanning) == result(plain)


def test_another_embedding_model_after_a_round_embeds_what_that_had_embedded(
    outside: Outside, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ossgard.pipeline.batch.embed.ROUND_SIZE", 8)
    scanning = waiting(outside, repository, "embed")
    while len(scanning.submitted("embed")) < 2:
        scanning.drain()
        scanning.ring()
    put(scanning, changed(scanning.config, "embedding", model="text-embedding-ada-002"))
    assert scanning.finish()["status"] == "done"
    plain = Scanning(outside, repository, changed(outside.config(), "embedding", model="text-embedding-ada-002"))
    plain.scan_all()
    assert result(scanning)["vectors"] == result(plain)["vectors"]
    assert result(scanning)["hashes"] == result(plain)["hashes"]


@pytest.mark.parametrize("phase", ["verify", "rank"])
def test_another_chat_model_is_asked_instead(outside: Outside, repository: Repository, phase: str) -> None:
    scanning = waiting(outside, repository, phase)
    outside.batches.polls = 10**6
    put(scanning, changed(scanning.config, "llm", model="gpt-4o"))
    scanning.ring()
    outside.batches.polls = 1
    assert scanning.finish()["status"] == "done", "the old batch is not waited for"
    assert [batch.model for batch in scanning.submitted(phase)] == ["gpt-4o-mini", "gpt-4o"]
    assert scanning.submitted(phase)[0].collected == []


def test_another_provider_is_asked_instead(outside: Outside, repository: Repository) -> None:
    scanning = waiting(outside, repository, "verify")
    put(scanning, {**scanning.config, "llm": batch_config(outside, "anthropic")["llm"]})
    assert scanning.finish()["status"] == "done"
    assert [batch.provider for batch in outside.batches.submitted] == ["openai"] * 2 + ["anthropic"] * 3


def test_a_provider_without_batches_is_asked_in_the_ordinary_way(outside: Outside, repository: Repository) -> None:
    scanning = waiting(outside, repository, "verify")
    put(scanning, {**scanning.config, "llm": outside.config(llm="ollama")["llm"]})
    outside.reset()
    assert scanning.finish()["status"] == "done"
    assert outside.batches.submitted == []
    asked = len(outside.requests("ollama.chat"))
    assert asked == ordinary_questions(scanning) > 2


def test_embedding_goes_on_in_the_ordinary_way_with_a_provider_without_batches(
    outside: Outside, repository: Repository
) -> None:
    scanning = waiting(outside, repository, "embed")
    put(scanning, {**scanning.config, "embedding": outside.config(embedding="ollama")["embedding"]})
    assert scanning.finish()["status"] == "done"
    assert len(scanning.submitted("embed")) == 1
    assert {len(vector) for vector in result(scanning)["vectors"][INTENT_COLLECTION].values()} == {768}
    assert None not in scanning.pulls("embed_hash")


def test_another_model_before_the_batch_is_submitted_is_the_only_one_asked(
    outside: Outside, repository: Repository
) -> None:
    scanning = about_to_submit(outside, repository, "openai")
    put(scanning, changed(scanning.config, "llm", model="gpt-4o"))
    assert scanning.finish()["status"] == "done"
    assert [batch.model for batch in scanning.submitted("verify")] == ["gpt-4o"]


def test_a_lost_batch_of_the_old_model_is_not_taken_for_one_of_the_new(
    outside: Outside, repository: Repository
) -> None:
    """Killed between acceptance and record, and configured anew before the message came again."""
    scanning = about_to_submit(outside, repository, "openai")
    lost = die_once_accepted(scanning)
    put(scanning, changed(scanning.config, "llm", model="gpt-4o"))
    assert scanning.finish()["status"] == "done"
    assert [batch.model for batch in scanning.submitted("verify")] == ["gpt-4o-mini", "gpt-4o"]
    assert lost.collected == []


# ---- another vector store, or other vectors in it


def test_another_vector_store_gets_all_vectors(outside: Outside, repository: Repository) -> None:
    scanning = BatchScanning(outside, repository)
    other = MemoryVectors()
    own = scanning.vectors
    scanning.services = replace(scanning.services, vectors=lambda store: own if store is None else other)
    scanning.scan_in_batches()
    for number in sorted(repository.open_numbers)[2:5]:
        repository.update(number, title=f"Another title for {number}")
    scanning.begin()
    scanning.wait_for_batch("embed")
    put(scanning, {**scanning.config, "vector_store": outside.config(qdrant=True)["vector_store"]})
    assert scanning.finish()["status"] == "done"
    expected = {f"1-{number}-intent" for number in repository.open_numbers}
    assert other.ids(INTENT_COLLECTION) == expected
    assert None not in scanning.pulls("embed_hash")


def take_collections(scanning: BatchScanning) -> None:
    """Do what a scan with vectors of another size does: it empties the collections, and says so before."""

    async def take() -> None:
        await scanning.db.clear_all_embed_hashes()
        for collection in (CODE_COLLECTION, INTENT_COLLECTION):
            await scanning.vectors.ensure_collection(collection, 768)

    asyncio.run(take())


def test_collections_that_were_taken_are_taken_back_and_the_batch_is_not_lost(
    outside: Outside, repository: Repository
) -> None:
    scanning = BatchScanning(outside, repository)
    scanning.scan_in_batches()
    for number in sorted(repository.open_numbers)[2:5]:
        repository.update(number, title=f"Another title for {number}")
    outside.reset()
    scanning.begin()
    scanning.wait_for_batch("embed")
    take_collections(scanning)
    assert scanning.finish()["status"] == "done"
    first, rest = scanning.submitted("embed")
    assert (first.requests, len(first.collected), rest.requests) == (3, 2, 9)
    plain = ordinary(outside, repository)
    plain.scan_all()
    assert result(scanning)["vectors"] == result(plain)["vectors"]
    assert result(scanning)["groups"] == result(plain)["groups"]


def test_collections_that_are_taken_again_and_again_end_the_scan(outside: Outside, repository: Repository) -> None:
    scanning = waiting(outside, repository, "embed")
    while scanning.scan()["status"] == "embedding":
        if scanning.queue.jobs:
            take_collections(scanning)
            scanning.deliver()
        else:
            scanning.ring()
    assert scanning.scan()["error"] == (
        "Another scan embeds with vectors of another size at the same time. Start the scan again when it has ended, or "
        "use the same embedding model for both"
    )
    assert len(scanning.submitted("embed")) <= MAX_RESTARTS + 1


def test_killed_everywhere_while_collections_are_made_anew(outside: Outside, repository: Repository) -> None:
    for after in (False, True):
        scanning = Dying(outside, repository, batch_config(outside), after)
        take_collections(scanning)
        scanning.die_everywhere(recover=lambda: None)
        assert [len(scanning.submitted(round)) for round in ROUNDS] == [1, 1, 1, 1]
        assert_equals_ordinary(scanning)


# ---- pull requests that are closed


def test_who_was_closed_while_the_batch_was_waited_for_gets_no_vectors(
    outside: Outside, repository: Repository
) -> None:
    scanning = waiting(outside, repository, "embed")
    gone, *left = sorted(repository.open_numbers)
    scanning.executor.connection.execute("UPDATE prs SET state = 'closed' WHERE number = ?", (gone,))
    assert scanning.finish()["status"] == "done"
    assert scanning.vectors.ids(INTENT_COLLECTION) == {f"1-{number}-intent" for number in left}
    assert scanning.rows("SELECT number FROM prs WHERE embed_hash IS NULL") == [(gone,)]


def test_who_was_closed_while_the_batch_was_waited_for_is_in_no_group(outside: Outside, repository: Repository) -> None:
    scanning = waiting(outside, repository, "verify")
    pair = next(group for group in repository.planted_groups if len(group) == 3)
    scanning.executor.connection.execute("UPDATE prs SET state = 'closed' WHERE number = ?", (pair[0],))
    assert scanning.finish()["status"] == "done"
    assert sorted(map(sorted, scanning.groups())) == sorted(
        sorted(set(group) - {pair[0]}) for group in repository.planted_groups
    )
