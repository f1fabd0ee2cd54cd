"""JSON objects, one a line, out of a body that comes in pieces."""

from collections.abc import Iterator

from ossgard import json_text
from ossgard.errors import RetryableError
from ossgard.model import JsonObject

# The longest line that is read: far more than any answer of a model has, and no threat to a Worker's 128 MB.
MAX_LINE_BYTES = 16 * 1024 * 1024


class JsonLines:
    """Takes the pieces of a body and gives its objects; it keeps no more than one line.

    Args:
        sender: who sends it, for messages.
        max_line_bytes: a longer line is an error.
    """

    def __init__(self, sender: str, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._sender = sender
        self._max_line_bytes = max_line_bytes
        self._line = bytearray()

    def feed(self, chunk: bytes) -> Iterator[JsonObject]:
        """The objects whose lines end in this piece.

        Raises:
            RetryableError: a line is no JSON object.
        """
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            self._keep(chunk[start:end])
            yield from self._take()
            start = end + 1
        self._keep(chunk[start:])

    def end(self) -> Iterator[JsonObject]:
        """The object of a last line without a line break; errors are those of `feed`.

        A body that was cut off mostly ends within a line.
        """
        return self._take()

    def _keep(self, piece: bytes) -> None:
        if len(self._line) + len(piece) > self._max_line_bytes:
            raise RetryableError(f"{self._sender} sent a line of more than {self._max_line_bytes} bytes")
        self._line += piece

    def _take(self) -> Iterator[JsonObject]:
        """The object of the line that is kept; none when it is blank."""
        line, self._line = self._line, bytearray()
        if not line.strip():
            return
        try:
            value = json_text.decode(bytes(line))
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise RetryableError(f"{self._sender} sent a malformed answer: a line that is no JSON object")
        yield value
