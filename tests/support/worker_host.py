"""The Worker as a process of its own: Miniflare under Bun with the real workerd, on free loopback ports."""

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
BUN = ROOT / ".tools" / "node_modules" / ".bin" / "bun"
WORKER = ROOT / "generated" / "worker"

# What the generated Worker calls the pollers' binding and its queues.
_SETTINGS = json.loads((WORKER / "dev" / "settings.json").read_text())
[POLLER] = _SETTINGS["durableObjects"]
PIPELINE, DEAD_LETTERS = _SETTINGS["consumers"]

# The first start compiles the standard library.
START_SECONDS = 240
STOP_SECONDS = 20


class HostFailedError(Exception):
    """The host ended before it listened."""


class AlarmFailedError(Exception):
    """The alarm handler of an object raised something."""


@dataclass
class WorkerHost:
    """A running host; `lines` is what it has printed so far."""

    url: str
    control_url: str
    lines: list[str] = field(default_factory=list)
    process: "subprocess.Popen[str] | None" = None

    def sql(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Run a statement on the host's D1; its rows."""
        rows: list[dict[str, Any]] = self._control("sql", {"sql": sql, "values": values})["results"]
        return rows

    def deliver(self, queue: str, body: object, attempts: int = 1) -> dict[str, Any]:
        """Hand a message to the Worker's queue handler; what it did with it."""
        return self._control("queue", {"queue": queue, "body": body, "attempts": attempts})

    def fetch_object(self, binding: str, name: str, method: str = "GET", body: str | None = None) -> dict[str, Any]:
        """What a Durable Object answers to a request: `status` and `body`."""
        return self._control("object", {"binding": binding, "name": name, "method": method, "body": body})

    def start_poll(self, name: str, batch_id: str, message: Mapping[str, object]) -> int:
        """Ask a poller to poll a batch on behalf of a message; the status of its answer."""
        body = json.dumps({"batchId": batch_id, "message": message})
        status: int = self.fetch_object(POLLER, name, "POST", body)["status"]
        return status

    def next_alarm(self, name: str, binding: str = POLLER) -> datetime | None:
        """When the alarm of a poller, or of another object, is due."""
        return _moment(self._control("alarm/next", {"binding": binding, "name": name})["at"])

    def run_alarm(self, name: str, binding: str = POLLER) -> datetime | None:
        """Run the alarm handler of a poller, or of another object, as if the alarm had rung; when the next one is due.

        Raises:
            AlarmFailedError: the handler raised something.
        """
        answer = self._control("alarm/run", {"binding": binding, "name": name})
        if answer["error"] is not None:
            raise AlarmFailedError(answer["error"])
        return _moment(answer["at"])

    def kept(self, name: str, binding: str = POLLER) -> dict[str, Any]:
        """What a poller, or another object, keeps, by key."""
        return self._control("object/storage", {"binding": binding, "name": name})

    def run_schedule(self) -> None:
        """Run the scheduled handler."""
        self._control("scheduled", {})

    def invocations(self) -> list[dict[str, Any]]:
        """What each invocation used that has ended since the last reset (see dev/invocations.ts)."""
        answer = httpx.get(f"{self.control_url}/invocations", timeout=60, verify=False)
        found: list[dict[str, Any]] = answer.json()
        return found

    def reset_invocations(self) -> None:
        """Forget the invocations so far."""
        self._control("invocations/reset", {})

    def control_vectorize(self, **changes: object) -> None:
        """Change `delayMilliseconds`, set the `failure` of the next calls ({times, status, code, message}), or have
        vectors be `lost`, by their ids."""
        self._control("vectorize", changes)

    def kill(self) -> None:
        """Kill the host as if the machine had lost its power."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def _control(self, path: str, body: object) -> dict[str, Any]:
        answer = httpx.post(f"{self.control_url}/{path}", json=body, timeout=60, verify=False)
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()
        return result


@contextmanager
def worker_host(directory: Path, environment: Mapping[str, str], worker: Path = WORKER) -> Iterator[WorkerHost]:
    """Run a Worker's folder with its state in `directory`, and stop it in the end as an operator would.

    Raises:
        HostFailedError: it did not start; the error holds what it printed.
    """
    lines: list[str] = []
    own = {"PORT": "0", "OSSGARD_CONTROL_PORT": "0", "OSSGARD_STATE": str(directory)}
    process = subprocess.Popen(
        [BUN, worker / "dev" / "host.ts"],
        env={**os.environ, **environment, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        url, control_url = _wait_until_ready(process, lines)
        yield WorkerHost(url, control_url, lines, process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _wait_until_ready(process: subprocess.Popen[str], lines: list[str]) -> tuple[str, str]:
    """The URLs that the host prints; what it prints is read to the end, so that it never waits for a reader."""
    assert process.stdout is not None
    output = process.stdout
    found: dict[str, str] = {}
    settled = threading.Event()

    def read() -> None:
        for line in output:
            lines.append(line.rstrip())
            match = re.match(r"(Listening|Control interface) on (http://\S+)", line)
            if match:
                found[match[1]] = match[2]
                if match[1] == "Listening":
                    settled.set()
        settled.set()

    threading.Thread(target=read, daemon=True).start()
    settled.wait(START_SECONDS)
    if "Listening" not in found:
        raise HostFailedError("\n".join(lines))
    return found["Listening"], found["Control interface"]


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
