"""The vector store port over the stores of the TypeScript half."""

import json
from array import array
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

from bun_host.javascript import HostFunctions
from ossgard import json_text
from ossgard.errors import DatabaseError, DatabaseUnavailable, OssgardError, PermanentError, RetryableError
from ossgard.outgoing import QDRANT
from ossgard.ports import VectorMatch, VectorPoint
from ossgard.spec.models import VectorStoreConfig


class BunVectorStore:
    """Implements `VectorStore`: the server that an account names, or else the host's own SQLite file.

    Both show at once what was written.
    """

    def __init__(self, host: HostFunctions, config: VectorStoreConfig | None) -> None:
        self._host = host
        limits = {"max_bytes": QDRANT.max_bytes, "timeout_seconds": QDRANT.seconds}
        self._config = json.dumps(None if config is None else {**config.model_dump(by_alias=True), **limits})

    async def dimensions(self, collection: str) -> int | None:
        """The size of the vectors that a collection holds; None when it is not there yet."""
        found = await self._call("dimensions", collection)
        return None if found is None else int(found)

    async def ensure_collection(self, collection: str, dimensions: int) -> bool:
        """Make a collection ready for vectors of this many dimensions.

        True when it had to be recreated, since it held vectors of another size: it has lost them all.
        """
        return bool(await self._call("ensureCollection", collection, dimensions))

    async def upsert(self, collection: str, points: Sequence[VectorPoint]) -> str:
        """Store points, replacing those of the same id."""
        await self._call("upsert", collection, [_wire_form(point) for point in points])
        return ""

    async def search(
        self, collection: str, values: Sequence[float], *, repo_id: int, limit: int
    ) -> Sequence[VectorMatch]:
        """The points of a repository that are nearest to a vector, best first."""
        return _matches(await self._call("search", collection, _encode(values), repo_id, limit))

    async def search_by_id(self, collection: str, id: str, *, repo_id: int, limit: int) -> Sequence[VectorMatch] | None:
        """The points of a repository that are nearest to a stored one, which is left out; None when it is unknown."""
        found = await self._call("searchById", collection, id, repo_id, limit)
        return None if found is None else _matches(found)

    async def get_vectors(self, collection: str, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """Stored vectors by id; unknown ids are left out."""
        found = await self._call("getVectors", collection, list(ids))
        return {id: _decode(text) for id, text in found.items()}

    async def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Forget points; unknown ids do no harm."""
        await self._call("delete", collection, list(ids))

    async def settled(self, collection: str, token: str) -> bool:
        """Always: what is written shows at once."""
        return True

    async def _call(self, method: str, *parameters: object) -> Any:
        answer = json_text.decode(await self._host.callVectors(self._config, method, json.dumps(parameters)))
        if "error" in answer:
            raise _error(answer["error"]["kind"], answer["error"]["message"])
        return answer["ok"]


def _wire_form(point: VectorPoint) -> dict[str, object]:
    return {
        "id": point.id,
        "values": _encode(point.values),
        "repoId": point.repo_id,
        "prNumber": point.pr_number,
        "prId": point.pr_id,
    }


# Base64 of 32-bit floats: written as numbers, a slice of vectors would take a tenth of a second.
def _encode(values: Sequence[float]) -> str:
    return b64encode(array("f", values).tobytes()).decode()


def _decode(text: str) -> Sequence[float]:
    return array("f", b64decode(text))


def _matches(found: list[dict[str, Any]]) -> list[VectorMatch]:
    return [VectorMatch(match["id"], match["score"], match["prNumber"], match["prId"]) for match in found]


def _error(kind: str, message: str) -> OssgardError:
    match kind:
        case "unreachable":
            return RetryableError(message)
        case "rate_limited":
            return RetryableError(message, rate_limited=True)
        case "unavailable":
            return DatabaseUnavailable(message)
        case "vectors":
            return PermanentError(message)
    return DatabaseError(message)
