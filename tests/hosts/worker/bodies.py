"""A server of bodies that no decent server sends: cut short, endless, slow. It speaks HTTP by itself."""

import gzip
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase

BLOCK = b'{"custom_id": "claim-1"}\n' * 2_600
BIG_BLOCKS = 1_600
BIG = BIG_BLOCKS * len(BLOCK)
SENT_BEFORE_CUT = 500_000

_CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"


class BodyServer(socketserver.ThreadingTCPServer):
    """Serves bodies by path; `left` holds the paths whose readers went away before the end."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.left: list[str] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(socketserver.StreamRequestHandler):
    server: BodyServer

    def handle(self) -> None:
        path = self.rfile.readline().split()[1].decode()
        headers = list(iter(lambda: self.rfile.readline().rstrip(), b""))
        try:
            _send(path.strip("/"), headers, self.wfile)
        except OSError:
            self.server.left.append(path)


def _send(path: str, headers: list[bytes], to: BufferedIOBase) -> None:
    match path:
        case "headers":
            body = b"\n".join(sorted(headers))
            to.write(b"HTTP/1.1 404 Not Found\r\nX-Twice: a\r\nx-twice: b\r\ncontent-length: %d\r\n\r\n" % len(body))
            to.write(body)
        case "empty":
            to.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        case "big":
            to.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % BIG)
            for _ in range(BIG_BLOCKS):
                to.write(BLOCK)
        case "big-chunked":
            to.write(_CHUNKED + b"\r\n")
            for _ in range(BIG_BLOCKS):
                to.write(_chunk(BLOCK))
            to.write(_chunk(b""))
        case "too-short":
            to.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * SENT_BEFORE_CUT)
        case "without-the-last-chunk":
            to.write(_CHUNKED + b"\r\n" + _chunk(b"x" * SENT_BEFORE_CUT))
        case "cut-chunk":
            to.write(_CHUNKED + b"\r\n" + b"%x\r\n" % 1_000_000 + b"x" * SENT_BEFORE_CUT)
        case "cut-gzip":
            content = gzip.compress(BLOCK)
            to.write(_CHUNKED + b"content-encoding: gzip\r\n\r\n")
            to.write(_chunk(content[: len(content) // 2]) + _chunk(b""))
        case "no-gzip":
            to.write(_CHUNKED + b"content-encoding: gzip\r\n\r\n" + _chunk(b"plain") + _chunk(b""))
        case "endless":
            to.write(_CHUNKED + b"\r\n")
            while True:
                to.write(_chunk(BLOCK))
        case "slow":
            to.write(_CHUNKED + b"\r\n")
            for _ in range(100):
                to.write(_chunk(b"tick\n"))
                time.sleep(0.1)
        case "silent":
            time.sleep(10)


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


@contextmanager
def body_server() -> Iterator[BodyServer]:
    """A running server on a free loopback port."""
    with BodyServer() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
