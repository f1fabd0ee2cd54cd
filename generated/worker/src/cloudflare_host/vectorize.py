"""The vector store over Cloudflare Vectorize: an index for each collection, all accounts in it."""

import math
import re
from array import array
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pyodide.ffi import JsException, to_js

from cloudflare_host.bindings import FILTER_FIELD, FILTER_TYPE, VECTOR_INDEXES, VECTOR_METRIC
from ossgard.errors import PermanentError, RetryableError
from ossgard.ports import Clock, VectorMatch, VectorPoint
from ossgard.spec.settings import VECTOR_DIMENSIONS

# What Vectorize takes in one call.
_UPSERT_POINTS = 1000
_READ_IDS = 20
_DELETED_IDS = 100
_TOP_K = 20

# After this long, a mutation that came in while ours was sent proves as much as one that came in later.
_QUIET = timedelta(seconds=15)

# "Error: VECTOR_QUERY_ERROR (code = 40006): invalid query vector, ..."
_CODE = re.compile(r"_ERROR \(code = (\d+)\)")
_TOO_MANY_REQUESTS = "40041"
_NO_INDEX = ("3000", "3005")


class VectorizeStore:
    """Implements `VectorStore`.

    Ids are at most 64 bytes long, as `{repoId}-{prNumber}-intent` always is, and a search finds 20 points at most,
    itself included when it starts from a stored one.

    Args:
        env: the Worker's bindings.
        clock: tells when a mutation was sent.
    """

    def __init__(self, env: Any, clock: Clock) -> None:
        self._env = env
        self._clock = clock

    async def dimensions(self, collection: str) -> int | None:
        """The size that the index is made with, without a call; `ensure_collection` sees whether it was."""
        return VECTOR_DIMENSIONS

    async def ensure_collection(self, collection: str, dimensions: int) -> bool:
        """Check that an index has this many dimensions; it is never made anew, so the answer is always False."""
        info = await self._call(collection, "describe")
        if info["dimensions"] != dimensions:
            raise PermanentError(
                f"The Vectorize index '{collection}' has {info['dimensions']} dimensions, and the embeddings have "
                f"{dimensions}. Use an embedding model with {info['dimensions']} dimensions, or delete the index, make "
                f"it anew with: {_commands(collection, dimensions)}, and scan with full"
            )
        return False

    async def upsert(self, collection: str, points: Sequence[VectorPoint]) -> str:
        """Store points, replacing those of the same id; the token is the last mutation, and when it was sent."""
        vectors = [_vector(collection, point) for point in points]
        token = ""
        for start in range(0, len(vectors), _UPSERT_POINTS):
            token = await self._upsert(collection, vectors[start : start + _UPSERT_POINTS])
        return token

    async def _upsert(self, collection: str, vectors: list[dict[str, object]]) -> str:
        from js import Object

        # Converted here and at once: the SDK would look at every number.
        sent = to_js(vectors, dict_converter=Object.fromEntries)
        started = self._clock.now()
        answer = await self._call(collection, "upsert", sent)
        return _token(answer["mutationId"], started, self._clock.now())

    async def search(
        self, collection: str, values: Sequence[float], *, repo_id: int, limit: int
    ) -> Sequence[VectorMatch]:
        """The points of a repository that are nearest to a vector, best first."""
        vector = to_js(_numbers(collection, "the vector to search for", values))
        options = _options(repo_id, limit)
        return _matches(await self._call(collection, "query", vector, options))[:limit]

    async def search_by_id(self, collection: str, id: str, *, repo_id: int, limit: int) -> Sequence[VectorMatch] | None:
        """The points of a repository that are nearest to a stored one, which is left out; None when it is unknown."""
        # One more, since the point finds itself.
        options = _options(repo_id, limit + 1)
        found = _matches(await self._call(collection, "queryById", id, options))
        # One that is stored finds itself at least, or as many that are as near.
        return [match for match in found if match.id != id][:limit] if found else None

    async def get_vectors(self, collection: str, ids: Sequence[str]) -> Mapping[str, Sequence[float]]:
        """Stored vectors by id; unknown ids are left out."""
        found = {}
        for chunk in _chunks(ids, _READ_IDS):
            for vector in await self._call(collection, "getByIds", chunk):
                found[vector["id"]] = vector["values"]
        return found

    async def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Forget points; unknown ids do no harm."""
        for chunk in _chunks(ids, _DELETED_IDS):
            await self._call(collection, "deleteByIds", chunk)

    async def settled(self, collection: str, token: str) -> bool:
        """Whether searches see all that was written up to a token.

        They do when the index has got to the token's mutation or to one that was made later, by whatever account. One
        that was made while the token's was under way may be the earlier of the two; it counts once the index has had
        time for both.
        """
        if not token:
            return True
        mutation, started, answered = _read_token(token)
        info = await self._call(collection, "describe")
        if info["processedUpToMutation"] == mutation:
            return True
        processed = _moment(info["processedUpToDatetime"])
        if processed is None:
            return False
        return processed >= answered or (processed >= started and self._clock.now() - answered >= _QUIET)

    async def _call(self, collection: str, method: str, *arguments: object) -> Any:
        index = getattr(self._env, VECTOR_INDEXES[collection])
        try:
            return await getattr(index, method)(*arguments)
        except JsException as error:
            raise _error(collection, str(error)) from error


def _error(collection: str, text: str) -> Exception:
    found = _CODE.search(text)
    code = found[1] if found else ""
    if code == _TOO_MANY_REQUESTS:
        return RetryableError(f"Vectorize limits the rate of calls ({text})", rate_limited=True)
    if code in _NO_INDEX:
        return PermanentError(
            f"There is no Vectorize index '{collection}' ({text}). "
            f"Make it with: {_commands(collection, VECTOR_DIMENSIONS)}"
        )
    # Codes of what is wrong with a request.
    if code.startswith("4"):
        return PermanentError(f"Vectorize refuses a call of the index '{collection}': {text}")
    return RetryableError(f"Vectorize does not answer for the index '{collection}': {text}")


def _commands(collection: str, dimensions: int) -> str:
    return (
        f"wrangler vectorize create {collection} --dimensions={dimensions} --metric={VECTOR_METRIC} && "
        f"wrangler vectorize create-metadata-index {collection} --property-name={FILTER_FIELD} --type={FILTER_TYPE}"
    )


def _vector(collection: str, point: VectorPoint) -> dict[str, object]:
    return {
        "id": point.id,
        "values": _numbers(collection, f"the vector of '{point.id}'", point.values),
        "metadata": {FILTER_FIELD: point.repo_id, "prNumber": point.pr_number, "prId": point.pr_id},
    }


def _numbers(collection: str, what: str, values: Sequence[float]) -> "array[float]":
    """A vector as the 32-bit floats that are stored."""
    if len(values) != VECTOR_DIMENSIONS:
        raise PermanentError(
            f"The collection '{collection}' holds vectors of {VECTOR_DIMENSIONS} dimensions, "
            f"and {what} has {len(values)}"
        )
    numbers = array("f", values)
    # One that is none makes the sum none.
    if not math.isfinite(sum(numbers)):
        raise PermanentError(f"Some values of {what} are not numbers")
    return numbers


def _options(repo_id: int, limit: int) -> dict[str, object]:
    # The ids of pull requests are in no metadata index: only "all" tells them.
    return {"topK": min(limit, _TOP_K), "filter": {FILTER_FIELD: repo_id}, "returnMetadata": "all"}


def _matches(answer: Any) -> list[VectorMatch]:
    return [
        VectorMatch(match["id"], match["score"], int(match["metadata"]["prNumber"]), int(match["metadata"]["prId"]))
        for match in answer["matches"]
    ]


def _chunks(ids: Sequence[str], size: int) -> list[list[str]]:
    return [list(ids[start : start + size]) for start in range(0, len(ids), size)]


# A token is "<mutation id>@<sent>/<answered>": the interval in which the mutation was made.
def _token(mutation: str, started: datetime, answered: datetime) -> str:
    return f"{mutation}@{started.isoformat()}/{answered.isoformat()}"


def _read_token(token: str) -> tuple[str, datetime, datetime]:
    mutation, _, interval = token.partition("@")
    started, answered = (datetime.fromisoformat(text) for text in interval.split("/"))
    return mutation, started, answered


def _moment(value: object) -> datetime | None:
    """A time as `describe` tells it: text by its documentation, a number by its types."""
    if isinstance(value, int | float) and value:
        return datetime.fromtimestamp(value / 1000, UTC)
    return datetime.fromisoformat(value) if isinstance(value, str) and value else None
