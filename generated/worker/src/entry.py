"""The Worker: HTTP requests, queue messages and the schedule, each handed to the core."""

import logging
from typing import Any

from workers import DurableObject, Request, Response, WorkerEntrypoint

from cloudflare_host import asgi
from cloudflare_host.bindings import DEAD_LETTER_QUEUE_NAME
from cloudflare_host.services import build_services
from ossgard.app import create_app
from ossgard.log import log
from ossgard.pipeline.runner import Retry, Runner

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
    """Watches a provider's batch, once batch mode is there."""

    async def fetch(self, request: Request) -> Response:
        """Say that batch mode is not available."""
        return Response.from_json({"error": "batch mode is not available yet"}, status=501)
