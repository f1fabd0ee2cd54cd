"""Anthropic's Message Batches as documented: what is refused at once, the states of a batch, and its results."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.outside.anthropic_api import AnthropicApi, AnthropicError, error, parsed
from tests.outside.batches import Answer, Batch, Batches, Item, Outcome

MAX_LIMIT, USUAL_LIMIT = 1_000, 20
MAX_CUSTOM_ID = 64
CUSTOM_ID = r"^[a-zA-Z0-9_-]{1,64}$"
# What a batch under way tells those who ask for it.
ASK_AGAIN_SECONDS = 10

_PATH = "/v1/messages/batches"


class AnthropicBatches:
    """Has no state but what it shares with OpenAI's."""

    def __init__(self, api: AnthropicApi, batches: Batches) -> None:
        self._api = api
        self._batches = batches

    def routes(self) -> list[Route]:
        """What it adds to Anthropic's application."""
        serve = self._api.endpoint
        return [
            Route(_PATH, serve(self._create), methods=["POST"]),
            Route(_PATH, serve(self._list), methods=["GET"]),
            Route(f"{_PATH}/{{id}}", serve(self._describe), methods=["GET"]),
            Route(f"{_PATH}/{{id}}", serve(self._delete), methods=["DELETE"]),
            Route(f"{_PATH}/{{id}}/results", serve(self._results), methods=["GET"]),
            Route(f"{_PATH}/{{id}}/cancel", serve(self._cancel), methods=["POST"]),
        ]

    async def _create(self, request: Request, key: str) -> Response:
        content = await request.body()
        if len(content) > self._batches.anthropic_bytes:
            raise AnthropicError(413, "Request exceeds the maximum size")
        items = _items(parsed(content), self._batches.anthropic_requests)
        now = self._batches.now()
        batch = Batch(
            id=self._batches.new_id("msgbatch_", 24),
            provider="anthropic",
            key=key,
            items=items,
            answer=self._answer_of(key, request.headers["anthropic-version"]),
            error=error,
            created_at=now,
            expires_at=now + self._batches.window_seconds,
        )
        batch.reach("in_progress", now)
        self._batches.add(batch)
        request.state.inputs = batch.requests
        return JSONResponse(_described(batch, request))

    def _answer_of(self, key: str, version: str) -> Answer:
        def answer(body: Mapping[str, Any]) -> tuple[int, Any]:
            try:
                if body.get("stream"):
                    raise AnthropicError(400, '"stream=True" is not supported in the Message Batches API')
                message = self._api.message(body, key, version)
            except AnthropicError as failure:
                return failure.status, error(failure.status, failure.message)
            message["usage"]["service_tier"] = "batch"
            return 200, message

        return answer

    async def _describe(self, request: Request, key: str) -> Response:
        batch = self._wanted(request, key)
        await asyncio.to_thread(self._batches.advance, batch, True)
        headers = {} if batch.has_ended else {"retry-after": str(ASK_AGAIN_SECONDS)}
        return JSONResponse(_described(batch, request), headers=headers)

    async def _list(self, request: Request, key: str) -> Response:
        query = request.query_params
        limit = _limit(query.get("limit"))
        batches = self._batches.newest_first("anthropic", key)
        before, after = query.get("before_id"), query.get("after_id")
        if before is not None and after is not None:
            raise AnthropicError(400, "Only one of `before_id` and `after_id` may be given")
        if before is not None:
            batches = batches[: _place(batches, before)]
            page = batches[-limit:]
        else:
            batches = batches if after is None else batches[_place(batches, after) + 1 :]
            page = batches[:limit]
        for batch in page:
            await asyncio.to_thread(self._batches.advance, batch)
        return JSONResponse(
            {
                "data": [_described(batch, request) for batch in page],
                "has_more": len(batches) > len(page),
                "first_id": page[0].id if page else None,
                "last_id": page[-1].id if page else None,
            }
        )

    async def _results(self, request: Request, key: str) -> Response:
        batch = self._wanted(request, key)
        await asyncio.to_thread(self._batches.advance, batch)
        if not batch.has_ended:
            raise AnthropicError(404, f"Message Batch {batch.id} has no available results.")
        batch.collected.append(self._batches.now())
        # The answer itself does not say how long it is; faults that cut it want to know.
        request.state.length = sum(map(len, _lines(batch)))
        return StreamingResponse(_flow(batch), media_type="application/x-jsonl")

    async def _cancel(self, request: Request, key: str) -> Response:
        batch = self._wanted(request, key)
        await asyncio.to_thread(self._batches.start_cancelling, batch)
        if batch.has_ended:
            raise AnthropicError(400, f"Message Batch {batch.id} has already ended.")
        return JSONResponse(_described(batch, request))

    async def _delete(self, request: Request, key: str) -> Response:
        batch = self._wanted(request, key)
        await asyncio.to_thread(self._batches.advance, batch)
        if not batch.has_ended:
            raise AnthropicError(400, "In progress batches cannot be deleted. Consider canceling the batch instead.")
        self._batches.remove(batch)
        return JSONResponse({"id": batch.id, "type": "message_batch_deleted"})

    def _wanted(self, request: Request, key: str) -> Batch:
        batch_id = request.path_params["id"]
        batch = self._batches.find("anthropic", key, batch_id)
        if batch is None:
            raise AnthropicError(404, f"Message Batch {batch_id} not found.")
        return batch


