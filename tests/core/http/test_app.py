"""The application over services that tests prepare: what only shows from behind the HTTP interface."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from ossgard.app import create_app
from ossgard.auth import hash_api_key
from ossgard.errors import ConnectionFailure, DatabaseError
from ossgard.log import configure
from ossgard.pipeline.texts import intent_point_id
from ossgard.ports import HttpResponse, HttpStream, VectorPoint
from ossgard.services import CLOUD_HOST, LOCAL_HOST, HostProfile
from ossgard.spec.entities import PRInput, PRState
from ossgard.spec.messages import PipelineMessage
from ossgard.spec.settings import INTENT_COLLECTION, Settings
from tests.core.providers.scripted import Pieces, given
from tests.core.world import CONFIG, World

KEY = "key"
# Requests are answered within one event loop each; the body of an answer to an unknown service.
GITHUB_USER = HttpResponse(200, {}, b'{"login": "me"}')


class Answering:
    """An HTTP client whose every request has the same answer; it counts how many are under way at once."""

    def __init__(self, answer: HttpResponse | Exception = GITHUB_USER) -> None:
        self.answer = answer
        self.urls: list[str] = []

    @asynccontextmanager
    async def stream(self, method: str, url: str, **options: Any) -> AsyncIterator[HttpStream]:
        self.urls.append(f"{method} {url}")
        if isinstance(self.answer, Exception):
            raise self.answer
        yield HttpStream(self.answer.status, self.answer.headers, given(url, Pieces([self.answer.body])))


def prepared(**options: Any) -> World:
    """A world whose account has the API key `KEY`."""
    world = World(http=options.pop("http", Answering()), **options)
    world.executor.connection.execute("UPDATE accounts SET api_key_hash = ?", (hash_api_key(KEY),))
    return world


def request(world: World, method: str, path: str, **options: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(world.services))
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://core", headers=headers) as client:
            return await client.request(method, path, **options)

    return asyncio.run(send())


def store_dupes(world: World) -> None:
    """A completed scan with a group of two, one of one, and one that has lost its members."""
    world.executor.connection.executescript("""
        INSERT INTO repos (account_id, owner, name) VALUES (1, 'acme', 'rocket');
        INSERT INTO prs (repo_id, number, title, author, state, embed_hash, created_at, updated_at) VALUES
            (1, 10, 'Fix the nozzle', 'ada', 'open', 'e', '', ''), (1, 11, 'Nozzle fix', 'bob', 'merged', 'e', '', ''),
            (1, 12, 'Paint it', 'cyd', 'open', 'e', '', '');
        INSERT INTO scans (repo_id, account_id, status, completed_at) VALUES
            (1, 1, 'done', 'long ago'), (1, 1, 'done', 'lately'), (1, 1, 'failed', 'just now');
        INSERT INTO dupe_groups (scan_id, repo_id, label, pr_count) VALUES
            (1, 1, 'old', 9), (2, 1, 'nozzle', 2), (2, 1, NULL, 1), (2, 1, 'empty', 0);
        INSERT INTO dupe_group_members (group_id, pr_id, rank, score, rationale) VALUES
            (2, 2, 2, 60, NULL), (2, 1, 1, 91.5, 'small and tested'), (3, 3, 1, 50, 'alone');
        """)


async def store_vectors(world: World) -> None:
    """Vectors of what `store_dupes` calls embedded; nothing of it changes files."""
    points = [VectorPoint(intent_point_id(1, 9 + id), [1.0, 0.0], 1, 9 + id, id) for id in (1, 2, 3)]
    await world.vectors.ensure_collection(INTENT_COLLECTION, 2)
    await world.vectors.upsert(INTENT_COLLECTION, points)


def test_the_latest_completed_scan_gives_the_duplicates() -> None:
    world = prepared()
    store_dupes(world)
    answer = request(world, "GET", "/repos/acme/rocket/dupes")
    assert answer.status_code == 200
    report = answer.json()
    assert {key: report[key] for key in ("repo", "scanId", "completedAt", "groupCount")} == {
        "repo": "acme/rocket",
        "scanId": 2,
        "completedAt": "lately",
        "groupCount": 3,
    }
    assert [(group["label"], group["prCount"], len(group["members"])) for group in report["groups"]] == [
        ("nozzle", 2, 2),
        (None, 1, 1),
        ("empty", 0, 0),
    ]
    assert report["groups"][0] == {
        "groupId": 2,
        "label": "nozzle",
        "prCount": 2,
        "members": [
            {
                "prId": 1,
                "prNumber": 10,
                "title": "Fix the nozzle",
                "author": "ada",
                "state": "open",
                "rank": 1,
                "score": 91.5,
                "rationale": "small and tested",
                "relationship": None,
                "confidence": None,
                "reason": None,
                "isNew": False,
            },
            {
                "prId": 2,
                "prNumber": 11,
                "title": "Nozzle fix",
                "author": "bob",
                "state": "merged",
                "rank": 2,
                "score": 60.0,
                "rationale": None,
                "relationship": None,
                "confidence": None,
                "reason": None,
                "isNew": False,
            },
        ],
        "isNew": True,
        "mergedPrNumber": None,
    }


def test_no_get_route_runs_more_than_two_statements() -> None:
    world = prepared()
    store_dupes(world)
    asyncio.run(store_vectors(world))
    document = request(world, "GET", "/openapi.json").json()
    checked = 0
    for path, item in document["paths"].items():
        if "get" not in item:
            continue
        world.executor.statements.clear()
        answer = request(world, "GET", path.format(owner="acme", name="rocket", scanId="2", prNumber="10"))
        assert answer.status_code == 200, path
        # Who is similar to a pull request is known only after the search.
        assert len(world.executor.statements) <= (3 if "review" in path else 2), path
        checked += 1
    assert checked >= 6


def test_many_repositories_are_listed_whole() -> None:
    world = prepared()
    world.executor.connection.execute("""
        WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2500)
        INSERT INTO repos (account_id, owner, name) SELECT 1, 'acme', n FROM numbers
        """)
    assert [repo["name"] for repo in request(world, "GET", "/repos").json()] == [str(n) for n in range(1, 2501)]


class BrokenQueue:
    """A queue that is out of order."""

    async def enqueue(self, job_id: str, message: PipelineMessage, delay_seconds: int = 0) -> None:
        raise RuntimeError("the queue is out of order")


def test_a_scan_whose_message_cannot_be_sent_is_accepted_and_sent_by_the_sweep() -> None:
    broken = prepared(around=lambda port: BrokenQueue() if hasattr(port, "enqueue") else port)
    assert request(broken, "POST", "/repos/acme/rocket/scan").status_code == 202
    assert broken.rows("SELECT sent_at FROM scan_steps") == [(None,)]
    mended = World()
    mended.executor.connection.close()
    mended.services = type(mended.services)(**{**broken.services.__dict__, "queue": mended.queue})
    broken.clock.advance(minutes=2)
    assert asyncio.run(mended.runner.sweep()) == 1
    assert mended.queue.messages == [{"type": "scan", "scanId": 1, "step": 1}]
    assert broken.rows("SELECT sent_at IS NULL FROM scan_steps") == [(0,)]


def embedded(world: World) -> int:
    """A stored pull request that is embedded."""
    asyncio.run(world.db.insert_repo(world.account.id, "acme", "rocket"))
    pr = PRInput(
        number=1,
        title="t",
        body=None,
        author="a",
        diff_hash=None,
        file_paths=[],
        state=PRState.OPEN,
        github_etag=None,
        created_at="",
        updated_at="",
        base_ref=None,
        head_ref=None,
        is_draft=False,
        closes=[],
        committed_at=None,
        sketch=None,
    )
    stored = asyncio.run(world.db.upsert_pr(1, pr))
    asyncio.run(world.db.update_pr_embed_hash(stored.id, "embedded"))
    return stored.id


@pytest.mark.parametrize(
    ("change", "forgotten"),
    [
        ({}, False),
        ({"llm": {**CONFIG["llm"], "model": "other"}}, False),
        ({"embedding": {**CONFIG["embedding"], "api_key": "another"}}, False),
        ({"embedding": {**CONFIG["embedding"], "model": "other"}}, True),
        ({"embedding": {**CONFIG["embedding"], "provider": "ollama"}}, True),
        ({"vector_store": {"url": "http://qdrant:6333"}}, True),
        ({"vector_store": {"url": "", "api_key": "x"}}, False),
        ({"vector_store": None}, False),
        ({"embedding": {**CONFIG["embedding"], "url": ""}}, False),
        ({"embedding": {**CONFIG["embedding"], "model": " text-embedding-3-small "}}, False),
    ],
)
def test_a_change_of_where_vectors_come_from_forgets_what_is_embedded(change: dict[str, Any], forgotten: bool) -> None:
    world = prepared()
    embedded(world)
    request(world, "PUT", "/accounts/me", json={"config": {**CONFIG, **change}}).raise_for_status()
    assert world.rows("SELECT embed_hash IS NULL FROM prs") == [(forgotten,)]


@pytest.mark.parametrize("url", ["http://qdrant:6333/", " http://qdrant:6333", "http://qdrant:6333//"])
def test_another_way_to_write_an_address_is_no_change(url: str) -> None:
    world = prepared(config={**CONFIG, "vector_store": {"url": "http://qdrant:6333"}})
    embedded(world)
    change = {**CONFIG, "vector_store": {"url": url}}
    request(world, "PUT", "/accounts/me", json={"config": change}).raise_for_status()
    assert world.rows("SELECT embed_hash FROM prs") == [("embedded",)]


def test_a_cloud_host_refuses_what_it_cannot_serve() -> None:
    world = prepared(host=CLOUD_HOST)
    config = {
        **CONFIG,
        "llm": {**CONFIG["llm"], "provider": "ollama"},
        "embedding": {**CONFIG["embedding"], "model": "text-embedding-ada-002"},
    }
    answer = request(world, "POST", "/accounts", json={"config": config})
    assert answer.status_code == 400
    assert answer.json()["error"]["fieldErrors"]["config"] == [
        "llm.provider 'ollama' is not available here: use 'anthropic' or 'openai'",
        "embedding.model 'text-embedding-ada-002' has 1536 dimensions, but the vector index here has 768: "
        "use text-embedding-3-small",
    ]


def test_a_cloud_host_has_no_use_for_a_vector_store() -> None:
    http = Answering()
    world = prepared(host=CLOUD_HOST, http=http)
    config = {**CONFIG, "vector_store": {"url": "http://qdrant:6333"}}
    answer = request(world, "POST", "/accounts", json={"config": config})
    assert answer.json()["warnings"][0] == "vector_store is ignored: this host keeps vectors in its own index"
    assert not any("qdrant" in url for url in http.urls)


def test_models_are_tried_where_a_scan_will_ask_them() -> None:
    http = Answering()
    config = {
        **CONFIG,
        "llm": {**CONFIG["llm"], "url": ""},
        "vector_store": {"url": "http://qdrant:6333"},
        "ai_gateway": {"account_id": "0123", "gateway_name": "mine"},
    }
    request(prepared(http=http), "POST", "/accounts", json={"config": config}).raise_for_status()
    assert http.urls[0] == "GET https://api.github.com/user"
    assert sorted(http.urls[1:]) == [
        "HEAD http://qdrant:6333",
        "POST http://127.0.0.1:9/embeddings",
        "POST https://gateway.ai.cloudflare.com/v1/0123/mine/openai/chat/completions",
    ]


def test_nobody_else_is_asked_about_a_token_that_github_refuses() -> None:
    http = Answering(HttpResponse(401, {}, b'{"message": "Bad credentials"}'))
    assert request(prepared(http=http), "POST", "/accounts", json={"config": CONFIG}).status_code == 400
    assert http.urls == ["GET https://api.github.com/user"]


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("https://github.example.com", "https://github.example.com/api/v3"),
        ("https://github.example.com/", "https://github.example.com/api/v3"),
        ("http://ghe.local:8443/api", "http://ghe.local:8443/api/v3"),
        ("https://github.com", "https://api.github.com"),
        ("https://www.github.com/", "https://api.github.com"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com"),
        ("https://github.example.com/api/v3", None),
        ("https://api.github.com", None),
    ],
)
@pytest.mark.parametrize("page", [(200, b"<html>Sign in</html>"), (404, b"Not found"), (406, b"{}"), (302, b"")])
@pytest.mark.parametrize("host", [LOCAL_HOST, CLOUD_HOST])
def test_an_address_that_is_not_the_rest_api_is_told_with_the_right_one(
    address: str, meant: str | None, page: tuple[int, bytes], host: HostProfile
) -> None:
    http = Answering(HttpResponse(page[0], {"content-type": "text/html"}, page[1]))
    world = prepared(http=http, host=host, settings=Settings(github_api_url=address))
    answer = request(world, "POST", "/accounts", json={"config": CONFIG})
    assert answer.status_code == (503 if host is CLOUD_HOST else 201)
    told = answer.json()["error"] if host is CLOUD_HOST else answer.json()["warnings"][0]
    assert f"What answers at {address.rstrip('/')} is not GitHub's REST API (status {page[0]})" in told
    assert (f"GITHUB_API_URL has to be {meant}" in told) if meant else ("Check GITHUB_API_URL" in told)
    assert world.rows("SELECT count(*) FROM accounts") == [(1 if host is CLOUD_HOST else 2,)]


def test_an_enterprise_server_is_where_its_tokens_are_made() -> None:
    http = Answering(HttpResponse(401, {}, b'{"message": "Bad credentials"}'))
    settings = Settings(github_api_url="https://github.example.com/api/v3/")
    answer = request(prepared(http=http, settings=settings), "POST", "/accounts", json={"config": CONFIG})
    assert answer.json()["error"].endswith("Create one at https://github.example.com/settings/tokens")


def test_github_out_of_reach_is_a_warning() -> None:
    http = Answering(ConnectionFailure("https://api.github.com/user", "no route to host"))
    answer = request(prepared(http=http), "POST", "/accounts", json={"config": CONFIG})
    assert answer.status_code == 201
    assert answer.json()["warnings"][0] == (
        "The GitHub token could not be checked: https://api.github.com/user could not be reached: no route to host"
    )


def test_only_the_hash_of_an_api_key_is_stored() -> None:
    world = prepared()
    api_key = request(world, "POST", "/accounts", json={"config": CONFIG}).json()["apiKey"]
    assert world.rows("SELECT api_key_hash FROM accounts WHERE id = 2") == [(hash_api_key(api_key),)]
    assert api_key not in "\n".join(world.executor.connection.iterdump())


def test_a_stored_configuration_of_another_shape_gives_no_secret_away() -> None:
    config = {"github": "ghp_0123456789", "llm": {"api_key": 5, "token": "sk-0123456789"}, "old": {"api_key": "x"}}
    shown = request(prepared(config=config), "GET", "/accounts/me").json()["config"]
    assert shown == {"github": None, "llm": {"api_key": None}}


class BrokenDatabase:
    """A database that is out of order."""

    def __getattr__(self, name: str) -> Any:
        async def fail(*arguments: object) -> None:
            raise DatabaseError("disk I/O error at /var/lib/secret")

        return fail


def test_an_error_that_is_nobodys_is_logged_and_not_shown() -> None:
    lines: list[str] = []
    configure(Settings(log_level="info"), lines.append)
    try:
        world = prepared(around=lambda port: BrokenDatabase() if hasattr(port, "get_scan") else port)
        answer = request(world, "GET", "/repos")
    finally:
        logging.getLogger("ossgard").handlers = []
    assert answer.status_code == 500
    assert answer.json() == {"error": "Internal server error", "code": "INTERNAL_ERROR"}
    [line] = [json.loads(line) for line in lines]
    assert (line["level"], line["message"], line["path"]) == ("error", "request failed", "/repos")
    assert "disk I/O error" in line["traceback"]
