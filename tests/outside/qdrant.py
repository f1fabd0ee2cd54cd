"""Qdrant's REST interface: `qdrant-client`'s local mode behind HTTP, as strict about input as the server is."""

import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError
from qdrant_client import QdrantClient, models
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

PREFIX = "/qdrant"
# The version of the server that is imitated; clients compare it with their own.
VERSION = "1.19.1"
MAX_REQUEST_BYTES = 32 * 1024 * 1024

_QUERY: TypeAdapter[Any] = TypeAdapter(models.Query)
_VECTORS: TypeAdapter[Any] = TypeAdapter(models.VectorsConfig)

Handler = Callable[["Qdrant", str, Mapping[str, Any], Request], Any]


class QdrantError(Exception):
    """An error answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Qdrant:
    """The state of the stand-in; callers must send `api_key` once it is set."""

    def __init__(self, api_key: str | None = None) -> None:
        self.api_key = api_key
        self.client = QdrantClient(":memory:")
        self._operations = 0

    def app(self) -> Starlette:
        """The HTTP application."""
        return Starlette(routes=self.routes())

    def routes(self) -> list[BaseRoute]:
        """The routes alone: the JavaScript client drops the path of its URL, so they must work at a server's root."""
        points = "/collections/{collection}/points"
        table: tuple[tuple[str, str, Handler], ...] = (
            ("GET", "/collections", Qdrant._list),
            ("GET", "/collections/{collection}", Qdrant._show),
            ("PUT", "/collections/{collection}", Qdrant._create),
            ("PATCH", "/collections/{collection}", lambda *_: True),
            ("DELETE", "/collections/{collection}", Qdrant._drop),
            ("GET", "/collections/{collection}/exists", Qdrant._exists),
            ("PUT", "/collections/{collection}/index", Qdrant._acknowledge),
            ("DELETE", "/collections/{collection}/index/{field}", Qdrant._acknowledge),
            ("PUT", points, Qdrant._upsert),
            ("POST", points, Qdrant._retrieve),
            ("POST", f"{points}/delete", Qdrant._delete),
            ("POST", f"{points}/search", Qdrant._search),
            ("POST", f"{points}/search/batch", Qdrant._search_batch),
            ("POST", f"{points}/query", Qdrant._query),
            ("POST", f"{points}/query/batch", Qdrant._query_batch),
            ("POST", f"{points}/scroll", Qdrant._scroll),
            ("POST", f"{points}/count", Qdrant._count),
            ("POST", f"{points}/payload", Qdrant._set_payload),
            ("GET", f"{points}/{{point}}", Qdrant._retrieve_one),
        )
        routes: list[BaseRoute] = [
            Route(path, self._endpoint(handler), methods=[method]) for method, path, handler in table
        ]
        routes += [Route(path, _healthy) for path in ("/healthz", "/readyz", "/livez")]
        return [*routes, Route("/", _version)]

    def _endpoint(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            started = time.perf_counter()
            try:
                self._authenticate(request)
                body = await _body(request)
                result = handler(self, request.path_params.get("collection", ""), body, request)
                status: Any = "ok"
                code = 200
            except QdrantError as failure:
                if failure.status == 401:
                    return PlainTextResponse(failure.message, 401)
                result, status, code = None, {"error": failure.message}, failure.status
            except ValidationError as problem:
                first = problem.errors()[0]
                where = ".".join(str(part) for part in first["loc"])
                status = {"error": f"Format error in JSON body: {where}: {first['msg']}"}
                result, code = None, 400
            except (ValueError, TypeError, KeyError) as problem:
                text = str(problem).removeprefix("Wrong input: ")
                result, status, code = None, {"error": f"Wrong input: {text}"}, 400
            content = {"status": status, "time": round(time.perf_counter() - started, 6)}
            if code == 200:
                content = {"result": result, **content}
            return JSONResponse(content, code)

        return serve

    def _authenticate(self, request: Request) -> None:
        if self.api_key is None:
            return
        given = request.headers.get("api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
        if not given:
            raise QdrantError(401, "Must provide an API key or an Authorization bearer token")
        if given != self.api_key:
            raise QdrantError(401, "Invalid API key or JWT")

    # ---- collections

    def _list(self, collection: str, body: Mapping[str, Any], request: Request) -> Any:
        return _plain(self.client.get_collections())

    def _show(self, collection: str, body: Mapping[str, Any], request: Request) -> Any:
        self._check(collection)
        return _plain(self.client.get_collection(collection))

    def _exists(self, collection: str, body: Mapping[str, Any], request: Request) -> Any:
        return {"exists": self.client.collection_exists(collection)}

    def _create(self, collection: str, body: Mapping[str, Any], request: Request) -> Any:
        if self.client.collection_exists(collection):
            raise QdrantError(409, f"Wrong input: Collection `{collection}` already exists!")
        vectors = _VECTORS.validate_python(body["vectors"]) if "vectors" in body else {}
        return self.client.create_collection(collection, vectors_config=vectors)

    def _drop(self, collection: str, body: Mapping[str, Any], request: Request) -> Any:
        if not self.client.collection_exists(collection):
            return False
        return self.client.delete_collection(collection)

    def _acknowledge(self, collection: str, body: Mapping[str, Any], request: Request) -> Any:
        self._check(collection)
        return self._done()

    # ---- points

    def _upsert(self, collection: str, body: Mapping[str, Any], request: Request) -> Any:
        self._check(collection)
        points = body.get("points")
        if "batch" in body:
            batch = body["batch"]
            payloads = batch.get("payloads") or [None] * len(batch["ids"])
            pairs = zip(batch["ids"], batch["vectors"], payloads, strict=True)
            points = [{"id": one, "vector": vector, "payload": payload} for one, vector, payload in pairs]
        if not isinstance(points, list):
            message = "Format error in JSON body: data did not match any variant of untagged enum PointInsertOperations"
            raise QdrantError(400, message)
        size = self._size(collection)
        for point in points:
            point["id"] = _point_id(point.get("id"))
            vector = point.get("vector")
            if size is not None and isinstance(vector, list) and len(vector) != size:
                message = f"Wrong input: Vector dimension error: expected dim: {size}, got {len(vector)}"
                raise QdrantError(400, message)
        # Checked above; validating every number again would take most of the time.
        made = [
            models.PointStruct.model_construct(payload=point.get("payload"), **_without_payload(point))
            for point in points
        ]
        self.client.upsert(collection, made)
        request.state.inputs = len(made)
        return self._done()

    def _retrieve(self, collection: str, body: Mapping[str, Any], request: Request) -> Any:
        self._check(collection)
        if "ids" not in body:
            raise QdrantError(400, "Format error in JSON body: missing field `ids`")
        ids = [_point_id(one) for one in body["ids"]]
        found = self.client.retrieve(
            collection, ids, with_payload=body.get("with_payload", True), with_vectors=body.get("with_vector", False)
        )
        return [_plain(record) for record in found]

    def _retrieve_one(self, collection: str, body: Mapping[str, Any], request: Request) -> Any:
        self._check(collection)
        point = request.path_params["point"]
        found = self.client.retrieve(
            collection, [_point_id(int(point) if point.isdigit() else point)], with_vectors=True
        )
        if not found:
            raise QdrantError(404, f"Not found: Point with id {point} does not exists!")
        return _plain(found[0])

    def _delete(self, collection: str, body: Mapping[str, Any], request: Request) -> Any:
        self._check(collection)
        if "points" in body:
            known = self.client.retrieve(collection, [_point_id(one) for one in body["points"]], with_payload=False)
            if known:
                self.client.delete(collection, models.PointIdsList(points=[record.id for record in known]))
        elif "filter" in body:
            self.client.delete(collection, models.FilterSelector(filter=_filter(body) or models.Filter()))
        else:
            message = "Format error in JSON body: data did not match any variant of untagged enum PointsSelector"
            raise QdrantError(400, message)
        return self._done()

    def _search(self, collection: str, body: Mapping[str, Any], request: Request) -> Any:
        return self._find(collection, {**body, "query": body.get("vector")}).get("points")

    def _search_batch(self, collection: str, body: Mapping[str, Any], request: Request) -> Any:
        return [self._search(collection, search, request) for search in body["searches"]]

    def _query(self, collection: str, body: Mapping[str, Any], request: Request) -> Any:
        return self._find(collection, body)

    def _query_batch(self, collection: str, body: Mapping[str, Any], request: Request) -> Any:
        return [self._find(collection, search) for search in body["searches"]]

    def _find(self, collection: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The nearest points, of a vector or of a stored point."""
        self._check(collection)
        query = body.get("query")
        if isinstance(query, dict):
            query = _QUERY.validate_python(query)
        elif isinstance(query, str | int):
            query = _point_id(query)
            if not self.client.retrieve(collection, [query], with_payload=False):
                raise QdrantError(404, f"Not found: No point with id {query} found")
        size = self._size(collection)
        if isinstance(query, list) and size is not None and len(query) != size:
            raise QdrantError(400, f"Wrong input: Vector dimension error: expected dim: {size}, got {len(query)}")
        found = self.client.query_points(
            collection,
            query=query,
            using=body.get("using"),
            query_filter=_filter(body),
            limit=body.get("limit") or 10,
            offset=body.get("offset"),
            with_payload=body.get("with_payload", False),
            with_vectors=body.get("with_vector", False),
            score_threshold=body.get("score_threshold"),
        )
        return {"points": [{"version": 0, **_plain(point)} for point in found.points]}

    def _scroll(self, collection: str, body: Mapping[str, Any], request: Request) -> Any:
        self._check(collection)
        offset = body.get("offset")
        records, following = self.client.scroll(
            collection,
            scroll_filter=_filter(body),
            limit=body.get("limit") or 10,
            offset=_point_id(offset) if offset is not None else None,
            with_payload=body.get("with_payload", True),
            with_vectors=body.get("with_vector", False),
        )
        return {"points": [_plain(record) for record in records], "next_page_offset": following}

    def _count(self, collection: str, body: Mapping[str, Any], request: Request) -> Any:
        self._check(collection)
        return {"count": self.client.count(collection, count_filter=_filter(body)).count}

    def _set_payload(self, collection: str, body: Mapping[str, Any], request: Request) -> Any:
        self._check(collection)
        self.client.set_payload(collection, body["payload"], [_point_id(one) for one in body["points"]])
        return self._done()

    def _check(self, collection: str) -> None:
        if not self.client.collection_exists(collection):
            raise QdrantError(404, f"Not found: Collection `{collection}` doesn't exist!")

    def _size(self, collection: str) -> int | None:
        """The dimensions of the unnamed vector."""
        vectors = self.client.get_collection(collection).config.params.vectors
        return vectors.size if isinstance(vectors, models.VectorParams) else None

    def _done(self) -> dict[str, Any]:
        self._operations += 1
        return {"operation_id": self._operations, "status": "completed"}


def error(status: int) -> Any:
    """What Qdrant says with a status."""
    return {"status": {"error": "Service internal error: the request failed"}, "time": 0.0}


async def _version(request: Request) -> Response:
    return JSONResponse({"title": "qdrant - vector search engine", "version": VERSION, "commit": "0" * 40})


async def _healthy(request: Request) -> Response:
    return PlainTextResponse("healthz check passed")


async def _body(request: Request) -> Mapping[str, Any]:
    content = await request.body()
    if len(content) > MAX_REQUEST_BYTES:
        raise QdrantError(413, f"Payload error: JSON payload ({len(content)} bytes) is larger than allowed")
    if not content:
        return {}
    try:
        body = json.loads(content)
    except ValueError as problem:
        raise QdrantError(400, f"Format error in JSON body: {problem}") from None
    if not isinstance(body, dict):
        raise QdrantError(400, "Format error in JSON body: expected an object")
    return body


def _filter(body: Mapping[str, Any]) -> models.Filter | None:
    return models.Filter.model_validate(body["filter"]) if body.get("filter") else None


def _point_id(value: Any) -> Any:
    """An unsigned integer or a UUID, nothing else; UUIDs in their usual form."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str):
        try:
            return str(uuid.UUID(value))
        except ValueError:
            pass
    raise QdrantError(
        400,
        f"Format error in JSON body: value {value} is not a valid point ID, valid values are either an unsigned "
        "integer or a UUID",
    )


def _without_payload(point: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": point["id"], "vector": point["vector"]}


def _plain(model: Any) -> Any:
    return model.model_dump(mode="json", exclude_none=True)
