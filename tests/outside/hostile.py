"""The hostile world: what it does at which endpoint, and what is expected of a scan that meets it, as one table."""

import gzip
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.outside.faults import Fault

MIB = 1024 * 1024
_BOMB = gzip.compress(b"0" * (200 * MIB))
_DEFLATE_BOMB = zlib.compress(b"0" * (200 * MIB))


def _chat(text: str) -> dict[str, Any]:
    """An answer of OpenAI's, with a text of the model."""
    return {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}


@dataclass(frozen=True)
class Hostile:
    """A row of the table.

    Args:
        endpoint: where it happens.
        fault: makes what happens there, with an address of another server, which must not be asked anything.
        passes: whether one such answer does no harm to the scan.
        words: what the scan's error says, as a pattern, when it does not pass.
    """

    endpoint: str
    fault: Callable[[str], Fault]
    passes: bool
    words: str = ""


def _row(endpoint: str, passes: bool, words: str = "", **answer: Any) -> Hostile:
    return Hostile(endpoint, lambda _: Fault(endpoint, times=1 if passes else None, **answer), passes, words)


def _redirect(endpoint: str, status: int, words: str) -> Hostile:
    return Hostile(
        endpoint, lambda other: Fault(endpoint, status, body="", headers={"location": f"{other}/x"}), False, words
    )


_DEEP = "[" * 100_000 + "]" * 100_000
_DEEP_OBJECT = '{"a":' * 100_000 + "1" + "}" * 100_000

TABLE: Mapping[str, Hostile] = {
    "deep listing": _row("github.pulls", True, status=200, body=_DEEP),
    "deep files": _row("github.files", True, status=200, body=_DEEP),
    "deep vectors": _row("openai.embeddings", True, status=200, body=_DEEP_OBJECT),
    "deep chat": _row("openai.chat", True, status=200, body=_DEEP_OBJECT),
    "deep text of a model": _row("openai.chat", True, status=200, body=_chat(_DEEP_OBJECT[:36_000])),
    "newlines of a model": _row("openai.chat", True, status=200, body=_chat("```json" + "\n" * 30_000)),
    "bomb as a listing": _row(
        "github.pulls",
        False,
        "GitHub sent more than 16 MiB as a page of pull requests",
        status=200,
        body=_BOMB,
        headers={"content-encoding": "gzip"},
    ),
    "bomb as vectors": _row(
        "openai.embeddings",
        False,
        "sent more than 32 MiB as vectors",
        status=200,
        body=_DEFLATE_BOMB,
        headers={"content-encoding": "deflate"},
    ),
    "bomb as a diff": _row("github.diff", True, status=200, body=_BOMB, headers={"content-encoding": "gzip"}),
    "listing sent elsewhere": _redirect("github.pulls", 301, "GitHub redirects .* to another server"),
    "prompt sent elsewhere": _redirect("openai.embeddings", 307, "redirects .* to another server"),
    "a byte a second": _row("github.pulls", True, drip_seconds=1),
}

# One of each kind, for hosts that are slow to try all of it.
KINDS = ("deep listing", "deep text of a model", "bomb as a listing", "listing sent elsewhere", "a byte a second")
