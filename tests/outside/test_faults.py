"""Faults happen where and as often as they are asked for, over HTTP and from Python."""

import time

import httpx
import pytest

from tests.outside.endpoints import EMBEDDINGS, endpoint_name
from tests.outside.world import World

KEY = {"authorization": "Bearer sk-proj-world"}
BODY = {"model": "text-embedding-3-small", "input": ["a b c"], "dimensions": 8}


def embed(outside: World, timeout: float = 5, **more: object) -> httpx.Response:
    return httpx.post(f"{outside.openai_url}/embeddings", json={**BODY, **more}, headers=KEY, timeout=timeout)


def test_a_status_a_number_of_times(outside: World) -> None:
    outside.fail(EMBEDDINGS, 503, times=2, skip=1, headers={"x-extra": "yes"})
    responses = [embed(outside) for _ in range(4)]
    assert [response.status_code for response in responses] == [200, 503, 503, 200]
    assert responses[1].headers["x-extra"] == "yes"
    assert responses[1].json()["error"]["type"] == "server_error"
    assert outside.count("openai.embeddings").faults == 2


def test_only_some_requests(outside: World) -> None:
    outside.fail("openai.*", 500, containing="poison")
    outside.fail("openai.*", 502, key="somebody else", body="<html>bad gateway</html>")
    assert embed(outside).status_code == 200
    assert embed(outside, input=["poison"]).status_code == 500


def test_slow_answers(outside: World) -> None:
    outside.slow("openai.embeddings", 0.3, times=1)
    started = time.monotonic()
    assert embed(outside).status_code == 200
    assert time.monotonic() - started > 0.3
    outside.slow("openai.embeddings", 30)
    with pytest.raises(httpx.ReadTimeout):
        embed(outside, timeout=0.2)
    outside.heal()
    assert embed(outside).status_code == 200


@pytest.mark.parametrize("where", ["before", "body"])
def test_cut_connections(outside: World, where: str) -> None:
    outside.cut("openai.embeddings", where, times=1)  # type: ignore[arg-type]
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        embed(outside)
    assert embed(outside).status_code == 200


def test_malformed_json(outside: World) -> None:
    outside.garble("openai.embeddings", times=1)
    response = embed(outside)
    assert response.status_code == 200
    with pytest.raises(ValueError, match=r"line \d+ column \d+"):
        response.json()


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_wrong_dimensions(outside: World, encoding: str) -> None:
    outside.shrink_vectors(times=1)
    short = embed(outside, encoding_format=encoding).json()["data"][0]["embedding"]
    full = embed(outside, encoding_format=encoding).json()["data"][0]["embedding"]
    assert len(short) < len(full)


def test_control_over_http(outside: World) -> None:
    with httpx.Client(base_url=outside.url, timeout=5) as control:
        assert control.post("/control/faults", json={"endpoint": "openai.*", "status": 500, "times": 1}).json()["ok"]
        assert [embed(outside).status_code for _ in range(2)] == [500, 200]
        assert control.get("/control/counters").json()["openai.embeddings"]["calls"] == 2
        assert len(control.get("/control/requests", params={"endpoint": "openai.*"}).json()) == 2
        assert control.post("/control/faults", json={"nonsense": 1}).status_code == 400
        control.delete("/control/faults")
        control.delete("/control/counters")
        assert control.get("/control/counters").json() == {}

        opened = control.post("/control/pulls", json={"title": "New one", "files": ["a.py"]}).json()["number"]
        copy = control.post("/control/pulls", json={"duplicate_of": opened}).json()["number"]
        assert [opened, copy] in control.get("/control/groups").json()
        score = control.post("/control/score", json={"groups": [[opened, copy]]}).json()
        assert score["precision"] == 1
        assert control.post(f"/control/pulls/{copy}/merge").json()["ok"]
        assert control.post(f"/control/pulls/{opened}/close").json()["ok"]
        assert control.post(f"/control/pulls/{opened}/explode").status_code == 400
        states = {pull["number"]: pull["state"] for pull in control.get("/control/pulls").json()}
        assert states[copy] == states[opened] == "closed"
        config = control.get("/control/config", params={"llm": "anthropic", "gateway": "1"}).json()
        assert config["llm"]["url"] == "https://api.anthropic.com"
        assert config["ai_gateway"]["gateway_name"]
        token = control.post("/control/tokens").json()["token"]
        user = f"{outside.github_url}/user"
        headers = {"authorization": f"Bearer {token}"}
        assert httpx.get(user, headers=headers).status_code == 200
        control.post("/control/tokens/revoke", json={"token": token})
        assert httpx.get(user, headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "accept", "name"),
    [
        ("GET", "/github/repos/a/b/pulls/1", "application/vnd.github.diff", "github.diff"),
        ("GET", "/github/repos/a/b/pulls/1", "application/vnd.github+json", "github.pull"),
        ("GET", "/github/repositories/1/pulls", "", "github.pulls"),
        ("HEAD", "/openai/v1", "", "openai.other"),
        ("POST", "/gateway/v1/a/b/openai/embeddings", "", "gateway.openai.embeddings"),
        ("PUT", "/collections/c/points", "", "qdrant.upsert"),
        ("POST", "/qdrant/collections/c/points/query", "", "qdrant.query"),
        ("GET", "/nowhere", "", "other"),
    ],
)
def test_endpoints_have_names(method: str, path: str, accept: str, name: str) -> None:
    assert endpoint_name(method, path, accept) == name
