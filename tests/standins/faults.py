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
from fnmatch import fnmatchcase
from typing import Any, Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.standins.endpoints import endpoint_name

# The body of a fault when it names none, in the words of the provider: status -> JSON.
ErrorBody = Callable[[int], Any]

KEPT_REQUESTS = 50_000


@dataclass
class Fault:
    """What requests to `endpoint` get in place of their answer, or done to it.

    Args:
        endpoint: names with wildcards, separated by commas: `github.diff`, `openai.*`, `endpoints.CHAT`.
        status: answer with this status; the body is `body`, or what the provider would say.
        body: JSON, or a text to be sent as it stands.
        headers: more headers of the answer.
        retry_after: seconds, as a header.
        delay_seconds: answer later.
        cut: close the connection `before` the answer, or in the middle of its `body`.
        malformed: the answer's JSON breaks off.
        wrong_dimensions: vectors come with half their dimensions.
        times: how often; None is always.
        skip: how many requests go through unharmed before.
        key: only requests with this credential (token or API key).
        containing: only requests whose body contains this text.
    """

    endpoint: str
    status: int | None = None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after: float | None = None
    delay_seconds: float = 0
    cut: Literal["", "before", "body"] = ""
    malformed: bool = False
    wrong_dimensions: bool = False
    times: int | None = None
    skip: int = 0
    key: str | None = None
    containing: str | None = None
    hits: int = 0

    def takes(self, request: "Recorded") -> bool:
        """Whether a request meets this fault; counts it."""
        if not request.is_at(self.endpoint) or self.times == 0:
            return False
        if self.key is not None and self.key != request.key:
            return False
        if self.containing is not None and self.containing.encode() not in request.body:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        self.hits += 1
        return True


@dataclass(frozen=True)
class Recorded:
    """A request, as it arrived."""

    at: float
    endpoint: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def key(self) -> str:
        """The credential it carries."""
        for name in ("x-api-key", "api-key"):
            if name in self.headers:
                return self.headers[name]
        return self.headers.get("authorization", "").rpartition(" ")[2]

    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    def is_at(self, patterns: str) -> bool:
        """Whether it went to one of these endpoints."""
        return any(fnmatchcase(self.endpoint, pattern.strip()) for pattern in patterns.split(","))


@dataclass
class Count:
    """What an endpoint, or a whole provider, was asked so far."""

    calls: int = 0
    active: int = 0
    max_active: int = 0
    inputs: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    faults: int = 0
    statuses: dict[int, int] = field(default_factory=dict)

    def reset(self) -> None:
        """Start anew; what is under way stays, since it will end."""
        self.__dict__.update(Count(active=self.active, max_active=self.active).__dict__)


