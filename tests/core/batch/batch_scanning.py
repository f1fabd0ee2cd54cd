"""Scans in batch mode on the core without a host: tests deliver the messages, and let the pollers' alarms ring."""

import asyncio
import itertools
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ossgard.model import JsonObject
from ossgard.pipeline.batch.poll_table import TableScheduler, poll
from ossgard.pipeline.batch.states import Claimed, RoundState, kept_state
from ossgard.pipeline.texts import CODE_COLLECTION, INTENT_COLLECTION
from ossgard.times import from_text
from tests.core.scanning import Scanning
from tests.outside.batches import Batch
from tests.outside.planting import Plan
from tests.outside.repository import Repository
from tests.outside.world import World as Outside
from tests.support.memory_vectors import MemoryVectors

_numbers = itertools.count(1)

CHAT = "openai.chat,anthropic.messages,ollama.chat"
# Each is a round of its own, under the name that `submitted` knows it by.
CHAT_ROUNDS = ("verify", "groups", "rank")
ROUNDS = ("embed", *CHAT_ROUNDS)


class BatchScanning(Scanning):
    """A core whose account wants batches; its pollers are rows of the database, as on the local host.

    The world outside keeps the time of the core.

    Args:
        outside: the world that its account is configured for.
        repository: what it scans.
        config: the account's configuration; one with batches and keys of its own when absent.
        vectors: where vectors are kept.
    """

    def __init__(
        self,
        outside: Outside,
        repository: Repository,
        config: dict[str, Any] | None = None,
        vectors: MemoryVectors | None = None,
    ) -> None:
        self.config = config or batch_config(outside)
        super().__init__(outside, repository, self.config, vectors)
        self.outside = outside
        self.key = self.config["llm"]["api_key"]
        self.services = replace(self.services, batches=TableScheduler(self.db, self.clock, lambda: None))
        outside.batches.now = lambda: self.clock.now().timestamp()

    # ---- going on

    def polls(self) -> list[tuple[str, str]]:
        """The pollers, with the moments of their next polls."""
        return [(name, at) for name, at in self.rows("SELECT name, next_poll_at FROM batch_polls ORDER BY name")]

    def ring(self) -> None:
        """Let time pass until the next alarm, and have its poller poll."""
        name, at = min(self.polls(), key=lambda poll: poll[1])
        wait = from_text(at) - self.clock.now()
        self.clock.advance(seconds=max(wait, timedelta()).total_seconds())
        asyncio.run(poll(self.services, name))

    @property
    def is_under_way(self) -> bool:
        """Whether there is anything left to deliver or to poll."""
        return bool(self.queue.jobs or self.polls())

    def go_on(self) -> None:
        """Deliver the next message, or else let the next alarm ring."""
        if self.queue.jobs:
            self.deliver()
        else:
            self.ring()

    def finish(self) -> dict[str, Any]:
        """Deliver and poll until the scan has ended; the scan."""
        while self.is_under_way:
            self.drain()
            if self.polls():
                self.ring()
        return self.scan()

    def scan_in_batches(self, **options: Any) -> dict[str, Any]:
        """Scan to the end; the scan."""
        self.begin(**options)
        return self.finish()

    def wait_for_batch(self, phase: str) -> str:
        """Deliver and poll until a phase waits for its batch; the batch's id."""
        name = f"scan-{self.scan()['id']}-{phase}"
        while not any(poll == name for poll, _ in self.polls()):
            assert self.is_under_way, f"the scan never waits in '{phase}': {self.scan()}"
            self.go_on()
        [(batch_id,)] = self.rows(f"SELECT batch_id FROM batch_polls WHERE name = '{name}'")
        return str(batch_id)

    def run_until_submission(self, phase: str) -> None:
        """Deliver and poll until the next message is the one that submits a phase's first batch."""
        while not (self.queue.jobs and self.queue.jobs[0][1].type == phase and self.is_claimed):
            self.go_on()

    def sweep(self, **after: float) -> int:
        """Let time pass, and sweep."""
        self.clock.advance(**after)
        return asyncio.run(self.runner.sweep())

    # ---- what is known of it

    @property
    def state(self) -> RoundState | None:
        """How far the scan's phase is with its batches."""
        return kept_state(json.loads(self.scan()["phase_cursor"] or "{}"))

    @property
    def is_claimed(self) -> bool:
        """Whether a round is claimed, and no batch of it recorded."""
        return isinstance(self.state, Claimed)

    @property
    def progress(self) -> JsonObject:
        """What the scan shows."""
        progress: JsonObject = json.loads(self.scan()["progress"])
        return progress

    def submitted(self, phase: str = "*") -> list[Batch]:
        """What was submitted with the account's first key, oldest first; of one phase, or of all.

        The questions of the phase verify about whole groups go by the name `groups`.
        """
        batches = [batch for batch in self.outside.batches.submitted if batch.key == self.key]
        return [batch for batch in batches if phase in ("*", _phase_of(batch))]

    def configure(self, config: dict[str, Any]) -> None:
        """Change the account's configuration, and nothing else."""
        self.executor.connection.execute("UPDATE accounts SET config = ?", (json.dumps(config),))