def _items(body: Mapping[str, Any], most: int) -> list[Item]:
    """The requests of a batch. Their parameters are not looked at before they are executed."""
    requests = body.get("requests")
    if "requests" not in body:
        raise AnthropicError(400, "requests: Field required")
    if not isinstance(requests, list):
        raise AnthropicError(400, "requests: Input should be a valid list")
    if not requests:
        raise AnthropicError(400, "requests: List should have at least 1 item after validation, not 0")
    if len(requests) > most:
        message = f"requests: List should have at most {most} items after validation, not {len(requests)}"
        raise AnthropicError(400, message)
    known: set[str] = set()
    for index, one in enumerate(requests):
        _check(one, f"requests.{index}")
        if one["custom_id"] in known:
            raise AnthropicError(
                400,
                "requests: custom_id's must be unique within a batch. "
                f"Duplicate custom_id found: {one['custom_id']}",
            )
        known.add(one["custom_id"])
    return [Item(one["custom_id"], one["params"]) for one in requests]


def _check(one: Any, where: str) -> None:
    if not isinstance(one, dict):
        raise AnthropicError(400, f"{where}: Input should be a valid dictionary")
    for name in ("custom_id", "params"):
        if name not in one:
            raise AnthropicError(400, f"{where}.{name}: Field required")
    for name in one:
        if name not in ("custom_id", "params"):
            raise AnthropicError(400, f"{where}.{name}: Extra inputs are not permitted")
    custom_id, params = one["custom_id"], one["params"]
    if not isinstance(custom_id, str):
        raise AnthropicError(400, f"{where}.custom_id: Input should be a valid string")
    if len(custom_id) > MAX_CUSTOM_ID:
        raise AnthropicError(400, f"{where}.custom_id: String should have at most {MAX_CUSTOM_ID} characters")
    if not re.fullmatch(CUSTOM_ID, custom_id):
        raise AnthropicError(400, f"{where}.custom_id: String should match pattern '{CUSTOM_ID}'")
    if not isinstance(params, dict):
        raise AnthropicError(400, f"{where}.params: Input should be a valid dictionary")


def _described(batch: Batch, request: Request) -> dict[str, Any]:
    with batch.lock:
        ended, cancelled = batch.ended_at, batch.reached.get("cancelling")
        state = "ended" if batch.has_ended else "canceling" if cancelled is not None else "in_progress"
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": state,
            "request_counts": {
                "processing": 0 if batch.has_ended else batch.requests,
                "succeeded": batch.count("succeeded"),
                "errored": batch.count("errored"),
                "canceled": batch.count("canceled"),
                "expired": batch.count("expired"),
            },
            "created_at": _time(batch.created_at),
            "expires_at": _time(batch.expires_at),
            "ended_at": None if ended is None else _time(ended),
            "cancel_initiated_at": None if cancelled is None else _time(cancelled),
            "archived_at": None,
            "results_url": f"{_base(request)}{_PATH}/{batch.id}/results" if batch.has_ended else None,
        }


def _base(request: Request) -> str:
    """Where this API stands."""
    return f"{request.url.scheme}://{request.url.netloc}{request.scope['root_path']}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _lines(batch: Batch) -> Iterator[bytes]:
    return map(_line, batch.outcomes)


async def _flow(batch: Batch) -> AsyncIterator[bytes]:
    for line in _lines(batch):
        yield line


def _line(outcome: Outcome) -> bytes:
    begun = b'{"custom_id": %b, "result": {"type": "%b"' % (
        json.dumps(outcome.custom_id).encode(),
        outcome.kind.encode(),
    )
    if outcome.kind == "succeeded":
        return begun + b', "message": %b}}\n' % outcome.padded
    if outcome.kind == "errored":
        said = {**json.loads(outcome.body), "request_id": None}
        return begun + b', "error": %b}}\n' % json.dumps(said, ensure_ascii=False).encode()
    return begun + b"}}\n"


def _place(batches: list[Batch], batch_id: str) -> int:
    for place, batch in enumerate(batches):
        if batch.id == batch_id:
            return place
    raise AnthropicError(404, f"Message Batch {batch_id} not found.")


def _limit(text: str | None) -> int:
    if text is None:
        return USUAL_LIMIT
    try:
        limit = int(text)
    except ValueError:
        raise AnthropicError(400, "limit: Input should be a valid integer, unable to parse string") from None
    if limit < 1:
        raise AnthropicError(400, "limit: Input should be greater than or equal to 1")
    if limit > MAX_LIMIT:
        raise AnthropicError(400, f"limit: Input should be less than or equal to {MAX_LIMIT}")
    return limit
