"""What tests ask of the probe, and how they wait for what comes of it."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from tests.support.worker_host import WorkerHost

T = TypeVar("T")
WAIT_SECONDS = 20


def do(probe: WorkerHost, action: str, **arguments: object) -> Any:
    """Have the probe do something; what came of it."""
    answer = httpx.post(probe.url, json={"do": action, "with": arguments}, timeout=60, verify=False)
    assert answer.status_code == 200, answer.text
    return answer.json()


def notes(probe: WorkerHost, like: str, count: int) -> list[str]:
    """The notes with a text in them, once there are as many."""
    rows = eventually(
        lambda: probe.sql("SELECT text FROM notes WHERE text LIKE ? ORDER BY id", f"%{like}%"),
        lambda rows: len(rows) >= count,
    )
    return [row["text"] for row in rows]


def eventually(read: Callable[[], T], good: Callable[[T], bool], seconds: float = WAIT_SECONDS) -> T:
    """What `read` gives once it is good."""
    deadline = time.monotonic() + seconds
    while not good(value := read()):
        assert time.monotonic() < deadline, f"still {value!r}"
        time.sleep(0.05)
    return value
