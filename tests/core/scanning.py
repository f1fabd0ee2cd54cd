"""Whole scans, or single phases of one, on the core without a host and with the world outside."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from ossgard.model import JsonObject
from ossgard.pipeline.disposition import Disposition
from ossgard.spec.entities import CandidateInput, CandidatePairInput
from ossgard.spec.settings import Settings
from tests.core.world import World
from tests.outside.repository import Repository
from tests.outside.world import World as Outside
from tests.support.memory_vectors import MemoryVectors


class Scanning(World):
    """A core whose account scans one repository.

    Args:
        outside: the world that its account is configured for.
        repository: what it scans.
        config: the account's configuration, the usual one when absent.
    """

    def __init__(
        self,
        outside: Outside,
        repository: Repository,
        config: dict[str, Any] | None = None,
        vectors: MemoryVectors | None = None,
    ) -> None:
        settings = Settings.from_mapping(outside.environment())
        super().__init__(settings=settings, config=config or outside.config(), vectors=vectors)
        self.repository = repository

    def scan_all(self, **options: Any) -> dict[str, Any]:
        """Scan until the queue is empty; the scan."""
        self.begin(**options)
        self.drain()
        return self.scan()

    def begin(self, **options: Any) -> int:
        """Start a scan."""
        return self.start_scan(self.repository.owner, self.repository.name, **options)

    def deliver(self) -> Disposition:
        """Deliver the message at the head of the queue, and take it out."""
        _, message, _ = self.queue.jobs.pop(0)
        return self.handle(message.model_dump(mode="json", by_alias=True))

    def run_until(self, phase: str) -> None:
        """Deliver until a message of this phase is the next one."""
        while self.queue.jobs and self.queue.jobs[0][1].type != phase:
            self.deliver()
        assert self.queue.jobs, f"the scan never came to '{phase}': {self.scan()}"

    def run_phase(self, phase: str) -> list[int]:
        """Work off every slice of a phase; the delays of the messages that led to them."""
        self.run_until(phase)
        delays = []
        while self.queue.jobs and self.queue.jobs[0][1].type == phase:
            delays.append(self.queue.jobs[0][2])
            self.deliver()
        return delays

    def propose(self, stage: str, groups: Sequence[Sequence[int]]) -> None:
        """Store groups of a stage, of pull requests whose numbers are their ids."""
        rows = [
            CandidateInput(position=place, pr_ids=list(ids), label=None, notes=None)
            for place, ids in enumerate(groups, 1)
        ]
        asyncio.run(self.db.insert_candidate_groups(self.scan()["id"], stage, rows))

    def pair(self, pairs: Sequence[tuple[int, int]], *, certain: bool = False) -> None:
        """Store pairs to be asked about, of pull requests whose numbers are their ids."""
        rows = [CandidatePairInput(pr_id=one, other_id=other, score=1, certain=certain) for one, other in pairs]
        asyncio.run(self.db.insert_candidate_pairs(self.scan()["id"], rows))

    def jump(self, phase: str, cursor: JsonObject) -> None:
        """Let the next message be the first one of a phase."""
        job_id, message, delay = self.queue.jobs[0]
        self.queue.jobs[0] = (job_id, message.model_copy(update={"type": phase}), delay)
        execute = self.executor.connection.execute
        execute("UPDATE scan_steps SET phase = ? WHERE step = ?", (phase, message.step))
        execute("UPDATE scans SET phase_cursor = ? WHERE id = ?", (json.dumps(cursor), message.scan_id))

    def pulls(self, columns: str = "number") -> list[Any]:
        """The stored pull requests by number: one column, or tuples of several."""
        rows = self.rows(f"SELECT {columns} FROM prs ORDER BY number")
        return [row[0] for row in rows] if "," not in columns else rows

    def warnings(self) -> list[tuple[str, int, list[int]]]:
        """What the newest scan warns of: code, count, examples; the messages say enough."""
        warnings = json.loads(self.scan()["warnings"])
        assert all(len(warning["message"]) > 40 for warning in warnings)
        return [(warning["code"], warning["count"], warning["examples"]) for warning in warnings]

    def groups(self) -> list[list[int]]:
        """The numbers in each stored group of duplicates, best first."""
        rows = self.rows("""
            SELECT group_id, prs.number FROM dupe_group_members
            JOIN prs ON prs.id = pr_id ORDER BY group_id, rank
            """)
        ids = sorted({group for group, _ in rows})
        return [[number for group, number in rows if group == id] for id in ids]
