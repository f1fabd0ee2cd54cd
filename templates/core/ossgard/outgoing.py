"""The policy of every call to the world outside: how much of an answer is read, how long, and where redirects lead."""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ossgard.errors import PermanentError
from ossgard.ports import HttpClient, HttpResponse, HttpStream
from ossgard.urls import problem_of, redirected

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True)
class CallKind:
    """The limits of one kind of call.

    Args:
        what: what is answered, for messages.
        max_bytes: the size of the answer, after decompression. An answer that is larger is an error for good: it would
            be as large when asked for again.
        seconds: from the request to the end of the answer, redirects included. A later answer may be faster.
        pages: how many answers make up one list.
    """

    what: str
    max_bytes: int
    seconds: float
    pages: int = 1


# A pull request's text has up to 65,536 characters, and a page holds 100 of them.
GITHUB_LISTING = CallKind("a page of pull requests", 16 * MIB, 15, pages=500)
GITHUB_PULL = CallKind("a pull request", 2 * MIB, 15)
# GitHub lists 3,000 files of a pull request at most. The first 300 tell what it is about, as many as a diff may have.
GITHUB_FILES = CallKind("a page of files", 16 * MIB, 15, pages=3)
# GitHub itself makes none that is larger.
GITHUB_DIFF = CallKind("a diff", 8 * MIB, 15)
GITHUB_REPOSITORY = CallKind("a repository", MIB, 15)
GITHUB_USER = CallKind("a user", MIB, 15)
# 8,192 tokens of answer, and what a model may have thought before.
CHAT = CallKind("an answer", 4 * MIB, 180)
# A computer without a graphics card takes minutes, and loads the model first.
LOCAL_CHAT = CallKind("an answer", 4 * MIB, 600)
# The vectors of the 100 texts of a slice, should they come as decimal numbers.
EMBEDDING = CallKind("vectors", 32 * MIB, 180)
LOCAL_EMBEDDING = CallKind("vectors", 32 * MIB, 600)
# The newest thousand batches, a hundred on a page.
BATCH_LIST = CallKind("a list of batches", 4 * MIB, 180, pages=10)
BATCH = CallKind("a batch", 4 * MIB, 180)
BATCH_FILE = CallKind("the receipt of a file", MIB, 180)
# Read while what is in it is stored; a Worker has 15 minutes for all that it does.
BATCH_RESULTS = CallKind("the results of a batch", 1024 * MIB, 600)
QDRANT = CallKind("vectors", 32 * MIB, 30)
# Whether there is an answer at all.
PROBE = CallKind("a sign of life", 64 * KIB, 3)

# Of an answer that is an error, as much is read as its message can need.
MAX_ERROR_BYTES = 64 * KIB
MAX_REDIRECTS = 3

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# With other methods, only these keep method and body.
_REPEATS = frozenset({307, 308})


class AnswerTooLarge(PermanentError):
    """A service sent more than is read of a kind of call."""

    def __init__(self, sender: str, kind: CallKind) -> None:
        super().__init__(
            f"{sender} sent more than {_size(kind.max_bytes)} as {kind.what}, which is the most that is read. "
            "Check what answers there, then start the scan again"
        )
        self.kind = kind


class RedirectRefused(PermanentError):
    """A service redirects to where it is not followed: a request holds a key, or what was entrusted to one server."""


class Outgoing:
    """Calls of one service, within the limits of their kind.

    Redirects are followed on the service's own server only, and a few of them.

    Args:
        http: speaks HTTP.
        sender: the service, for messages.
        address: what names its address, for messages: `llm.url`.
    """

    def __init__(self, http: HttpClient, sender: str, address: str) -> None:
        self._http = http
        self._sender = sender
        self._address = address

    async def request(
        self,
        kind: CallKind,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpResponse:
        """Send a request and read the whole answer; of an error, its beginning.

        Raises:
            ConnectionFailure: there is no answer, or no whole one in time.
            AnswerTooLarge: the answer is too large.
            RedirectRefused: it leads elsewhere.
            PermanentError: the address cannot be asked.
        """
        async with self.stream(kind, method, url, headers=headers, body=body) as answer:
            if method == "HEAD":
                return HttpResponse(answer.status, answer.headers, b"")
            if not is_success(answer):
                return await read_error(answer)
            return HttpResponse(answer.status, answer.headers, b"".join([chunk async for chunk in answer.chunks]))

    @asynccontextmanager
    async def stream(
        self,
        kind: CallKind,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> AsyncIterator[HttpStream]:
        """Send a request, and read the answer piece by piece; leaving closes the connection. Errors as of `request`."""
        problem = problem_of(url)
        if problem is not None:
            raise PermanentError(f"The address of {self._sender} {problem}. {self._mend()}")
        target, seconds = url.strip(), kind.seconds
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        for _ in range(MAX_REDIRECTS + 1):
            opened = self._http.stream(method, target, headers=headers, body=body, timeout_seconds=seconds)
            async with opened as answer:
                location = answer.headers.get("location")
                if answer.status not in _REDIRECTS or location is None:
                    chunks = _Limited(answer.chunks, AnswerTooLarge(self._sender, kind))
                    yield HttpStream(answer.status, answer.headers, chunks)
                    return
                target = self._follow(method, target, answer.status, location)
                seconds = max(math.ceil(end - clock()), 1)
        raise RedirectRefused(f"{self._sender} redirects more than {MAX_REDIRECTS} times. {self._mend()}")

    def _follow(self, method: str, url: str, status: int, location: str) -> str:
        target = redirected(url, location)
        if target is None:
            raise RedirectRefused(
                f"{self._sender} redirects (status {status}) to another server, {_shown(location)}, where nothing is "
                f"sent. {self._mend()}"
            )
        if method not in ("GET", "HEAD") and status not in _REPEATS:
            raise RedirectRefused(
                f"{self._sender} redirects (status {status}) what was sent with {method}, to {_shown(location)}. "
                f"{self._mend()}"
            )
        return target

    def _mend(self) -> str:
        return f"Change {self._address}"


class _Limited:
    """A body that must not be too large; no generator, which would have to be closed when it is left early."""

    def __init__(self, chunks: AsyncIterator[bytes], error: AnswerTooLarge) -> None:
        self._chunks = chunks
        self._left = error.kind.max_bytes
        self._error = error

    def __aiter__(self) -> "_Limited":
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._chunks)
        self._left -= len(chunk)
        if self._left < 0:
            raise self._error
        return chunk


def is_success(answer: HttpResponse | HttpStream) -> bool:
    """Whether an answer holds what was asked for."""
    return 200 <= answer.status < 300


async def read_error(answer: HttpStream) -> HttpResponse:
    """An answer that is an error, with as much of its body as is of use."""
    body = bytearray()
    async for chunk in answer.chunks:
        body += chunk
        if len(body) >= MAX_ERROR_BYTES:
            break
    return HttpResponse(answer.status, answer.headers, bytes(body[:MAX_ERROR_BYTES]))


def _shown(location: str) -> str:
    """A redirect's target without its query, which may repeat a key."""
    text = location.partition("?")[0][:200]
    return "".join(character if character.isprintable() else "?" for character in text)


def _size(size: int) -> str:
    return f"{size // MIB} MiB" if size >= MIB else f"{size // KIB} KiB"
