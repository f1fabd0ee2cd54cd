"""Pollers as Durable Objects, one for each scan and phase: what one is asked, what it keeps, and its alarm."""

from datetime import datetime
from typing import Any, TypeGuard

from pydantic import Field, ValidationError
from pyodide.ffi import JsException

from ossgard.errors import BatchRefused, HttpError, RetryableError
from ossgard.model import CamelModel
from ossgard.pipeline.batch.polling import poller_name
from ossgard.spec.entities import BatchPoll
from ossgard.spec.error_codes import ErrorCode
from ossgard.spec.messages import PipelineMessage
from ossgard.spec.phases import PHASES

# What a poller answers when it polls, and when it is polling another batch.
STARTED = 202
REFUSED = 409

_KEY = "poll"


class PollRequest(CamelModel):
    """What a poller is asked: to poll a batch on behalf of the message that waits for it."""

    batch_id: str = Field(min_length=1)
    message: PipelineMessage


class DurableObjectScheduler:
    """Implements `PollerScheduler` over the binding of the pollers."""

    def __init__(self, binding: Any) -> None:
        self._binding = binding

    async def start(self, batch_id: str, message: PipelineMessage) -> None:
        """Begin to poll; raises `BatchRefused` when another batch of the same scan and phase is being polled."""
        name = poller_name(message.scan_id, message.type)
        body = PollRequest(batch_id=batch_id, message=message).model_dump_json(by_alias=True)
        try:
            # The host of the URL means nothing: the request goes to the object.
            response = await self._binding.getByName(name).fetch("http://poller/", method="POST", body=body)
            problem = "" if response.status in (STARTED, REFUSED) else await response.text()
        except (JsException, OSError) as error:
            raise RetryableError(f"The poller {name} could not be reached: {error}") from error
        if response.status == REFUSED:
            raise BatchRefused(name, batch_id)
        if response.status != STARTED:
            raise RetryableError(f"The poller {name} answered {response.status}: {problem[:500]}")


def read_request(text: str, name: str | None) -> PollRequest:
    """What the poller of a name is asked; without a name, whatever it is asked is its own.

    Raises:
        HttpError: it is nothing that this poller can do.
    """
    try:
        request = PollRequest.model_validate_json(text)
    except ValidationError as error:
        raise HttpError(ErrorCode.INVALID_REQUEST, f"Not a request to poll a batch: {error}") from error
    phase = PHASES.get(request.message.type)
    if phase is None or phase.batch is None:
        raise HttpError(ErrorCode.INVALID_REQUEST, f"Phase '{request.message.type}' does not wait for batches")
    own_name = poller_name(request.message.scan_id, phase.name)
    if name is not None and name != own_name:
        raise HttpError(ErrorCode.INVALID_REQUEST, f"The poller {name} does not poll for {own_name}")
    return request


class _Kept(BatchPoll):
    """What is kept, with the time of the alarm in milliseconds since the epoch."""

    next_poll_at: int


class ObjectPollStore:
    """Implements `PollStore` over the storage of a Durable Object.

    Whenever Python awaits, the object may get another event. So what is kept is read and written by the storage's
    synchronous calls, and what is written without an await in between becomes durable as one, the alarm included.
    """

    def __init__(self, storage: Any) -> None:
        self._storage = storage

    async def load(self) -> BatchPoll | None:
        """What is kept; None when nothing is polled."""
        return self._kept()

    async def start(self, poll: BatchPoll, at: datetime) -> bool:
        """Keep a new poll and set the alarm; False when another batch is being polled.

        For the batch that is being polled, the alarm is set to when it was due anyhow: the platform gives up one that
        has failed too often, and this brings it back.
        """
        kept = self._kept()
        is_same = kept is not None and kept.batch_id == poll.batch_id
        step = max(kept.step, poll.step) if kept is not None and is_same else poll.step
        if kept is None or kept.ended:
            await self._keep(poll.model_copy(update={"step": step}), _milliseconds(at))
        elif is_same:
            await self._keep(kept.model_copy(update={"step": step}), kept.next_poll_at)
        return is_same or kept is None or kept.ended

    async def save(self, poll: BatchPoll, at: datetime) -> None:
        """Keep how a poll has got on, and set the alarm, unless there is a newer start."""
        kept = self._kept()
        if _is_of(kept, poll):
            progress = {"polls": poll.polls, "begun": poll.begun, "errors": poll.errors, "ended": poll.ended}
            await self._keep(kept.model_copy(update=progress), _milliseconds(at))

    async def finish(self, poll: BatchPoll) -> None:
        """Forget everything, the alarm included, unless there is a newer start."""
        if _is_of(self._kept(), poll):
            await self._storage.deleteAll()

    async def postpone(self, at: datetime) -> None:
        """Set the alarm, whatever is kept."""
        await self._storage.setAlarm(_milliseconds(at))

    def _kept(self) -> _Kept | None:
        kept = self._storage.kv.get(_KEY)
        # A poller of the version before has counted no attempts.
        return None if kept is None else _Kept.model_validate({"begun": 0, **kept})

    async def _keep(self, poll: BatchPoll, next_poll_at: int) -> None:
        self._storage.kv.put(_KEY, {**poll.model_dump(by_alias=True), "nextPollAt": next_poll_at})
        await self._storage.setAlarm(next_poll_at)


def _is_of(kept: _Kept | None, poll: BatchPoll) -> TypeGuard[_Kept]:
    """Whether what is kept is of the start that a poll began with."""
    return kept is not None and (kept.batch_id, kept.step) == (poll.batch_id, poll.step)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
