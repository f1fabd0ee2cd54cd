"""The implementations of the database: `sqlite3`, `bun:sqlite` behind the bridge, and D1 in workerd."""

import asyncio
import json
import subprocess
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from ossgard.spec.database import Database
from ossgard.spec.sql_database import SqlDatabase
from tests.support.sqlite_executor import migrated_executor

ROOT = Path(__file__).resolve().parents[3]
BUN = ROOT / ".tools" / "node_modules" / ".bin" / "bun"
SCRIPT = Path(__file__).with_name("bun_database.ts")
# The largest single item of the story fits; a list from a quarter of this on may take several pieces.
SMALL_VALUE_BYTES = 130_000


@contextmanager
def sqlite3_database(directory: Path) -> Iterator[Database]:
    """`SqlDatabase` over Python's own SQLite."""
    executor = migrated_executor(str(directory / "ossgard.db"))
    yield SqlDatabase(executor)
    executor.connection.close()


@contextmanager
def chunked_database(directory: Path) -> Iterator[Database]:
    """`SqlDatabase` that sends all but the shortest lists in pieces, as D1 has it do with the longest."""
    executor = migrated_executor(str(directory / "ossgard.db"))
    yield SqlDatabase(executor, max_value_bytes=SMALL_VALUE_BYTES)
    executor.connection.close()


@contextmanager
def bun_database(directory: Path) -> Iterator[Database]:
    """`BunDatabase` in a Bun process, over the bridge that the local host uses."""
    sys.path.append(str(ROOT / "generated" / "local" / "python"))
    from bun_host.bridge import Bridge
    from bun_host.database import BridgeDatabase

    process = subprocess.Popen(
        [BUN, SCRIPT, directory / "ossgard.db"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    async def call(method: str, arguments: str) -> str:
        stdin.write(json.dumps([method, arguments]) + "\n")
        stdin.flush()
        return stdout.readline()

    try:
        yield BridgeDatabase(Bridge(call))
    finally:
        stdin.close()
        process.wait(20)


class JsException(Exception):
    """What Pyodide raises for an error of JavaScript."""


class D1Statement:
    """A statement of a binding that is reached over the control port."""

    def __init__(self, client: httpx.Client, sql: str, values: Sequence[object] = ()) -> None:
        self._client = client
        self.sent = {"sql": sql, "values": list(values)}

    def bind(self, *values: object) -> "D1Statement":
        return D1Statement(self._client, str(self.sent["sql"]), values)

    async def all(self) -> Any:
        return d1_result(d1_answer(self._client.post("/sql", json=self.sent)))

    run = all


class D1Binding:
    """The D1 binding as the Worker's executor sees it: every call is answered by D1 itself."""

    def __init__(self, control_url: str) -> None:
        self._client = httpx.Client(base_url=control_url, timeout=60, verify=False)

    def prepare(self, sql: str) -> D1Statement:
        return D1Statement(self._client, sql)

    async def batch(self, statements: Sequence[D1Statement]) -> list[Any]:
        body = {"statements": [statement.sent for statement in statements]}
        return [d1_result(answer) for answer in d1_answer(self._client.post("/batch", json=body))]


def d1_answer(answer: httpx.Response) -> Any:
    content = answer.json()
    if answer.status_code != 200:
        raise JsException(content["error"])
    return content


def d1_result(answer: dict[str, Any]) -> dict[str, Any]:
    return {"results": answer["results"], "meta": {"changes": answer["changes"]}}


@contextmanager
def d1_database(directory: Path) -> Iterator[Database]:
    """The Worker's own `D1Database`, over D1 in workerd."""
    from tests.support.worker_host import worker_host

    # The only thing that the executor takes from Pyodide.
    ffi = types.ModuleType("pyodide.ffi")
    ffi.JsException = JsException  # type: ignore[attr-defined]
    sys.modules.update({"pyodide": types.ModuleType("pyodide"), "pyodide.ffi": ffi})
    try:
        from cloudflare_host.d1 import D1Database
    finally:
        del sys.modules["pyodide"], sys.modules["pyodide.ffi"]

    with worker_host(directory, {"LOG_LEVEL": "error"}) as worker:
        yield D1Database(D1Binding(worker.control_url))


TARGETS = {"sqlite3": sqlite3_database, "chunks": chunked_database, "bun": bun_database, "d1": d1_database}


def wire_form(result: Any) -> Any:
    """A result as JSON has it."""
    if isinstance(result, list):
        return [wire_form(item) for item in result]
    return result.model_dump(mode="json", by_alias=True) if hasattr(result, "model_dump") else result


def run(database: Database, method: str, arguments: Sequence[Any]) -> Any:
    """Call a method by name."""
    return wire_form(asyncio.run(getattr(database, method)(*arguments)))
