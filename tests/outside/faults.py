"""Stands before the world: writes down and counts what is asked of it, and answers with faults on demand."""

import asyncio
import base64
import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.outside.connections import Cut, disconnect, hang_up, read, replay
from tests.outside.endpoints import endpoint_name
from tests.outside.recorded import Count, Recorded

# The body of a fault when it names none, in the words of the provider: status -> JSON.
ErrorBody = Callable[[int], Any]

KEPT_REQUESTS = 50_000


@dataclass
class Fault:
    """What requests to `endpoint` get in place of their answer, or done to it.

    Args:
        endpoint: names with wildcards, separated by commas: `github.diff`, `openai.*`, `endpoints.CHAT`.
        status: answer with this status; the body is `body`, or what the provider would say.
        body: JSON, or a text or bytes to be sent as they stand.
        headers: more headers of the answer.
        retry_after: seconds, as a header.
        delay_seconds: answer later.
        drip_seconds: send the body byte by byte, and wait for so long after each.
        cut: close the connection `before` the request is handled, or in the middle of its answer's `body`.
        after_bytes: cut the body there, not in its middle.
        malformed: the answer's JSON breaks off.
        change: makes another body of the answer's.
        other_status: answer with this status all the same.
        doubled: send every one of `headers` twice.
        wrong_dimensions: vectors come with half their dimensions.
        times: how often; None is always.
        skip: how many requests go through unharmed before.
        key: only requests with this credential (token or API key).
        containing: only requests whose body contains this text.
        pull: only requests to GitHub about the pull request of this number.
    """

    endpoint: str
    status: int | None = None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after: float | None = None
    delay_seconds: float = 0
    drip_seconds: float = 0
    cut: Literal["", "before", "body"] = ""
    after_bytes: int | None = None
    malformed: bool = False
    change: Callable[[bytes], bytes] | None = None
    other_status: int | None = None
    doubled: bool = False
    wrong_dimensions: bool = False
    times: int | None = None
    skip: int = 0
    key: str | None = None
    containing: str | None = None
    pull: int | None = None
    hits: int = 0

    @property
    def changes(self) -> bool:
        """Whether the answer is another one than the world's."""
        return (
            self.status is not None
            or self.malformed
            or self.change is not None
            or self.wrong_dimensions
            or bool(self.headers or self.drip_seconds)
        )

    def takes(self, request: Recorded) -> bool:
        """Whether a request meets this fault; counts it."""
        if not request.is_at(self.endpoint) or self.times == 0:
            return False
        if self.key is not None and self.key != request.key:
            return False
        if self.containing is not None and self.containing.encode() not in request.body:
            return False
        if self.pull is not None and f"/pulls/{self.pull}/" not in f"{request.path}/":
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        self.hits += 1
        return True


@dataclass
class _Trigger:
    """Something to be done when an endpoint is asked: before it handles the request, or before it answers."""

    endpoint: str
    action: Callable[[], object]
    skip: int
    times: int | None
    is_after: bool