@dataclass
class _Trigger:
    """Something to be done when an endpoint is asked, before it answers."""

    endpoint: str
    action: Callable[[], object]
    skip: int
    times: int | None


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

    def when(self, endpoint: str, action: Callable[[], object], skip: int = 0, times: int | None = 1) -> None:
        """Do something when an endpoint is asked for the (skip + 1)th time, just before it answers."""
        with self._lock:
            self._triggers.append(_Trigger(endpoint, action, skip, times))

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
        body = await _read(receive)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        endpoint = endpoint_name(scope["method"], scope["path"], headers.get("accept", ""))
        query = scope["query_string"].decode("latin-1")
        request = Recorded(time.time(), endpoint, scope["method"], scope["path"], query, headers, body)
        scope["state"] = {**scope.get("state", {}), "watch": self}
        counts = (self.count(endpoint), self.count(endpoint.partition(".")[0]))
        with self._lock:
            self.requests.append(request)
            fault = next((fault for fault in self.faults if fault.takes(request)), None)
            due = [trigger for trigger in self._triggers if _is_due(trigger, request)]
            for count in counts:
                count.calls += 1
                count.active += 1
                count.max_active = max(count.max_active, count.active)
                count.request_bytes += len(body)
                count.faults += fault is not None
        for trigger in due:
            trigger.action()
        passage = _Passage(send, counts, scope["state"], self._lock)
        try:
            await self._serve(request, fault, scope, receive, passage.send)
        finally:
            passage.end()

    async def _serve(self, request: Recorded, fault: Fault | None, scope: Scope, receive: Receive, send: Send) -> None:
        replay = _replay(request.body, receive)
        if fault is None:
            await self._app(scope, replay, send)
            return
        if fault.delay_seconds and not await self._wait(fault.delay_seconds, receive):
            return
        if fault.cut == "before":
            _hang_up(receive)
            return
        start, content = await self._answer(request, fault, scope, replay)
        if fault.malformed:
            content = content[: max(1, len(content) * 2 // 3)]
        if fault.wrong_dimensions:
            content = _halve_vectors(content)
        length = [(b"content-length", str(len(content)).encode())]
        start["headers"] = [(name, value) for name, value in start["headers"] if name != b"content-length"] + length
        await send(start)
        if fault.cut == "body":
            # The server closes a connection whose answer is not completed.
            await send({"type": "http.response.body", "body": content[: len(content) // 2], "more_body": True})
            await asyncio.sleep(0.02)
            _hang_up(receive)
            return
        await send({"type": "http.response.body", "body": content})

    async def _answer(
        self, request: Recorded, fault: Fault, scope: Scope, replay: Receive
    ) -> tuple[dict[str, Any], bytes]:
        """The fault's own answer, or the real one if it has none."""
        start: dict[str, Any] = {"type": "http.response.start", "status": 500, "headers": []}
        if fault.status is None:
            pieces: list[bytes] = []

            async def keep(message: Message) -> None:
                if message["type"] == "http.response.start":
                    start.update(message)
                else:
                    pieces.append(message.get("body", b""))

            await self._app(scope, replay, keep)
            start["headers"] = list(start["headers"]) + _encoded(fault.headers)
            return start, b"".join(pieces)
        body = fault.body
        if body is None:
            provider = request.endpoint.removeprefix("gateway.").partition(".")[0]
            body = self._error_body(provider, fault.status)
        is_text = isinstance(body, str)
        headers = {"content-type": "text/html; charset=utf-8" if is_text else "application/json; charset=utf-8"}
        if fault.retry_after is not None:
            headers["retry-after"] = f"{fault.retry_after:g}"
        start.update(status=fault.status, headers=_encoded({**headers, **fault.headers}))
        return start, body.encode() if is_text else json.dumps(body).encode()

    def _error_body(self, provider: str, status: int) -> Any:
        """What a provider says with a status."""
        known = self._error_bodies.get(provider)
        return known(status) if known is not None else {"error": f"status {status}"}

    async def _wait(self, seconds: float, receive: Receive) -> bool:
        """Sleep, unless the client hangs up or the server ends; whether an answer is still wanted."""
        gone = asyncio.ensure_future(_disconnect(receive))
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


async def _read(receive: Receive) -> bytes:
    pieces: list[bytes] = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _replay(body: bytes, receive: Receive) -> Receive:
    """What the application receives: the body that was read already, then what really comes."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


def _hang_up(receive: Receive) -> None:
    """Close the connection at once. ASGI has no word for that: the transport is uvicorn's."""
    cycle = getattr(receive, "__self__", None)
    if cycle is None:
        raise RuntimeError("only uvicorn's connections can be cut")
    cycle.transport.abort()
    # Uvicorn sends no 500 to a client that is gone.
    cycle.disconnected = True


def _halve_vectors(content: bytes) -> bytes:
    """An answer with embeddings, each of half its dimensions."""
    answer = json.loads(content)
    for item in answer.get("data", []):
        vector = item["embedding"]
        if isinstance(vector, str):
            raw = base64.b64decode(vector)
            item["embedding"] = base64.b64encode(raw[: len(raw) // 8 * 4]).decode()
        else:
            item["embedding"] = vector[: len(vector) // 2]
    if "embeddings" in answer:
        answer["embeddings"] = [vector[: len(vector) // 2] for vector in answer["embeddings"]]
    return json.dumps(answer).encode()


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
