"""What is read of the world outside, and where it may send us: over real HTTP, against servers that keep no rules."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from ossgard.errors import ConnectionFailure, PermanentError
from ossgard.outgoing import MAX_ERROR_BYTES, MIB, AnswerTooLarge, CallKind, Outgoing, RedirectRefused
from ossgard.ports import HttpResponse
from ossgard.urls import problem_of, redirected, with_path
from tests.support.ports import HttpxClient

KIND = CallKind("a list of things", MIB, 30)
IMPATIENT = CallKind("a list of things", MIB, 0.5)
OK = b"HTTP/1.1 200 OK\r\nconnection: close\r\n"
Answer = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Answers each request as it is told; `asked` holds the request lines with headers, `sent` counts its bytes."""

    def __init__(self, answer: Answer) -> None:
        self.url = ""
        self.asked: list[str] = []
        self._answer = answer

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked.append(request)
            await self._answer(request, writer)
            writer.close()
        except (OSError, asyncio.IncompleteReadError):
            pass


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[Server]:
    """A server on a free port."""
    it = Server(answer)
    listener = await asyncio.start_server(it.handle, "127.0.0.1", 0)
    it.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield it
    finally:
        listener.close()


def ask(answer: Answer, method: str = "GET", body: bytes | None = None, kind: CallKind = KIND) -> HttpResponse:
    """One call to a server."""

    async def call() -> HttpResponse:
        async with serving(answer) as server:
            outgoing = Outgoing(HttpxClient(), "Acme", "acme.url")
            return await outgoing.request(kind, method, server.url, body=body)

    return asyncio.run(call())


