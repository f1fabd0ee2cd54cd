"""The stand-in for Qdrant serves the official client over HTTP, and refuses what the server refuses."""

import uuid
from collections.abc import Iterator

import httpx
import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from tests.outside.world import World

NAME = "ossgard-code"


def point_id(text: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, text))


@pytest.fixture
def client(outside: World) -> Iterator[QdrantClient]:
    """The official client, with a new collection of four dimensions."""
    made = QdrantClient(url=outside.qdrant_url, check_compatibility=False, timeout=5)
    if made.collection_exists(NAME):
        made.delete_collection(NAME)
    made.create_collection(NAME, models.VectorParams(size=4, distance=models.Distance.COSINE))
    yield made
    made.close()


def fill(client: QdrantClient) -> None:
    vectors = {"a": [1.0, 0, 0, 0], "b": [0.9, 0.1, 0, 0], "c": [0, 0, 1.0, 0], "d": [1.0, 0, 0, 0]}
    points = [
        models.PointStruct(id=point_id(name), vector=vector, payload={"repoId": 2 if name == "d" else 1, "name": name})
        for name, vector in vectors.items()
    ]
    client.upsert(NAME, points, wait=True)


def only(repo_id: int) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(key="repoId", match=models.MatchValue(value=repo_id))])


def test_collections(client: QdrantClient) -> None:
    vectors = client.get_collection(NAME).config.params.vectors
    assert isinstance(vectors, models.VectorParams)
    assert vectors.size == 4
    assert NAME in [one.name for one in client.get_collections().collections]
    with pytest.raises(UnexpectedResponse, match="already exists"):
        client.create_collection(NAME, models.VectorParams(size=4, distance=models.Distance.COSINE))
    assert client.delete_collection(NAME)
    assert not client.delete_collection(NAME)
    with pytest.raises(UnexpectedResponse, match="Not found: Collection"):
        client.get_collection(NAME)


def test_search_with_a_filter(client: QdrantClient) -> None:
    fill(client)
    found = client.query_points(NAME, [1.0, 0, 0, 0], query_filter=only(1), limit=2, with_payload=True).points
    assert [(point.payload or {})["name"] for point in found] == ["a", "b"]
    assert found[0].score == pytest.approx(1)
    near = client.query_points(NAME, point_id("a"), query_filter=only(1), score_threshold=0.5).points
    assert [point.id for point in near] == [point_id("b")]
    client.create_payload_index(NAME, "repoId", models.PayloadSchemaType.INTEGER)
    assert client.count(NAME, count_filter=only(2)).count == 1


def test_the_search_of_older_clients(outside: World, client: QdrantClient) -> None:
    fill(client)
    body = {"vector": [1.0, 0, 0, 0], "limit": 1, "filter": only(2).model_dump(exclude_none=True), "with_payload": True}
    answer = httpx.post(f"{outside.qdrant_url}/collections/{NAME}/points/search", json=body).json()
    assert answer["status"] == "ok"
    assert answer["result"][0]["payload"]["name"] == "d"


def test_retrieve_scroll_and_delete(client: QdrantClient) -> None:
    fill(client)
    records = client.retrieve(NAME, [point_id("a"), point_id("missing")], with_vectors=True)
    assert [record.vector for record in records] == [[1.0, 0, 0, 0]]
    first, following = client.scroll(NAME, limit=3)
    second, end = client.scroll(NAME, limit=3, offset=following)
    assert (len(first), len(second), end) == (3, 1, None)
    client.delete(NAME, models.PointIdsList(points=[point_id("a"), point_id("missing")]))
    client.delete(NAME, models.FilterSelector(filter=only(2)))
    assert client.count(NAME).count == 2


def test_ids_and_dimensions_are_checked(outside: World, client: QdrantClient) -> None:
    points = f"{outside.qdrant_url}/collections/{NAME}/points"
    bad_id = httpx.put(points, json={"points": [{"id": "1-2-code", "vector": [1, 2, 3, 4]}]})
    assert bad_id.status_code == 400
    assert "1-2-code is not a valid point ID" in bad_id.json()["status"]["error"]
    short = httpx.put(points, json={"points": [{"id": 1, "vector": [1, 2, 3]}]})
    assert short.json()["status"]["error"] == "Wrong input: Vector dimension error: expected dim: 4, got 3"
    assert httpx.post(f"{points}/query", json={"query": [1, 2]}).status_code == 400
    assert httpx.put(points, json={"nothing": 1}).status_code == 400


def test_the_api_key(outside: World, client: QdrantClient) -> None:
    outside.qdrant.api_key = "secret"
    try:
        assert httpx.get(f"{outside.qdrant_url}/collections").status_code == 401
        assert httpx.get(f"{outside.qdrant_url}/collections", headers={"api-key": "wrong"}).status_code == 401
        assert httpx.get(f"{outside.qdrant_url}/collections", headers={"api-key": "secret"}).status_code == 200
    finally:
        outside.qdrant.api_key = None
    assert httpx.get(outside.qdrant_url).json()["title"] == "qdrant - vector search engine"