def batch_config(
    outside: Outside,
    llm: str = "openai",
    embedding: str = "openai",
    llm_batch: bool = True,
    embedding_batch: bool = True,
) -> dict[str, Any]:
    """An account's configuration with batches, and with keys of its own: a key sees only its own batches."""
    config = outside.config(llm=llm, embedding=embedding)
    # After the usual keys in the order of the alphabet, which are the first.
    key = f"sk-z-batches-{next(_numbers):04}"
    outside.openai.keys.add(key)
    outside.anthropic.keys.add(key)
    config["llm"] |= {"api_key": key, "batch": llm_batch}
    config["embedding"] |= {"api_key": key, "batch": embedding_batch}
    return config


def about_to_submit(outside: Outside, repository: Repository, llm: str) -> BatchScanning:
    """A scan whose next message submits the verify phase's batch."""
    scanning = BatchScanning(outside, repository, batch_config(outside, llm))
    scanning.begin()
    scanning.run_until_submission("verify")
    outside.reset()
    return scanning


def planted(outside: Outside, prs: int = 12, seed: int = 1) -> Repository:
    """A repository with groups of duplicates in it, the same one for the same arguments, in its first state."""
    plan = Plan(prs=prs, seed=seed, duplicate_share=0.8, closed_share=0, odd=False)
    return outside.add_repository("acme", f"batched-{prs}-{seed}", plan)


def ordinary(outside: Outside, repository: Repository, llm: str = "openai") -> Scanning:
    """The same repository, to be scanned without batches."""
    return Scanning(outside, repository, outside.config(llm=llm))


def result(scanning: Scanning) -> dict[str, Any]:
    """All that the newest scan came to."""
    scan = scanning.scan()
    told = ("status", "error", "pr_count", "dupe_group_count", "progress", "warnings")
    used = ("input_tokens", "output_tokens", "embedding_tokens")
    return {
        "scan": {key: scan[key] for key in (*told, *used)},
        "groups": scanning.rows(f"""
            SELECT label, pr_count, number, rank, score, rationale FROM dupe_group_members
            JOIN dupe_groups ON dupe_groups.id = group_id JOIN prs ON prs.id = pr_id
            WHERE scan_id = {scan["id"]} ORDER BY group_id, rank
            """),
        "skipped": scanning.rows("SELECT stage, position, error FROM candidate_groups ORDER BY stage, position"),
        "hashes": scanning.pulls("number, embed_hash"),
        "vectors": {name: vectors(scanning, name) for name in (CODE_COLLECTION, INTENT_COLLECTION)},
    }


def assert_equals_ordinary(scanning: BatchScanning) -> None:
    """The scan has come to what an ordinary one of the same repository comes to."""
    plain = ordinary(scanning.outside, scanning.repository, scanning.config["llm"]["provider"])
    plain.scan_all()
    assert result(scanning) == result(plain)


def ordinary_questions(scanning: BatchScanning) -> int:
    """How many questions the chat model is asked in an ordinary scan of the same repository."""
    scanning.outside.reset()
    ordinary(scanning.outside, scanning.repository, scanning.config["llm"]["provider"]).scan_all()
    asked = len(scanning.outside.requests(CHAT))
    scanning.outside.reset()
    return asked


def vectors(scanning: Scanning, collection: str) -> dict[str, list[float]]:
    """What a collection holds."""
    ids = sorted(scanning.vectors.ids(collection))
    found = asyncio.run(scanning.vectors.get_vectors(collection, ids))
    return {id: list(values) for id, values in found.items()}


def _phase_of(batch: Batch) -> str:
    body = json.dumps(batch.items[0].body)
    if '"input"' in body:
        return "embed"
    if "verdicts" in body:
        return "verify"
    return "rank" if "rankings" in body else "groups"