def saying(head: bytes, content: bytes = b"") -> Answer:
    """Sends what it is given."""

    async def answer(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(head + b"\r\n" + content)
        await writer.drain()

    return answer


def pouring(head: bytes, piece: bytes, pause: float = 0) -> Answer:
    """Sends a piece again and again, as long as it is taken."""

    async def answer(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return answer


def test_as_much_as_the_limit_is_read() -> None:
    assert len(ask(saying(OK, b"x" * MIB)).body) == MIB


BOMB = b"\0" * (64 * MIB)
RAW = zlib.compressobj(wbits=-15)
RAW_BOMB = RAW.compress(BOMB) + RAW.flush()


@pytest.mark.parametrize(
    "answer",
    [
        saying(OK, b"x" * (MIB + 1)),
        pouring(OK + b"\r\n", b"x" * 65_536),
        pouring(OK + b"content-length: 500000000\r\n\r\n", b"x" * 65_536),
        saying(OK + b"content-encoding: gzip\r\n", gzip.compress(BOMB)),
        saying(OK + b"content-encoding: deflate\r\n", zlib.compress(BOMB)),
        saying(OK + b"content-encoding: deflate\r\n", RAW_BOMB),
        saying(OK + b"content-encoding: gzip, gzip\r\n", gzip.compress(gzip.compress(BOMB))),
    ],
)
def test_more_is_an_error_that_says_who_sent_what(answer: Answer) -> None:
    with pytest.raises(AnswerTooLarge, match="Acme sent more than 1 MiB as a list of things"):
        ask(answer)


@pytest.mark.parametrize(
    "answer",
    [
        pouring(OK + b"\r\n", b"x", 0.05),
        pouring(OK, b"x-header: more\r\n", 0.05),
        pouring(b"", b"", 0.05),
        pouring(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", 0.05),
    ],
)
def test_the_time_is_that_of_the_whole_answer(answer: Answer) -> None:
    with pytest.raises(ConnectionFailure, match=r"there was no complete answer within 0\.5 seconds"):
        ask(answer, kind=IMPATIENT)


def test_redirects_have_the_time_of_one_answer() -> None:
    async def slow(_: str, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1.2)
        writer.write(b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    with pytest.raises(ConnectionFailure, match="there was no complete answer within 1 seconds"):
        ask(slow, kind=CallKind("a list of things", MIB, 2))


def test_headers_without_end_are_a_failure() -> None:
    with pytest.raises(ConnectionFailure):
        ask(pouring(OK, b"x-header: " + b"x" * 60_000 + b"\r\n"))


def test_of_an_error_only_the_beginning_is_read() -> None:
    answer = ask(pouring(b"HTTP/1.1 500 No\r\n\r\n", b"x" * 1000))
    assert (answer.status, len(answer.body)) == (500, MAX_ERROR_BYTES)


def test_a_body_after_a_head_is_not_read() -> None:
    assert ask(pouring(OK + b"content-length: 500000000\r\n\r\n", b"x" * 65_536), "HEAD").body == b""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_is_sent_to_another_server(status: int, method: str) -> None:
    async def call() -> list[str]:
        async with serving(saying(OK)) as other:
            there = f"{other.url}/v1?key=secret".encode()
            async with serving(saying(b"HTTP/1.1 %d Moved\r\nlocation: %b\r\n" % (status, there))) as server:
                outgoing = Outgoing(HttpxClient(), "Acme", "acme.url")
                with pytest.raises(RedirectRefused, match=r"Acme redirects .*status 30.*Change acme\.url") as caught:
                    await outgoing.request(KIND, method, server.url, headers={"x-api-key": "k"}, body=b"prompt")
                assert "secret" not in str(caught.value)
            return other.asked

    assert asyncio.run(call()) == []


def test_a_redirect_on_the_same_server_is_followed_with_the_key() -> None:
    async def moved(request: str, writer: asyncio.StreamWriter) -> None:
        there = "location: /repositories/7?page=2" if " / " in request else ""
        writer.write(f"HTTP/1.1 {301 if there else 200} X\r\nconnection: close\r\n{there}\r\n\r\n".encode())

    async def call() -> list[str]:
        async with serving(moved) as server:
            outgoing = Outgoing(HttpxClient(), "Acme", "acme.url")
            await outgoing.request(KIND, "GET", server.url + "/", headers={"authorization": "Bearer t"})
            return server.asked

    first, second = asyncio.run(call())
    assert second.startswith("GET /repositories/7?page=2 ")
    assert "Bearer t" in first
    assert "Bearer t" in second


def test_redirects_end() -> None:
    with pytest.raises(RedirectRefused, match="more than 3 times"):
        ask(saying(b"HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: /\r\n"))


def test_what_was_posted_is_not_asked_for_instead() -> None:
    with pytest.raises(RedirectRefused, match="what was sent with POST"):
        ask(saying(b"HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: /login\r\n"), "POST", b"{}")


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/",
        "//evil.example/",
        "http://api.example/",
        "https://api.example:8443/",
        "https://api.example@evil.example/",
        "https://user:key@api.example/",
        "https://api.example.evil.example/",
        "https://evil.example\\@api.example/",
        "https://[",
        "https://api.example:99999/",
        "ftp://api.example/",
        "javascript:alert(1)",
    ],
)
def test_only_the_same_origin_is_the_same_server(location: str) -> None:
    target = redirected("https://api.example/a/b", location)
    assert target is None


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/c", "https://api.example/c"),
        ("c?d=1", "https://api.example/a/c?d=1"),
        ("https://API.example:443/c", "https://api.example/c"),
        ("?d", "https://api.example/a/b?d"),
    ],
)
def test_a_redirect_keeps_the_server_that_was_asked(location: str, target: str) -> None:
    assert redirected("https://api.example/a/b", location) == target


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("https://a.example/v1/", "/chat", "https://a.example/v1/chat"),
        ("https://a.example/v1?api-version=2", "/chat", "https://a.example/v1/chat?api-version=2"),
        ("https://a.example/v1/?k=1&l=2", "/batches?limit=3", "https://a.example/v1/batches?k=1&l=2&limit=3"),
        ("https://a.example/v1#part", "/chat", "https://a.example/v1/chat"),
        (" http://[::1]:8080 ", "/chat", "http://[::1]:8080/chat"),
    ],
)
def test_a_query_stays_behind_the_path(base: str, path: str, url: str) -> None:
    assert with_path(base, path) == url


@pytest.mark.parametrize(
    "url", ["file:///etc/hosts", "ftp://a.example", "https://", "a.example", "http://a\\b", "http://a b", "http://a:0/"]
)
def test_only_http_is_spoken(url: str) -> None:
    with pytest.raises(PermanentError, match="The address of Acme must be an absolute http or https URL"):
        asyncio.run(Outgoing(HttpxClient(), "Acme", "acme.url").request(KIND, "GET", url))


def test_an_address_holds_no_password() -> None:
    assert problem_of("https://user:word@a.example") == "must not hold a user name or a password"
