"""What the batch interfaces of providers have in common: errors that name the batch, and results that are counted."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus

from ossgard.errors import PermanentError, RetryableError
from ossgard.model import JsonObject
from ossgard.outgoing import BATCH_LIST
from ossgard.providers.batch.api import BatchItemResult, BatchState, BatchStatus, SubmittedBatch
from ossgard.providers.batch.request_file import BatchLimits, FileForm, RequestFile
from ossgard.providers.http_api import ModelApi, NotFound, RequestRefused, malformed

# Both providers give a batch up after this time.
LIFETIME = timedelta(hours=24)
# How far our clock and the provider's may be apart.
CLOCK_SLACK = timedelta(minutes=10)
PAGE_SIZE = 100

_NO_INTERFACE = frozenset({HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})


class BatchClient(ABC):
    """Implements `BatchApi`, but for what differs between providers.

    Args:
        api: the provider itself; AI Gateway passes on single requests only.
        limits: what one batch may hold.
    """

    def __init__(self, api: ModelApi, limits: BatchLimits) -> None:
        self._api = api
        self._limits = limits

    @property
    def name(self) -> str:
        """Provider and model, for messages."""
        return self._api.name

    @property
    def limits(self) -> BatchLimits:
        """What one batch may hold."""
        return self._limits

    def new_file(self, claim: str, tokens: int | None = None) -> RequestFile:
        """An empty file for the requests of one batch; see `BatchApi`."""
        allowed = [limit for limit in (self._limits.tokens, tokens) if limit is not None]
        return RequestFile(claim, replace(self._limits, tokens=min(allowed, default=None)), self._form(claim))

    async def find(
        self,
        claim: str,
        since: datetime,
        requests: int,
        excluding: Collection[str] = (),
        until: datetime | None = None,
    ) -> SubmittedBatch | None:
        """The batch that was submitted under a claim; see `BatchApi`."""
        period = since, until or self._api.clock.now()
        with self._interface():
            async with aclosing(self._newest(since - CLOCK_SLACK)) as batches:
                return await self._find(batches, claim, period, requests, excluding)

    async def submit(self, claim: str, file: RequestFile) -> SubmittedBatch:
        """Submit the requests of a file; see `BatchApi`."""
        with self._interface():
            return self._submitted(await self._submit(claim, file))

    async def status(self, batch_id: str) -> BatchStatus:
        """How far the provider is; see `BatchApi`."""
        with self._about(batch_id):
            return self._status(await self._get(batch_id))

    async def results(self, claim: str, batch_id: str) -> AsyncGenerator[BatchItemResult, None]:
        """The results of a batch that has ended, one by one; see `BatchApi`."""
        with self._about(batch_id):
            batch = await self._get(batch_id)
            state = self._status(batch).state
            if state is BatchState.RUNNING:
                raise RetryableError(f"Batch {batch_id} of {self.name} has not ended yet")
            # One that has ended well has results, whatever its counts say.
            expected, seen = max(self._counted(batch), int(state is BatchState.ENDED)), 0
            for path in self._result_paths(batch_id, batch):
                async with aclosing(self._api.lines(path)) as lines:
                    async for line in lines:
                        seen += 1
                        result = self._result(claim, line)
                        if result is not None:
                            yield result
            if seen < expected:
                raise RetryableError(
                    f"The results of batch {batch_id} of {self.name} broke off: {seen} of {expected} came"
                )

    # ---- what differs

    @abstractmethod
    def _form(self, claim: str) -> FileForm:
        """How a file of requests is written."""

    @abstractmethod
    def _list_path(self, after: str | None) -> str:
        """Where a page of the newest batches is, the first one or that after a batch."""

    @abstractmethod
    async def _find(
        self,
        batches: AsyncGenerator[JsonObject, None],
        claim: str,
        period: tuple[datetime, datetime],
        requests: int,
        excluding: Collection[str],
    ) -> SubmittedBatch | None:
        """The batch of a claim among the newest ones."""

    @abstractmethod
    async def _submit(self, claim: str, file: RequestFile) -> JsonObject:
        """Submit a file; the new batch."""

    @abstractmethod
    async def _get(self, batch_id: str) -> JsonObject:
        """A batch as the provider describes it."""

    @abstractmethod
    def _status(self, batch: JsonObject) -> BatchStatus:
        """What a description says."""

    @abstractmethod
    def _counted(self, batch: JsonObject) -> int:
        """How many results the provider counts."""

    @abstractmethod
    def _result_paths(self, batch_id: str, batch: JsonObject) -> Sequence[str]:
        """Where the results are."""

    @abstractmethod
    def _result(self, claim: str, line: JsonObject) -> BatchItemResult | None:
        """The result in a line; None when it belongs to another claim."""

    @abstractmethod
    def _moment(self, value: object) -> datetime | None:
        """A time in the form that the provider writes it in."""

    # ---- what the above is made of

    def _submitted(self, batch: JsonObject) -> SubmittedBatch:
        id = batch.get("id")
        if not isinstance(id, str) or not id:
            raise malformed(self.name, "a batch with an id")
        return SubmittedBatch(id, self._expires_at(batch))

    def _expires_at(self, batch: JsonObject) -> datetime:
        return self._moment(batch.get("expires_at")) or (self._created(batch) or self._api.clock.now()) + LIFETIME

    def _created(self, batch: JsonObject) -> datetime | None:
        return self._moment(batch.get("created_at"))

    async def _newest(self, since: datetime) -> AsyncGenerator[JsonObject, None]:
        """The batches of the account since a moment, newest first."""
        after: str | None = None
        for _ in range(BATCH_LIST.pages):
            page = await self._api.get(self._list_path(after), BATCH_LIST)
            data = page.get("data")
            if not isinstance(data, list):
                raise malformed(self.name, "a list of batches")
            batches = [batch for batch in data if isinstance(batch, dict)]
            for batch in batches:
                created = self._created(batch)
                if created is not None and created < since:
                    return
                yield batch
            if not batches or page.get("has_more") is not True:
                return
            after = self._submitted(batches[-1]).id

    @contextmanager
    def _interface(self) -> Iterator[None]:
        """Tells a server that has no batches from other errors."""
        try:
            yield
        except NotFound as error:
            raise self._no_interface(error.reason) from error
        except RequestRefused as error:
            if error.status not in _NO_INTERFACE:
                raise
            raise self._no_interface(error.reason) from error

    def _no_interface(self, words: str) -> PermanentError:
        return PermanentError(
            f"The server of {self.name} has no batch interface: {words}. "
            f"Turn {self._api.role}.batch off in the account's configuration, then start the scan again"
        )

    @contextmanager
    def _about(self, batch_id: str) -> Iterator[None]:
        """Names the batch in errors that cannot heal."""
        try:
            yield
        except NotFound as error:
            raise PermanentError(
                f"{self.name} has no batch {batch_id} any more, or {self._api.role}.api_key is now that of another "
                f"project: {error.reason}. Start the scan again"
            ) from error
        except PermanentError as error:
            raise PermanentError(f"Batch {batch_id} cannot be read: {error}") from error
