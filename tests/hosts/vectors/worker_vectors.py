"""The vector store of a Worker, which workerd runs, as a store of the test's own process."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx

from ossgard.errors import PermanentError, RetryableError
from ossgard.ports import VectorMatch, VectorPoint
from tests.support.worker_host import WorkerHost, worker_host
from tests.support.worker_project import generated_project

ENTRY = Path(__file__).with_name("worker_entry.py")


class WorkerVectors:
    """Implements `VectorStore`: every call is a request of the Worker."""

    def __init__(self, host: WorkerHost) -> None:
        self.host = host

    async def dimensions(self, collection: str) -> int | None:
        found: int | None = await self._call("dimensions", collection=collection)
        return found

    async def ensure_collection(self, collection: str, dimensions: int) -> bool:
        return bool(await self._call("ensure_collection", collection=collection, dimensions=dimensions))

    async def upsert(self, collection: str, points: Sequence[VectorPoint]) -> str:
        sent = [asdict(point) | {"values": list(point.values)} for point in points]
        return str(await self._call("upsert", collection=collection, points=sent))

    async def search(
        self, collection: str, values: Sequence[float], *, repo_id: int, limit: int
    ) -> Sequence[VectorMatch]:
        sent = {"collection": collection, "values": list(values), "repo_id": repo_id, "limit": limit}
        return [VectorMatch(**match) for match in await self._call("search", **sent)]

    async def search_by_id(self, collection: str, id: str, *, repo_id: int, limit: int) -> Sequence[VectorMatch] | None:
        sent = {"collection": collection, "id": id, "repo_id": repo_id, "limit": limit}
        found = await self._call("search_by_id", **sent)
        return None if found is None else [VectorMatch(**match) for match in found]

    async def get_vectors(self, collection: str, ids: Sequence[str]) -> Mapping[str, Sequence[float]]:
        found: dict[str, list[float]] = await self._call("get_vectors", collection=collection, ids=list(ids))
        return found

    async def delete(self, collection: str, ids: Sequence[str]) -> None:
        await self._call("delete", collection=collection, ids=list(ids))

    async def settled(self, collection: str, token: str) -> bool:
        return bool(await self._call("settled", collection=collection, token=token))

    async def _call(self, method: str, **arguments: object) -> Any:
        call: dict[str, object] = {"method": method, "arguments": arguments}
        return await asyncio.to_thread(self._send, call)

    def _send(self, call: dict[str, object]) -> Any:
        # httpx's own writer refuses NaN.
        answer = httpx.post(self.host.url, content=json.dumps(call), timeout=60, verify=False)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        if found.get("error") == "retryable":
            raise RetryableError(found["message"], rate_limited=found["limited"])
        if found.get("error") == "permanent":
            raise PermanentError(found["message"])
        return found["ok"]


@contextmanager
def worker_vectors(directory: Path, delay_milliseconds: int) -> Iterator[WorkerVectors]:
    """Run a Worker that serves its store, whose writes show after a while."""
    (directory / "project").mkdir()
    project = generated_project(directory / "project", ENTRY.read_text())
    environment = {"OSSGARD_VECTORIZE_DELAY_MS": str(delay_milliseconds)}
    with worker_host(directory / "state", environment, project) as host:
        yield WorkerVectors(host)
