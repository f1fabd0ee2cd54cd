"""OpenAI's Batch API as documented: what it validates, the stages of a batch, and the files it writes."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.outside.batches import Batch, Batches, Outcome, done_so_far
from tests.outside.openai_api import OpenAiApi, OpenAiError, error, json_body
from tests.outside.openai_files import OpenAiFiles
from tests.outside.openai_validation import ENDPOINTS, enqueued, validated

MAX_METADATA, MAX_METADATA_KEY, MAX_METADATA_VALUE = 16, 64, 512
MAX_LIMIT, USUAL_LIMIT = 100, 20

_NEVER = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "canceled": ("batch_cancelled", "This request could not be executed because the batch was cancelled."),
}
_TYPES: dict[type, str] = {list: "an array", dict: "an object", bool: "a boolean", int: "an integer", float: "a number"}


class OpenAiBatches:
    """The state of the stand-in, but for what it shares with Anthropic's."""

    def __init__(self, api: OpenAiApi, batches: Batches) -> None:
        self._api = api
        self._batches = batches
        self._files = OpenAiFiles(api, batches)
        # batch -> the ids of its output file and its error file
        self._written: dict[str, tuple[str | None, str | None]] = {}

    def routes(self) -> list[Route]:
        """What it adds to OpenAI's application."""
        serve = self._api.endpoint
        return [
            *self._files.routes(),
            Route("/batches", serve(self._create), methods=["POST"]),
            Route("/batches", serve(self._list), methods=["GET"]),
            Route("/batches/{id}", serve(self._describe), methods=["GET"]),
            Route("/batches/{id}/cancel", serve(self._cancel), methods=["POST"]),
        ]

    async def _create(self, request: Request, key: str) -> Response:
        body = await json_body(request)
        for name in ("input_file_id", "endpoint", "completion_window"):
            if name not in body:
                raise OpenAiError(400, f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
        _check_choice("endpoint", body["endpoint"], ENDPOINTS)
        _check_choice("completion_window", body["completion_window"], ("24h",))
        metadata = _metadata(body.get("metadata"))
        batch = await asyncio.to_thread(self._submit, key, body["endpoint"], str(body["input_file_id"]), metadata)
        request.state.inputs = batch.requests
        return JSONResponse(self._described(batch))

    def _submit(self, key: str, endpoint: str, file_id: str, metadata: Mapping[str, str]) -> Batch:
        file = self._files.find(key, file_id)
        content = b"".join(file.lines()) if file is not None and file.purpose == "batch" else None
        found = validated(content, endpoint, file_id, self._batches)
        now = self._batches.now()
        batch = Batch(
            id=self._batches.new_id("batch_", 32),
            provider="openai",
            key=key,
            items=found.items,
            answer=self._answer_of(endpoint),
            error=error,
            created_at=now,
            expires_at=now + self._batches.window_seconds,
            endpoint=endpoint,
            model=found.model,
            metadata=metadata,
            input_file_id=file_id,
            problems=found.problems,
        )
        if not batch.problems:
            earlier = self._batches.newest_first("openai", key)
            batch.tokens, problem = enqueued(batch, earlier, self._batches)
            batch.problems += [problem] if problem is not None else []
        batch.reach("validating", now)
        self._batches.add(batch)
        return batch

    def _answer_of(self, endpoint: str) -> Any:
        single = self._api.embeddings if endpoint == "/v1/embeddings" else self._api.chat

        def answer(body: Mapping[str, Any]) -> tuple[int, Any]:
            try:
                return 200, single(body)
            except OpenAiError as failure:
                return failure.status, failure.body

        return answer

    async def _describe(self, request: Request, key: str) -> Response:
        batch = self._wanted(request, key)
        await asyncio.to_thread(self._batches.advance, batch, True)
        return JSONResponse(self._described(batch))

    async def _cancel(self, request: Request, key: str) -> Response:
        batch = self._wanted(request, key)
        await asyncio.to_thread(self._batches.start_cancelling, batch)
        if batch.stage not in ("cancelling", "cancelled"):
            raise OpenAiError(409, f"Cannot cancel a batch with status '{batch.stage}'.")
        return JSONResponse(self._described(batch))

    async def _list(self, request: Request, key: str) -> Response:
        limit = _limit(request.query_params.get("limit"))
        batches = self._batches.newest_first("openai", key)
        after = request.query_params.get("after")
        if after is not None:
            places = [place for place, batch in enumerate(batches) if batch.id == after]
            if not places:
                raise OpenAiError(404, f"No batch found with id '{after}'.")
            batches = batches[places[0] + 1 :]
        page = batches[:limit]
        for batch in page:
            await asyncio.to_thread(self._batches.advance, batch)
        return JSONResponse(
            {
                "object": "list",
                "data": [self._described(batch) for batch in page],
                "first_id": page[0].id if page else None,
                "last_id": page[-1].id if page else None,
                "has_more": len(batches) > len(page),
            }
        )

    def _wanted(self, request: Request, key: str) -> Batch:
        batch_id = request.path_params["id"]
        batch = self._batches.find("openai", key, batch_id)
        if batch is None:
            raise OpenAiError(404, f"No batch found with id '{batch_id}'.")
        return batch

    def _described(self, batch: Batch) -> dict[str, Any]:
        with batch.lock:
            output, errors = self._write(batch)
            problems = [asdict(problem) for problem in batch.problems] if batch.stage == "failed" else []
            return {
                "id": batch.id,
                "object": "batch",
                "endpoint": batch.endpoint,
                "model": batch.model or None,
                "errors": {"object": "list", "data": problems} if problems else None,
                "input_file_id": batch.input_file_id,
                "completion_window": "24h",
                "status": batch.stage,
                "output_file_id": output,
                "error_file_id": errors,
                "created_at": int(batch.created_at),
                "in_progress_at": _seconds(batch, "in_progress"),
                "expires_at": int(batch.expires_at),
                "finalizing_at": _seconds(batch, "finalizing"),
                "completed_at": _seconds(batch, "completed"),
                "failed_at": _seconds(batch, "failed"),
                "expired_at": _seconds(batch, "expired"),
                "cancelling_at": _seconds(batch, "cancelling"),
                "cancelled_at": _seconds(batch, "cancelled"),
                "request_counts": _counts(batch),
                "metadata": dict(batch.metadata) or None,
            }

    def _write(self, batch: Batch) -> tuple[str | None, str | None]:
        """The files of a batch that has ended; one without a line is not written."""
        if not batch.has_ended:
            return None, None
        if batch.id not in self._written:
            output = (
                self._files.write(batch, "output", lambda: _lines(batch, True)) if batch.count("succeeded") else None
            )
            errors = batch.count("errored", "expired", "canceled")
            self._written[batch.id] = (
                output,
                self._files.write(batch, "error", lambda: _lines(batch, False)) if errors else None,
            )
        return self._written[batch.id]


def _lines(batch: Batch, is_output: bool) -> Iterator[bytes]:
    for number, outcome in enumerate(batch.outcomes):
        if (outcome.kind == "succeeded") == is_output:
            yield _line(f"batch_req_{batch.id[-16:]}{number:06d}", outcome)


def _line(name: str, outcome: Outcome) -> bytes:
    begun = b'{"id": "%b", "custom_id": %b, "response": ' % (name.encode(), json.dumps(outcome.custom_id).encode())
    if outcome.kind in _NEVER:
        code, message = _NEVER[outcome.kind]
        return begun + b'null, "error": %b}\n' % json.dumps({"code": code, "message": message}).encode()
    request_id = f"req_{name.removeprefix('batch_req_')}".encode()
    return begun + b'{"status_code": %d, "request_id": "%b", "body": %b}, "error": null}\n' % (
        outcome.status,
        request_id,
        outcome.padded,
    )


def _counts(batch: Batch) -> dict[str, int]:
    """`total` is known when the batch has been validated; `failed` counts all that have no answer."""
    if batch.has_ended and batch.stage != "failed":
        done = batch.count("succeeded")
        return {"total": batch.requests, "completed": done, "failed": batch.requests - done}
    if batch.stage in ("validating", "failed"):
        return {"total": 0, "completed": 0, "failed": 0}
    return {"total": batch.requests, "completed": done_so_far(batch), "failed": 0}


def _seconds(batch: Batch, stage: str) -> int | None:
    return int(batch.reached[stage]) if stage in batch.reached else None


def _check_choice(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        shown = " and ".join(f"'{one}'" for one in known)
        message = f"Invalid value: '{value}'. Supported values are: {shown}."
        raise OpenAiError(400, message, name, "invalid_value")


def _metadata(value: Any) -> Mapping[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise OpenAiError(400, "Invalid type for 'metadata': expected an object.", "metadata", "invalid_type")
    if len(value) > MAX_METADATA:
        raise OpenAiError(
            400,
            f"Invalid 'metadata': too many properties. Expected an object with at most {MAX_METADATA} properties, but "
            f"got an object with {len(value)} properties instead.",
            "metadata",
            "object_above_max_properties",
        )
    for name, text in value.items():
        where = f"metadata.{name}"
        if not isinstance(text, str):
            found = _TYPES.get(type(text), "null")
            message = f"Invalid type for '{where}': expected a string, but got {found} instead."
            raise OpenAiError(400, message, where, "invalid_type")
        for what, longest in ((name, MAX_METADATA_KEY), (text, MAX_METADATA_VALUE)):
            if len(what) > longest:
                raise OpenAiError(
                    400,
                    f"Invalid '{where}': string too long. Expected a string with maximum length {longest}, but got a "
                    f"string with length {len(what)} instead.",
                    where,
                    "string_above_max_length",
                )
    return value


def _limit(text: str | None) -> int:
    if text is None:
        return USUAL_LIMIT
    if not text.lstrip("-").isdigit():
        message = "Invalid type for 'limit': expected an integer, but got a string instead."
        raise OpenAiError(400, message, "limit", "invalid_type")
    limit = int(text)
    if limit < 1:
        message = f"Invalid 'limit': integer below minimum value. Expected a value >= 1, but got {limit} instead."
        raise OpenAiError(400, message, "limit", "integer_below_min_value")
    if limit > MAX_LIMIT:
        message = (
            f"Invalid 'limit': integer above maximum value. Expected a value <= {MAX_LIMIT}, but got {limit} instead."
        )
        raise OpenAiError(400, message, "limit", "integer_above_max_value")
    return limit