class Watch:
    """The outermost layer of the world, an ASGI application of its own.

    Args:
        app: the world.
        error_bodies: by provider, what it says with a status.
    """

    def __init__(self, app: ASGIApp, error_bodies: Mapping[str, ErrorBody]) -> None:
        self.requests: deque[Recorded] = deque(maxlen=KEPT_REQUESTS)
        self.faults: list[Fault] = []
        self.stopped = False
        self._app = app
        self._error_bodies = error_bodies
        self._triggers: list[_Trigger] = []
        self._counts: dict[str, Count] = {}
        self._lock = threading.Lock()

    # ---- for tests

    def add(self, fault: Fault) -> Fault:
        """Set up a fault; earlier ones go first."""
        with self._lock:
            self.faults.append(fault)
        return fault

    def when(
        self, endpoint: str, action: Callable[[], object], skip: int = 0, times: int | None = 1, is_after: bool = False
    ) -> None:
        """Do something when an endpoint is asked for the (skip + 1)th time, before it handles the request or after."""
        with self._lock:
            self._triggers.append(_Trigger(endpoint, action, skip, times, is_after))

    def clear(self) -> None:
        """Forget all faults and triggers."""
        with self._lock:
            self.faults.clear()
            self._triggers.clear()

    def count(self, name: str) -> Count:
        """The counters of an endpoint (`github.diff`) or of a provider (`github`)."""
        return self._counts.setdefault(name, Count())

    def counts(self) -> dict[str, dict[str, Any]]:
        """All counters, as JSON."""
        with self._lock:
            return {name: asdict(count) for name, count in sorted(self._counts.items()) if count.calls}

    def reset(self) -> None:
        """Forget requests and counts."""
        with self._lock:
            self.requests.clear()
            for count in self._counts.values():
                count.reset()

    # ---- serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or (scope["path"] + "/").startswith("/control/"):
            await self._app(scope, receive, send)
            return
        body = await read(receive)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        endpoint = endpoint_name(scope["method"], scope["path"], headers.get("accept", ""))
        query = scope["query_string"].decode("latin-1")
        request = Recorded(time.time(), endpoint, scope["method"], scope["path"], query, headers, body)
        scope["state"] = {**scope.get("state", {}), "watch": self}
        counts = (self.count(endpoint), self.count(endpoint.partition(".")[0]))
        with self._lock:
            self.requests.append(request)
            fault = next((fault for fault in self.faults if fault.takes(request)), None)
            for count in counts:
                count.calls += 1
                count.active += 1
                count.max_active = max(count.max_active, count.active)
                count.request_bytes += len(body)
                count.faults += fault is not None
        self._act(request, is_after=False)
        passage = _Passage(send, counts, scope["state"], self._lock)
        try:
            await self._serve(request, fault, scope, receive, passage.send)
        finally:
            passage.end()

    async def _serve(self, request: Recorded, fault: Fault | None, scope: Scope, receive: Receive, send: Send) -> None:
        again = replay(request.body, receive)
        if fault is None:
            await self._handle(request, scope, again, send)
            return
        if fault.delay_seconds and not await self._wait(fault.delay_seconds, receive):
            return
        if fault.cut == "before":
            hang_up(receive)
            return
        if fault.cut == "body":
            send = Cut(send, receive, scope["state"], fault.after_bytes).send
        if not fault.changes:
            await self._handle(request, scope, again, send)
            return
        start, content = await self._answer(request, fault, scope, again)
        if fault.malformed:
            content = content[: max(1, len(content) * 2 // 3)]
        if fault.change is not None:
            content = fault.change(content)
        if fault.other_status is not None:
            start["status"] = fault.other_status
        if fault.wrong_dimensions:
            content = _halve_vectors(content)
        length = [(b"content-length", str(len(content)).encode())]
        start["headers"] = [(name, value) for name, value in start["headers"] if name != b"content-length"] + length
        await send(start)
        if fault.drip_seconds:
            for place in range(len(content)):
                await send({"type": "http.response.body", "body": content[place : place + 1], "more_body": True})
                if not await self._wait(fault.drip_seconds, receive):
                    return
        await send({"type": "http.response.body", "body": b"" if fault.drip_seconds else content})

    async def _handle(self, request: Recorded, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the world answer."""
        has_begun = False

        async def act_first(message: Message) -> None:
            nonlocal has_begun
            if not has_begun:
                has_begun = True
                self._act(request, is_after=True)
            await send(message)

        await self._app(scope, receive, act_first)

    def _act(self, request: Recorded, is_after: bool) -> None:
        with self._lock:
            due = [one for one in self._triggers if one.is_after == is_after and _is_due(one, request)]
        for trigger in due:
            trigger.action()

    async def _answer(
        self, request: Recorded, fault: Fault, scope: Scope, receive: Receive
    ) -> tuple[dict[str, Any], bytes]:
        """The fault's own answer, or the real one if it has none."""
        start: dict[str, Any] = {"type": "http.response.start", "status": 500, "headers": []}
        own = _encoded(fault.headers) * (2 if fault.doubled else 1)
        if fault.status is None:
            pieces: list[bytes] = []

            async def keep(message: Message) -> None:
                if message["type"] == "http.response.start":
                    start.update(message)
                else:
                    pieces.append(message.get("body", b""))

            await self._handle(request, scope, receive, keep)
            start["headers"] = list(start["headers"]) + own
            return start, b"".join(pieces)
        body = fault.body
        if body is None:
            provider = request.endpoint.removeprefix("gateway.").partition(".")[0]
            body = self._error_body(provider, fault.status)
        is_text = isinstance(body, str)
        headers = {"content-type": "text/html; charset=utf-8" if is_text else "application/json; charset=utf-8"}
        if fault.retry_after is not None:
            headers["retry-after"] = f"{fault.retry_after:g}"
        start.update(
            status=fault.status,
            headers=[*_encoded({name: value for name, value in headers.items() if name not in fault.headers}), *own],
        )
        if isinstance(body, bytes):
            return start, body
        return start, body.encode() if is_text else json.dumps(body).encode()

    def _error_body(self, provider: str, status: int) -> Any:
        """What a provider says with a status."""
        known = self._error_bodies.get(provider)
        return known(status) if known is not None else {"error": f"status {status}"}

    async def _wait(self, seconds: float, receive: Receive) -> bool:
        """Sleep, unless the client hangs up or the server ends; whether an answer is still wanted."""
        gone = asyncio.ensure_future(disconnect(receive))
        end = time.monotonic() + seconds
        try:
            while (left := end - time.monotonic()) > 0 and not self.stopped:
                await asyncio.wait({gone}, timeout=min(left, 0.1))
                if gone.done():
                    return False
            return not self.stopped
        finally:
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone


class _Passage:
    """Counts one answer. It has ended just before its last byte is sent: who has it, sees it counted."""

    def __init__(self, send: Send, counts: tuple[Count, ...], state: Mapping[str, Any], lock: threading.Lock) -> None:
        self._send = send
        self._counts = counts
        self._state = state
        self._lock = lock
        self._has_ended = False

    async def send(self, message: Message) -> None:
        """Count a message, and send it on."""
        with self._lock:
            for count in self._counts:
                if message["type"] == "http.response.start":
                    count.statuses[message["status"]] = count.statuses.get(message["status"], 0) + 1
                else:
                    count.response_bytes += len(message.get("body", b""))
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.end()
        await self._send(message)

    def end(self) -> None:
        """The request is no longer under way."""
        with self._lock:
            if self._has_ended:
                return
            self._has_ended = True
            for count in self._counts:
                count.active -= 1
                count.inputs += self._state.get("inputs", 0)


def _is_due(trigger: _Trigger, request: Recorded) -> bool:
    if trigger.times == 0 or not request.is_at(trigger.endpoint):
        return False
    if trigger.skip > 0:
        trigger.skip -= 1
        return False
    if trigger.times is not None:
        trigger.times -= 1
    return True


def _halve_vectors(content: bytes) -> bytes:
    """An answer with embeddings, or a file of such answers by the line, with half the dimensions."""
    if content.endswith(b"\n"):
        return b"".join(_halve_vectors(line) + b"\n" for line in content.splitlines())
    whole = json.loads(content)
    answer = (whole["response"] or {}).get("body", {}) if "response" in whole else whole
    for item in answer.get("data", []):
        vector = item["embedding"]
        if isinstance(vector, str):
            raw = base64.b64decode(vector)
            item["embedding"] = base64.b64encode(raw[: len(raw) // 8 * 4]).decode()
        else:
            item["embedding"] = vector[: len(vector) // 2]
    if "embeddings" in answer:
        answer["embeddings"] = [vector[: len(vector) // 2] for vector in answer["embeddings"]]
    return json.dumps(whole).encode()


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
