"""The vector stores of the local host in a Bun process, behind the Python class that the core uses them through."""

import asyncio
import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ossgard.services import VectorStores

ROOT = Path(__file__).resolve().parents[3]
BUN = ROOT / ".tools" / "node_modules" / ".bin" / "bun"
SCRIPT = Path(__file__).with_name("vector_stores.ts")

sys.path.append(str(ROOT / "generated" / "local" / "python"))


class BunProcess:
    """Calls from any event loop, many at a time; `warnings` is what the stores had to say."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.warnings: list[str] = []
        self._stdin, self._stdout = process.stdin, process.stdout
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[str]] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    async def callVectors(self, config_json: str, method: str, arguments_json: str) -> str:
        """What the local host gives to Python under this name."""
        answer: Future[str] = Future()
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = answer
            self._stdin.write(json.dumps([number, config_json, method, arguments_json]) + "\n")
            self._stdin.flush()
        return await asyncio.wrap_future(answer)

    def _read(self) -> None:
        for line in self._stdout:
            kind, text = json.loads(line)
            if kind == "warning":
                self.warnings.append(text)
            else:
                answer = self._waiting.pop(kind)
                # Nobody waits any more for what was asked beside a call that failed.
                if answer.set_running_or_notify_cancel():
                    answer.set_result(text)
        for answer in self._waiting.values():
            answer.set_exception(RuntimeError("the Bun process has ended"))


@contextmanager
def bun_stores(database: Path, timeout_seconds: float = 30) -> Iterator[tuple[VectorStores, BunProcess]]:
    """Run the process with its vectors in a database file; gives what chooses a store, and the process."""
    from bun_host.vectors import BunVectorStore

    with subprocess.Popen(
        [BUN, SCRIPT, database, str(timeout_seconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        caller: Any = BunProcess(process)
        try:
            yield partial(BunVectorStore, caller), caller
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(20)
