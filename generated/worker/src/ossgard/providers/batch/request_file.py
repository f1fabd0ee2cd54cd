"""The requests of one batch, written straight into the form in which they are sent: all of them exist only once."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from ossgard.model import JsonObject

# What fits into a Worker's 128 MB beside everything else: the file itself, and the copy that `fetch` makes of it.
MAX_FILE_BYTES = 16 * 1024 * 1024

# Anthropic's rule; OpenAI has none that is stricter.
_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass(frozen=True)
class BatchLimits:
    """What one batch may hold.

    `requests` counts the inputs where a request can have several (embeddings). `tokens` are those of all inputs; None
    when the provider has no limit.
    """

    requests: int
    bytes: int
    tokens: int | None


@dataclass(frozen=True)
class FileForm:
    """How a file is written: what stands before, between and after its entries, and what an entry looks like.

    `entry` makes one of a request's custom id and body.
    """

    content_type: str
    head: bytes
    separator: bytes
    tail: bytes
    entry: Callable[[str, JsonObject], JsonObject]


class RequestFile:
    """A file that grows request by request, as long as the limits allow.

    Args:
        claim: what the ids of its requests begin with.
        limits: what it may hold.
        form: how it is written.
    """

    def __init__(self, claim: str, limits: BatchLimits, form: FileForm) -> None:
        self.requests = 0
        self.tokens = 0
        self._claim = claim
        self._limits = limits
        self._form = form
        self._inputs = 0
        self._closed = False
        # Unlike a bytearray, it hands its bytes out without a copy.
        self._buffer = BytesIO()
        self._buffer.write(form.head)

    @property
    def content_type(self) -> str:
        """The media type of the content."""
        return self._form.content_type

    @property
    def content(self) -> bytes:
        """The whole file; asked for once, it takes no more requests."""
        if not self._closed:
            self._closed = True
            self._buffer.write(self._form.tail)
        return self._buffer.getvalue()

    def add(self, item: str, body: JsonObject, tokens: int) -> bool:
        """Add a request, unless it does not fit (False); the first one is always taken.

        Args:
            item: by what its result is found again; letters, digits, `-` and `_`.
            body: what is asked.
            tokens: about how many tokens that is.

        Raises:
            ValueError: the item cannot be sent, or the file is closed.
        """
        if self._closed:
            raise ValueError("A request file takes nothing more once its content was asked for")
        entry = json.dumps(self._form.entry(custom_id(self._claim, item), body), separators=(",", ":")).encode()
        inputs = _inputs(body)
        if self.requests and not self._has_room(inputs, len(entry), tokens):
            return False
        if self.requests:
            self._buffer.write(self._form.separator)
        self._buffer.write(entry)
        self.requests += 1
        self.tokens += tokens
        self._inputs += inputs
        return True

    def _has_room(self, inputs: int, size: int, tokens: int) -> bool:
        limits = self._limits
        whole = self._buffer.tell() + len(self._form.separator) + size + len(self._form.tail)
        return (
            self._inputs + inputs <= limits.requests
            and whole <= limits.bytes
            and (limits.tokens is None or self.tokens + tokens <= limits.tokens)
        )


def custom_id(claim: str, item: str) -> str:
    """The id of a request at the provider.

    Raises:
        ValueError: providers would not take it.
    """
    id = f"{claim}-{item}"
    if not _CUSTOM_ID.fullmatch(id):
        raise ValueError(f"'{id}' cannot be the id of a request: up to 64 letters, digits, '-' and '_' are allowed")
    return id


def item_of(claim: str, id: object) -> str | None:
    """The item of a request's id; None when it belongs to another claim."""
    prefix = f"{claim}-"
    return id.removeprefix(prefix) if isinstance(id, str) and id.startswith(prefix) else None


def _inputs(body: JsonObject) -> int:
    """How many inputs a request has: the texts of an embedding, or one question."""
    texts = body.get("input")
    return len(texts) if isinstance(texts, list) else 1
