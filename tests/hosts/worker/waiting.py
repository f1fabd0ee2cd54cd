"""A scan that waits for a provider's batch, made without running its phases before."""

import itertools
import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import httpx

from tests.outside.batches import Batch
from tests.outside.world import World
from tests.support.worker_host import WorkerHost

PHASE = "verify"
# Of the message that waits; those before it are answered.
STEP = 7

_numbers = itertools.count(1)


@dataclass(frozen=True)
class WaitingScan:
    """A scan in phase `verify`, which has no candidate groups: once its message is sent, it is done."""

    host: WorkerHost
    world: World
    id: int
    batch: Batch

    @property
    def poller(self) -> str:
        """What its poller is called."""
        return f"scan-{self.id}-{PHASE}"

    @property
    def message(self) -> dict[str, object]:
        """The message that waits for the batch."""
        return {"type": PHASE, "scanId": self.id, "step": STEP}

    def start(self, batch_id: str | None = None, **message: object) -> int:
        """Start the poller, for its own batch or another one; the status of the answer."""
        return self.host.start_poll(self.poller, batch_id or self.batch.id, {**self.message, **message})

    def next_alarm(self) -> datetime | None:
        """When the poller's alarm is due."""
        return self.host.next_alarm(self.poller)

    def poll(self) -> datetime | None:
        """Run the poller's alarm handler now; when the next alarm is due."""
        return self.host.run_alarm(self.poller)

    def kept(self) -> dict[str, Any] | None:
        """What the poller keeps; None when that is nothing at all."""
        kept = self.host.kept(self.poller)
        assert set(kept) <= {"poll"}
        return kept.get("poll")

    def status(self) -> str:
        """The scan's status."""
        [row] = self.host.sql("SELECT status FROM scans WHERE id = ?", self.id)
        status: str = row["status"]
        return status

    def on(self, host: WorkerHost) -> "WaitingScan":
        """The same scan on a host that has the same state."""
        return replace(self, host=host)


def waiting_scan(host: WorkerHost, world: World, *, sent: bool = True, phase: str = PHASE) -> WaitingScan:
    """Make an account, submit a batch in its name, and have a scan wait for it; the poller is not started."""
    config = world.config(llm="anthropic", batch=True)
    number = next(_numbers)
    [account] = host.sql(
        "INSERT INTO accounts (api_key_hash, config) VALUES (?, ?) RETURNING id", f"hash-{number}", json.dumps(config)
    )
    batch = submitted(world, config["llm"]["api_key"])
    [repository] = host.sql(
        "INSERT INTO repos (account_id, owner, name) VALUES (?, 'acme', ?) RETURNING id",
        account["id"],
        f"waiting-{number}",
    )
    [scan] = host.sql(
        "INSERT INTO scans (repo_id, account_id, status, phase_cursor) VALUES (?, ?, 'verifying', '{}') RETURNING id",
        repository["id"],
        account["id"],
    )
    host.sql(
        "INSERT INTO scan_steps (scan_id, step, phase, due_at, sent_at, batch_id, batch_expires_at) "
        "VALUES (?, ?, ?, '2026-01-01T00:00:00.000Z', ?, ?, '2999-01-01T00:00:00.000Z')",
        scan["id"],
        STEP,
        phase,
        "2026-01-01T00:00:00.000Z" if sent else None,
        batch.id,
    )
    return WaitingScan(host, world, scan["id"], batch)


def submitted(world: World, key: str) -> Batch:
    """A batch of one question, submitted at the stand-in for Anthropic."""
    question = {"model": "claude-haiku-4-5", "max_tokens": 16, "messages": [{"role": "user", "content": "?"}]}
    answer = httpx.post(
        f"{world.anthropic_url}/v1/messages/batches",
        headers={"x-api-key": key, "anthropic-version": "2023-06-01"},
        json={"requests": [{"custom_id": "claim-1", "params": question}]},
        verify=False,
    )
    assert answer.status_code == 200, answer.text
    [batch] = [batch for batch in world.batches.submitted if batch.id == answer.json()["id"]]
    return batch
