"""What Qdrant is asked, and what users are told when it does not answer."""

import hashlib
import json
import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ossgard.errors import PermanentError, RetryableError
from ossgard.outgoing import MIB, CallKind
from ossgard.ports import VectorPoint, VectorStore
from ossgard.services import VectorStores
from ossgard.spec.models import VectorStoreConfig
from tests.hosts.vectors.bun_stores import bun_stores
from tests.hosts.vectors.space import CODE, run
from tests.outside import qdrant
from tests.outside.faults import Fault, Watch
from tests.outside.qdrant import Qdrant
from tests.support.server import serve

TIMEOUT_SECONDS = 3
KEY = "qdrant-key"


@dataclass
class Server:
    """A Qdrant server, and what chooses stores on it."""

    url: str
    watch: Watch
    choose: VectorStores

    def store(self, path: str = "", key: str = KEY) -> VectorStore:
        """The store of an account."""
        return self.choose(VectorStoreConfig(url=self.url + path, api_key=key))


@pytest.fixture(scope="module")
def choose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorStores]:
    with bun_stores(tmp_path_factory.mktemp("bun") / "ossgard.db", TIMEOUT_SECONDS) as (choose, _):
        yield choose


@pytest.fixture
def server(choose: VectorStores) -> Iterator[Server]:
    watch = Watch(Qdrant(api_key=KEY).app(), {"qdrant": qdrant.error})
    with serve(watch) as url:
        yield Server(url, watch, choose)
        watch.stopped = True


POINTS = [VectorPoint(f"1-{number}-code", [1.0, number], 1, number, number + 100) for number in range(250)]


async def fill(store: VectorStore) -> None:
    await store.ensure_collection(CODE, 2)
    await store.upsert(CODE, POINTS)


def test_points_are_the_uuids_and_payloads_that_older_versions_wrote(server: Server) -> None:
    run(fill(server.store()))
    [first, *_] = [json.loads(request.body) for request in server.watch.requests if request.endpoint == "qdrant.upsert"]
    assert first["points"][7] == {
        "id": str(uuid.UUID(hashlib.md5(b"1-7-code").hexdigest())),
        "vector": [1, 7],
        "payload": {"repoId": 1, "prNumber": 7, "prId": 107},
    }


def test_a_collection_is_made_for_cosines_with_an_index_of_repositories(server: Server) -> None:
    run(fill(server.store()))
    made = [(one.method, one.path, json.loads(one.body)) for one in server.watch.requests if one.method == "PUT"]
    assert made[0] == ("PUT", f"/collections/{CODE}", {"vectors": {"size": 2, "distance": "Cosine"}})
    assert made[1] == ("PUT", f"/collections/{CODE}/index", {"field_name": "repoId", "field_schema": "integer"})


def test_points_are_sent_in_requests_that_the_server_takes_and_has_applied(server: Server) -> None:
    run(fill(server.store()))
    upserts = [request for request in server.watch.requests if request.endpoint == "qdrant.upsert"]
    assert [len(json.loads(request.body)["points"]) for request in upserts] == [100, 100, 50]
    assert {request.query for request in upserts} == {"wait=true"}


def test_nothing_is_asked_before_it_is_needed(server: Server) -> None:
    server.store()
    run(fill(server.store()))
    assert "/" not in {request.path for request in server.watch.requests}


def test_the_path_of_the_url_counts(choose: VectorStores) -> None:
    watch = Watch(Qdrant().app(), {})
    with serve(watch) as url:
        with pytest.raises(PermanentError, match=r"/behind/a/proxy answers 404 .*Check vector_store\.url"):
            run(fill(choose(VectorStoreConfig(url=f"{url}/behind/a/proxy/"))))
        assert {request.path for request in watch.requests} == {f"/behind/a/proxy/collections/{CODE}"}


@pytest.mark.parametrize("key", ["wrong-key", ""])
def test_a_refused_key_is_named_and_not_tried_again(server: Server, key: str) -> None:
    with pytest.raises(PermanentError, match=r"refuses the API key \(401: .*Set a valid vector_store.api_key") as error:
        run(fill(server.store(key=key)))
    assert server.url in str(error.value)
    assert "wrong-key" not in str(error.value)


def test_a_key_that_no_header_can_carry_is_refused(server: Server) -> None:
    with pytest.raises(PermanentError, match=r"cannot be used.*Change vector_store in the account's configuration"):
        run(fill(server.store(key="line\nbreak")))


