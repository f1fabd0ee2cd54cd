"""The Worker: HTTP requests, queue messages, the schedule and the pollers' alarms, each handed to the core."""

import logging
from datetime import timedelta
from typing import Any

from workers import DurableObject, Request, Response, WorkerEntrypoint

from cloudflare_host import asgi
from cloudflare_host.batches import REFUSED, STARTED, ObjectPollStore, read_request
from cloudflare_host.bindings import DEAD_LETTER_QUEUE_NAME
from cloudflare_host.services import build_services
from cloudflare_host.system import SystemClock
from ossgard.app import create_app
from ossgard.errors import HttpError
from ossgard.log import log
from ossgard.pipeline.batch import polling
from ossgard.pipeline.disposition import Retry
from ossgard.pipeline.runner import Runner
from ossgard.spec.phases import POLLING

# How long a message waits after an error that the runner itself did not expect.
UNEXPECTED_ERROR_DELAY_SECONDS = 30


class Default(WorkerEntrypoint):
    """Handles the Worker's events; it is made anew for each, and keeps nothing."""

    async def fetch(self, request: Request) -> Response:
        """Answer an HTTP request."""
        return await asgi.answer(create_app(build_services(self.env)), request)

    async def queue(self, batch: Any, env: None, ctx: None) -> None:
        """Handle messages of the pipeline, or those that its queue has given up on."""
        runner = Runner(build_services(self.env))
        dead = batch.queue == DEAD_LETTER_QUEUE_NAME
        for message in batch.messages:
            await _deliver(runner, message, dead)

    async def scheduled(self, controller: Any, env: None, ctx: None) -> None:
        """Send again what got lost on the way."""
        await Runner(build_services(self.env)).sweep()


async def _deliver(runner: Runner, message: Any, dead: bool) -> None:
    """Every message is acknowledged or sent back on its own: an exception would send back the whole batch."""
    try:
        if dead:
            await runner.dead_letter(message.body)
        else:
            disposition = await runner.handle(message.body, message.attempts)
            if isinstance(disposition, Retry):
                message.retry(delaySeconds=disposition.after_seconds)
                return
        message.ack()
    except Exception as error:
        log(logging.ERROR, "a message could not be handled", error=error, body=repr(message.body)[:500])
        message.retry(delaySeconds=UNEXPECTED_ERROR_DELAY_SECONDS)


class BatchPoller(DurableObject):
    """Polls the batches of one phase of one scan, one after the other, until each has ended."""

    async def fetch(self, request: Request) -> Response:
        """Begin to poll a batch: 202, or 409 while another one is being polled."""
        try:
            asked = read_request(await request.text(), self.ctx.id.name)
        except HttpError as error:
            return Response.from_json({"error": error.message, "code": error.code}, status=error.code.status)
        store = ObjectPollStore(self.ctx.storage)
        is_started = await polling.start_poll(store, SystemClock(), asked.batch_id, asked.message)
        return Response(status=STARTED if is_started else REFUSED)

    async def alarm(self, info: Any = None) -> None:
        """Poll, and have another alarm whatever happens: the platform gives up one that fails too often."""
        store = ObjectPollStore(self.ctx.storage)
        try:
            await polling.BatchWatch(build_services(self.env), store).alarm()
        except Exception as error:
            log(logging.ERROR, "an alarm failed; there will be another", error=error, poller=self.ctx.id.name)
            await store.postpone(SystemClock().now() + timedelta(seconds=POLLING.longest_seconds))
