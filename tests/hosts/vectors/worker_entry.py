"""A Worker that serves its vector store: `{method, arguments}` is answered by `{ok}` or `{error, message, ...}`."""

import json
from dataclasses import asdict
from typing import Any

from workers import DurableObject, Request, Response, WorkerEntrypoint

from cloudflare_host.system import SystemClock
from cloudflare_host.vectorize import VectorizeStore
from ossgard.errors import PermanentError, RetryableError
from ossgard.ports import VectorPoint


class Default(WorkerEntrypoint):
    async def fetch(self, request: Request) -> Response:
        call = json.loads(await request.text())
        arguments = call["arguments"]
        if "points" in arguments:
            arguments["points"] = [VectorPoint(**point) for point in arguments["points"]]
        try:
            result: Any = await getattr(VectorizeStore(self.env, SystemClock()), call["method"])(**arguments)
        except RetryableError as error:
            return Response.from_json({"error": "retryable", "message": str(error), "limited": error.rate_limited})
        except PermanentError as error:
            return Response.from_json({"error": "permanent", "message": str(error)})
        if call["method"] in ("search", "search_by_id") and result is not None:
            result = [asdict(match) for match in result]
        return Response(json.dumps({"ok": result}))


class BatchPoller(DurableObject):
    pass
