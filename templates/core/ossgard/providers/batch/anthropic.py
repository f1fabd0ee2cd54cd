"""Anthropic's Message Batches: all requests in one JSON document, all results in one file of JSON lines."""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from ossgard.model import JsonObject
from ossgard.providers.batch.api import BatchItemResult, BatchState, BatchStatus, SubmittedBatch
from ossgard.providers.batch.client import PAGE_SIZE, BatchClient
from ossgard.providers.batch.request_file import MAX_FILE_BYTES, BatchLimits, FileForm, RequestFile, item_of
from ossgard.providers.chat import count
from ossgard.providers.http_api import ModelApi, NotFound, malformed

# 256 MB would be taken.
MAX_REQUESTS = 100_000
# How many ended batches of the right size and time `find` looks into.
MAX_LOOKS = 20
# One that is still running cannot be looked into; it is believed only when it was made in the time of the submission,
# or no longer than this before or after, for clocks that differ a little.
RUNNING_SLACK = timedelta(minutes=2)

_PATH = "/v1/messages/batches"
_DONE = ("succeeded", "errored", "canceled", "expired")
_NO_ANSWER = {
    "expired": "the batch expired before its turn came",
    "canceled": "the batch was cancelled before its turn came",
}


class AnthropicBatches(BatchClient):
    """Batches of one model at Anthropic.

    Args:
        api: the provider itself, without AI Gateway.
    """

    def __init__(self, api: ModelApi) -> None:
        super().__init__(api, BatchLimits(MAX_REQUESTS, MAX_FILE_BYTES, None))

    def _form(self, claim: str) -> FileForm:
        return FileForm(
            content_type="application/json",
            head=b'{"requests":[',
            separator=b",",
            tail=b"]}",
            entry=lambda id, body: {"custom_id": id, "params": body},
        )

    def _list_path(self, after: str | None) -> str:
        return f"{_PATH}?limit={PAGE_SIZE}" + (f"&after_id={quote(after, safe='')}" if after else "")

    async def _find(
        self,
        batches: AsyncGenerator[JsonObject, None],
        claim: str,
        period: tuple[datetime, datetime],
        requests: int,
        excluding: Collection[str],
    ) -> SubmittedBatch | None:
        since, until = period
        # Those that are still running, by how far from the time of the claim they were made.
        running: dict[timedelta, SubmittedBatch] = {}
        looks = 0
        async for batch in batches:
            found = self._submitted(batch)
            if found.id in excluding or _total(batch) != requests:
                continue
            if batch.get("processing_status") != "ended":
                created = self._created(batch) or since
                if since - RUNNING_SLACK <= created <= until + RUNNING_SLACK:
                    running[abs(created - since)] = found
            elif looks < MAX_LOOKS:
                looks += 1
                if await self._is_of(claim, found.id):
                    return found
        return running[min(running)] if running else None

    async def _is_of(self, claim: str, batch_id: str) -> bool:
        """Whether the first result of a batch is one of a claim: all are, or none."""
        try:
            async with aclosing(self._api.lines(_results_path(batch_id))) as lines:
                async for line in lines:
                    return item_of(claim, line.get("custom_id")) is not None
        except NotFound:
            # Deleted, or so old that its results are.
            return False
        return False

    async def _submit(self, claim: str, file: RequestFile) -> JsonObject:
        return await self._api.send(_PATH, file.content, file.content_type)

    async def _get(self, batch_id: str) -> JsonObject:
        return await self._api.get(f"{_PATH}/{quote(batch_id, safe='')}")

    def _status(self, batch: JsonObject) -> BatchStatus:
        status, counts = batch.get("processing_status"), batch.get("request_counts")
        if not isinstance(status, str):
            raise malformed(self.name, "a batch with a processing status")
        state = BatchState.RUNNING
        if status == "ended":
            state = BatchState.ENDED
            if count(counts, "canceled"):
                state = BatchState.CANCELLED
            elif count(counts, "expired") and not count(counts, "succeeded"):
                state = BatchState.EXPIRED
        return BatchStatus(
            state=state,
            expires_at=self._expires_at(batch),
            succeeded=count(counts, "succeeded"),
        )

    def _counted(self, batch: JsonObject) -> int:
        return count(batch.get("request_counts"), *_DONE)

    def _result_paths(self, batch_id: str, batch: JsonObject) -> Sequence[str]:
        # Not `results_url`: the key goes only where the account's configuration says.
        return [_results_path(batch_id)]

    def _result(self, claim: str, line: JsonObject) -> BatchItemResult | None:
        item = item_of(claim, line.get("custom_id"))
        if item is None:
            return None
        result = line.get("result")
        kind, message = (result.get("type"), result.get("message")) if isinstance(result, dict) else (None, None)
        if kind == "succeeded" and isinstance(message, dict):
            return BatchItemResult(item, message)
        return BatchItemResult(item, None, _NO_ANSWER.get(str(kind)) or self._api.words(result))

    def _moment(self, value: object) -> datetime | None:
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            return None
        return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def _results_path(batch_id: str) -> str:
    return f"{_PATH}/{quote(batch_id, safe='')}/results"


def _total(batch: JsonObject) -> int:
    return count(batch.get("request_counts"), "processing", *_DONE)
