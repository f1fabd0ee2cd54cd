"""What the TypeScript half calls: HTTP requests, jobs, polls of batches, and the sweep."""

import asyncio
import json
from functools import partial

from bun_host import asgi
from bun_host.attribution import Attribution
from bun_host.bridge import Bridge
from bun_host.database import BridgeDatabase
from bun_host.http import BunHttpClient
from bun_host.javascript import Bytes, HostFunctions
from bun_host.queue import BunJobQueue
from bun_host.system import BunClock, SystemEntropy
from bun_host.vectors import BunVectorStore
from ossgard import json_text
from ossgard.account_mending import mend_accounts
from ossgard.app import create_app
from ossgard.log import configure
from ossgard.pipeline.batch.poll_table import TableScheduler, poll
from ossgard.pipeline.disposition import Disposition, Done, Retry
from ossgard.pipeline.runner import Runner
from ossgard.services import LOCAL_HOST, Services
from ossgard.spec.settings import Settings


def start(host: HostFunctions, variables_json: str) -> "Core":
    """The core, ready for work."""
    settings = Settings.from_mapping(json_text.decode(variables_json))
    configure(settings, host.writeLog)
    db, clock = BridgeDatabase(Bridge(host.callDatabase)), BunClock(host)
    return Core(
        Services(
            db=db,
            queue=BunJobQueue(host),
            pollers=TableScheduler(db, clock, host.pollStarted),
            http=BunHttpClient(host),
            clock=clock,
            entropy=SystemEntropy(),
            settings=settings,
            host=LOCAL_HOST,
            vectors=partial(BunVectorStore, host),
        ),
        Attribution(host, asyncio.get_event_loop()),
    )


class Core:
    """The application and the runner over this host's ports."""

    def __init__(self, services: Services, attribution: Attribution) -> None:
        self._services = services
        self._begin = attribution.begin
        self._app = create_app(services)
        self._runner = Runner(services)

    async def handle_http(self, method: str, url: str, headers_json: str, body: Bytes | None, is_complete: bool) -> str:
        """Answer a request, whose body may have broken off; see `asgi.call` for the form of the answer."""
        self._begin("request", f"{method} {url}")
        content = b"" if body is None else body.to_bytes()
        return await asgi.call(self._app, method, url, headers_json, content, is_complete)

    async def handle_job(self, message_json: str, attempt: int) -> str:
        """Work on a message; the answer tells the worker loop what to do with the job."""
        self._begin("job", message_json)
        return json.dumps(_disposition(await self._runner.handle(json_text.decode(message_json), attempt)))

    async def job_failed(self, message_json: str) -> None:
        """Fail the scan of a message that the worker loop has given up on."""
        self._begin("job", message_json)
        await self._runner.dead_letter(json_text.decode(message_json))

    async def poll(self, name: str) -> None:
        """Ask once for the batch of a poller, by the poller's name."""
        self._begin("poll", name)
        await poll(self._services, name)

    async def mend_accounts(self) -> str:
        """Put stored configurations right; a JSON list of what was done, in lines for the console."""
        return json.dumps(await mend_accounts(self._services.db))

    async def sweep(self) -> int:
        """Send again what is overdue; the number of scans dealt with."""
        self._begin("sweep")
        return await self._runner.sweep()


def _disposition(disposition: Disposition) -> dict[str, object]:
    if isinstance(disposition, Done):
        return {"outcome": "done"}
    if isinstance(disposition, Retry):
        return {"outcome": "retry", "error": disposition.error, "afterSeconds": disposition.after_seconds}
    return {"outcome": "failed", "error": disposition.error}
