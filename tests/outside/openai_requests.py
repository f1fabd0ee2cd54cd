"""What tests send to OpenAI's stand-in for batches, and how they read its answers."""

import json
from collections.abc import Sequence
from typing import Any

import httpx

CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"


def line(custom_id: str, text: str = "hello there", url: str = EMBEDDINGS, **more: Any) -> dict[str, Any]:
    """A request of a batch."""
    body: dict[str, Any] = {"model": "text-embedding-3-small", "input": [text], "dimensions": 8}
    if url == CHAT:
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": {**body, **more}}


def lines(count: int, url: str = EMBEDDINGS) -> list[dict[str, Any]]:
    return [line(f"claim-{number}", f"text {number}", url) for number in range(count)]


def upload(client: httpx.Client, requests: Sequence[Any], name: str = "requests.jsonl") -> httpx.Response:
    """Upload requests, or lines as they stand."""
    content = "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in requests)
    return client.post("/files", data={"purpose": "batch"}, files={"file": (name, content.encode())})


def create(client: httpx.Client, requests: Sequence[Any], **more: Any) -> httpx.Response:
    file_id = upload(client, requests).json()["id"]
    url = next((one["url"] for one in requests if isinstance(one, dict) and "url" in one), EMBEDDINGS)
    return client.post("/batches", json={"input_file_id": file_id, "endpoint": url, "completion_window": "24h", **more})


def submit(client: httpx.Client, requests: Sequence[Any], **more: Any) -> str:
    response = create(client, requests, **more)
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


def look(client: httpx.Client, batch_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/batches/{batch_id}").json()
    return found


def read(client: httpx.Client, file_id: str | None) -> list[dict[str, Any]]:
    """The lines of a file; none of a file that there is not."""
    if file_id is None:
        return []
    return [json.loads(one) for one in client.get(f"/files/{file_id}/content").text.splitlines()]


def problems(client: httpx.Client, requests: Sequence[Any], **more: Any) -> list[dict[str, Any]]:
    """Why a batch fails."""
    batch = look(client, submit(client, requests, **more))
    assert (batch["status"], batch["output_file_id"], batch["error_file_id"]) == ("failed", None, None)
    assert batch["failed_at"] is not None
    assert batch["errors"]["object"] == "list"
    return list(batch["errors"]["data"])


def refusal(response: httpx.Response) -> tuple[int, str, Any, Any]:
    error = response.json()["error"]
    return response.status_code, error["message"], error["param"], error["code"]
