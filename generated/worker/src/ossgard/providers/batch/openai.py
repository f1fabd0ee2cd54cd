"""OpenAI's Batch interface: a file of requests, a batch of it, a file of answers and another one of errors."""

import re
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

from ossgard.errors import RetryableError
from ossgard.model import JsonObject
from ossgard.outgoing import BATCH_FILE
from ossgard.providers.batch.api import BatchItemResult, BatchState, BatchStatus, SubmittedBatch
from ossgard.providers.batch.client import PAGE_SIZE, BatchClient
from ossgard.providers.batch.request_file import MAX_FILE_BYTES, BatchLimits, FileForm, RequestFile, item_of
from ossgard.providers.chat import count
from ossgard.providers.http_api import ModelApi, RequestRefused, malformed

Endpoint = Literal["/v1/chat/completions", "/v1/embeddings"]

# 200 MB would be taken, and 50,000 requests; of embeddings, that many inputs.
MAX_REQUESTS = 50_000
# Tokens that may wait for a model, by what the lowest paid tier grants the small ones. An account with less is told so
# by a batch that fails (`BatchStatus.token_limit`).
QUEUED_TOKENS: Mapping[Endpoint, int] = {"/v1/chat/completions": 2_000_000, "/v1/embeddings": 3_000_000}

CLAIM_KEY = "ossgard_claim"

_STATES = {
    "completed": BatchState.ENDED,
    "failed": BatchState.FAILED,
    "expired": BatchState.EXPIRED,
    "cancelled": BatchState.CANCELLED,
}
_TOO_MANY_TOKENS = "token_limit_exceeded"
_LIMIT = re.compile(r"limit:\s*(\d[\d,._]{0,20})", re.IGNORECASE)


class OpenAIBatches(BatchClient):
    """Batches of one model at OpenAI, or at a server that speaks its protocol.

    Args:
        api: the provider itself, without AI Gateway.
        endpoint: what the requests of its batches are for.
    """

    def __init__(self, api: ModelApi, endpoint: Endpoint) -> None:
        super().__init__(api, BatchLimits(MAX_REQUESTS, MAX_FILE_BYTES, QUEUED_TOKENS[endpoint]))
        self._endpoint = endpoint

    def _form(self, claim: str) -> FileForm:
        # It follows a line break that no content has: its JSON escapes all but `\n`.
        boundary = f"ossgard-{claim}"
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="ossgard-{claim}.jsonl"\r\n'
            "Content-Type: application/jsonl\r\n\r\n"
        )
        return FileForm(
            content_type=f"multipart/form-data; boundary={boundary}",
            head=head.encode(),
            separator=b"\n",
            tail=f"\n\r\n--{boundary}--\r\n".encode(),
            entry=lambda id, body: {"custom_id": id, "method": "POST", "url": self._endpoint, "body": body},
        )

    def _list_path(self, after: str | None) -> str:
        return f"/batches?limit={PAGE_SIZE}" + (f"&after={quote(after, safe='')}" if after else "")

    async def _find(
        self,
        batches: AsyncGenerator[JsonObject, None],
        claim: str,
        period: tuple[datetime, datetime],
        requests: int,
        excluding: Collection[str],
    ) -> SubmittedBatch | None:
        async for batch in batches:
            metadata = batch.get("metadata")
            is_ours = isinstance(metadata, dict) and metadata.get(CLAIM_KEY) == claim
            if is_ours and batch.get("id") not in excluding:
                return self._submitted(batch)
        return None

    async def _submit(self, claim: str, file: RequestFile) -> JsonObject:
        # A file that comes to no batch is deleted by OpenAI, after a month.
        uploaded = await self._api.send("/files", file.content, file.content_type, BATCH_FILE)
        id = uploaded.get("id")
        if not isinstance(id, str) or not id:
            raise malformed(self.name, "a file with an id")
        question: JsonObject = {
            "input_file_id": id,
            "endpoint": self._endpoint,
            "completion_window": "24h",
            "metadata": {CLAIM_KEY: claim},
        }
        try:
            return await self._api.post("/batches", question)
        except RequestRefused as refusal:
            # Mostly it is the batch that fails of this, some minutes later.
            if _token_limit(refusal.code, refusal.reason) is None:
                raise
            raise RetryableError(
                f"{self.name} takes no further batch now: {refusal.reason}", rate_limited=True
            ) from refusal

    async def _get(self, batch_id: str) -> JsonObject:
        return await self._api.get(f"/batches/{quote(batch_id, safe='')}")

    def _status(self, batch: JsonObject) -> BatchStatus:
        if not isinstance(batch.get("status"), str):
            raise malformed(self.name, "a batch with a status")
        state = _STATES.get(str(batch["status"]), BatchState.RUNNING)
        counts = batch.get("request_counts")
        succeeded = count(counts, "completed")
        errors = _errors(batch) if state is BatchState.FAILED else []
        limits = [_token_limit(str(error.get("code") or ""), str(error.get("message") or "")) for error in errors]
        return BatchStatus(
            state=state,
            expires_at=self._expires_at(batch),
            succeeded=succeeded,
            problem=self._problem(errors[0]) if errors else "",
            token_limit=next((limit for limit in limits if limit is not None), None),
        )

    def _problem(self, error: JsonObject) -> str:
        words, line = self._api.words(error.get("message") or error.get("code")), error.get("line")
        return words if line is None else f"{words} (line {line} of the requests)"

    def _counted(self, batch: JsonObject) -> int:
        return count(batch.get("request_counts"), "completed", "failed")

    def _result_paths(self, batch_id: str, batch: JsonObject) -> Sequence[str]:
        # Either is missing, null or empty when nothing went right, or nothing wrong.
        files = (batch.get("output_file_id"), batch.get("error_file_id"))
        return [f"/files/{quote(id, safe='')}/content" for id in files if isinstance(id, str) and id]

    def _result(self, claim: str, line: JsonObject) -> BatchItemResult | None:
        item = item_of(claim, line.get("custom_id"))
        if item is None:
            return None
        response, error = line.get("response"), line.get("error")
        if isinstance(response, dict):
            body, status = response.get("body"), response.get("status_code")
            if isinstance(status, int) and status >= 400:
                return BatchItemResult(item, None, f"{self._api.words(body)} (status {status})")
            if isinstance(body, dict) and not error and not body.get("error"):
                return BatchItemResult(item, body)
            error = error or body
        return BatchItemResult(item, None, self._api.words(error))

    def _moment(self, value: object) -> datetime | None:
        try:
            return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else None
        except (ValueError, OverflowError, OSError):
            return None


def _errors(batch: JsonObject) -> Sequence[JsonObject]:
    errors = batch.get("errors")
    data = errors.get("data") if isinstance(errors, dict) else None
    return [error for error in data if isinstance(error, dict)] if isinstance(data, list) else []


def _token_limit(code: str, message: str) -> int | None:
    """How many tokens may wait, in an error that says that there are too many; 0 when it does not name the limit."""
    if code != _TOO_MANY_TOKENS and "enqueued token limit" not in message.lower():
        return None
    named = _LIMIT.search(message)
    return int(re.sub(r"\D", "", named[1])) if named else 0