def test_a_server_that_is_down_is_named(choose: VectorStores) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        message = rf"{url} could not be reached: the connection was refused\. Check that it runs, or change vector"
        with pytest.raises(RetryableError, match=message):
            run(fill(choose(VectorStoreConfig(url=url))))


def test_a_server_that_does_not_answer_is_given_up(server: Server) -> None:
    run(fill(server.store()))
    server.watch.add(Fault("qdrant.query", delay_seconds=10))
    with pytest.raises(RetryableError, match=rf"there was no answer within {TIMEOUT_SECONDS} seconds"):
        run(server.store().search_by_id(CODE, "1-7-code", repo_id=1, limit=3))
    server.watch.clear()
    assert len(run(server.store().search_by_id(CODE, "1-7-code", repo_id=1, limit=3)) or ()) == 3


@pytest.mark.parametrize("where", ["before", "body"])
def test_a_cut_connection_may_pass(server: Server, where: str) -> None:
    run(fill(server.store()))
    server.watch.add(Fault("qdrant.query", cut=where))  # type: ignore[arg-type]
    with pytest.raises(RetryableError, match="could not be reached"):
        run(server.store().search(CODE, [1.0, 0.0], repo_id=1, limit=3))


@pytest.mark.parametrize("status", [408, 500, 502, 503])
def test_a_failing_server_may_recover(server: Server, status: int) -> None:
    server.watch.add(Fault("qdrant.upsert", status=status))
    with pytest.raises(RetryableError, match=rf"could not be reached: it answers {status} \(Service internal error"):
        run(fill(server.store()))


@pytest.mark.parametrize("retry_after", [None, 30])
def test_a_rate_limit_is_told_from_other_failures(server: Server, retry_after: float | None) -> None:
    server.watch.add(Fault("qdrant.upsert", status=429, retry_after=retry_after))
    with pytest.raises(RetryableError, match="limits the rate of requests") as error:
        run(fill(server.store()))
    assert error.value.rate_limited


def test_a_rate_limit_until_a_date_is_one_too(server: Server) -> None:
    headers = {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}
    server.watch.add(Fault("qdrant.upsert", status=429, headers=headers))
    with pytest.raises(RetryableError, match="limits the rate of requests"):
        run(fill(server.store()))


@pytest.mark.parametrize("body", ["<html>Welcome</html>", {"hello": "world"}, b"null", b"true", b"[]", {"result": {}}])
def test_another_kind_of_server_is_named(server: Server, body: object) -> None:
    server.watch.add(Fault("qdrant.*", status=200, body=body))
    with pytest.raises(PermanentError, match=r"does not answer as Qdrant does\. Check vector_store\.url"):
        run(fill(server.store()))


ODD_POINTS = [
    None,
    7,
    [None],
    [{"id": "x", "score": 0.5, "payload": None}],
    [{"id": "x", "score": "0.5", "payload": {"repoId": 1, "prNumber": 2, "prId": 3}}],
    [{"id": "x", "score": 0.5, "payload": {"repoId": 1, "prNumber": "2", "prId": 3}}],
]


@pytest.mark.parametrize("points", ODD_POINTS)
def test_points_that_are_none_of_ours_are_not_believed(server: Server, points: object) -> None:
    store = server.store()
    run(fill(store))
    server.watch.add(Fault("qdrant.query", status=200, body={"result": {"points": points}, "status": "ok"}))
    with pytest.raises(PermanentError, match="does not answer as Qdrant does"):
        run(store.search_by_id(CODE, "1-1-code", repo_id=1, limit=3))


@pytest.mark.parametrize("vector", [None, 7, "x", ["x"], {"named": [1, 2]}])
def test_vectors_that_are_none_are_not_believed(server: Server, vector: object) -> None:
    store = server.store()
    run(fill(store))
    id = str(uuid.UUID(hashlib.md5(b"1-1-code").hexdigest()))
    body = {"result": [{"id": id, "vector": vector}], "status": "ok"}
    server.watch.add(Fault("qdrant.retrieve", status=200, body=body))
    with pytest.raises(PermanentError, match="does not answer as Qdrant does"):
        run(store.get_vectors(CODE, ["1-1-code"]))


def test_a_collection_that_is_not_described_is_not_dropped(server: Server) -> None:
    store = server.store()
    run(fill(store))
    server.watch.add(Fault("qdrant.collections", status=200, body={"result": {}, "status": "ok"}, times=1))
    with pytest.raises(PermanentError, match="does not answer as Qdrant does"):
        run(store.ensure_collection(CODE, 2))
    assert not any(request.method == "DELETE" for request in server.watch.requests)


def test_a_refused_request_says_why(server: Server) -> None:
    said = {"status": {"error": "Wrong input: disk quota exceeded"}}
    server.watch.add(Fault("qdrant.upsert", status=400, body=said))
    with pytest.raises(PermanentError, match=r"answers 400 \(Wrong input: disk quota exceeded\)"):
        run(fill(server.store()))


def test_a_collection_of_another_kind_is_made_anew(server: Server) -> None:
    body = {"result": {"config": {"params": {"vectors": {"size": 2, "distance": "Dot"}}}}, "status": "ok"}
    store = server.store()
    run(fill(store))
    server.watch.add(Fault("qdrant.collections", status=200, body=body, times=2))
    assert run(store.dimensions(CODE)) == 0
    assert run(store.ensure_collection(CODE, 2)) is True
    assert run(store.search(CODE, [1.0, 0.0], repo_id=1, limit=3)) == []


def test_a_collection_that_somebody_removed_is_missed(server: Server) -> None:
    store = server.store()
    run(fill(store))
    server.watch.add(Fault("qdrant.upsert", status=404, body={"status": {"error": "Not found: Collection"}}, times=1))
    with pytest.raises(RetryableError, match="does not exist"):
        run(store.upsert(CODE, POINTS[:1]))
    run(fill(store))


def test_a_server_without_the_query_interface_is_named_with_its_version(server: Server) -> None:
    run(fill(server.store()))
    server.watch.add(Fault("qdrant.query", 404, body=""))
    server.watch.add(Fault("qdrant.root", 200, body={"title": "qdrant - vector search engine", "version": "1.9.2"}))
    with pytest.raises(PermanentError, match=r"is Qdrant 1\.9\.2, which is too old: ossgard needs 1\.10\.0 or later"):
        run(server.store().search(CODE, [1.0, 0.0], repo_id=1, limit=5))
    with pytest.raises(PermanentError, match=r"is Qdrant 1\.9\.2, which is too old: ossgard needs 1\.10\.0 or later"):
        run(server.store().search_by_id(CODE, "1-1-code", repo_id=1, limit=5))


def test_a_new_server_behind_a_wrong_path_is_not_called_old(server: Server) -> None:
    run(fill(server.store()))
    server.watch.add(Fault("qdrant.query", 404, body="no such page"))
    with pytest.raises(PermanentError, match=r"answers 404 \(no such page\)"):
        run(server.store().search(CODE, [1.0, 0.0], repo_id=1, limit=5))


def test_a_missing_point_is_told_from_one_without_neighbours(server: Server) -> None:
    run(fill(server.store()))
    assert run(server.store().search_by_id(CODE, "1-999-code", repo_id=1, limit=5)) is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("[" * 100_000 + "]" * 100_000, "does not answer as Qdrant does"),
        ('{"result": ' + '{"a": ' * 6_000 + "1" + "}" * 6_001, "does not answer as Qdrant does"),
        ('{"result": "' + "x" * MIB + '"}', "sent more than 1 MiB as an answer"),
    ],
    ids=["deep list", "deep object", "large"],
)
def test_an_answer_that_is_too_much_is_refused(
    server: Server, body: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bun_host.vectors.QDRANT", CallKind("vectors", MIB, 30))
    server.watch.add(Fault("qdrant.*", 200, body=body))
    with pytest.raises(PermanentError, match=words):
        run(server.store().search(CODE, [1.0, 0.0], repo_id=1, limit=5))
    server.watch.clear()
    assert run(server.store().dimensions("ossgard-nothing")) is None


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_nobody_is_followed_elsewhere(server: Server, status: int) -> None:
    with serve(Watch(Qdrant(api_key=KEY).app(), {})) as other:
        server.watch.add(Fault("qdrant.*", status, headers={"location": f"{other}/collections/x?secret=1"}))
        with pytest.raises(
            PermanentError, match=rf"redirects \(status {status}\) to {other}/collections/x, where nothing"
        ):
            run(fill(server.store()))


@pytest.mark.parametrize("url", ["http://user:word@127.0.0.1:1", "ftp://127.0.0.1:1"])
def test_an_address_with_a_password_or_another_protocol_is_refused(choose: VectorStores, url: str) -> None:
    with pytest.raises(PermanentError, match="must be an http or https address without") as caught:
        run(choose(VectorStoreConfig.model_construct(url=url, api_key="")).dimensions(CODE))
    assert "word@" not in str(caught.value)
