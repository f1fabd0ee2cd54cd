"""The hostile world: one table of what services do at which endpoint, and what is expected of a scan that meets it.

A row is a kind of fault at an endpoint. The table says for each kind what it comes to at each place, and a place is one
or more endpoints: those where services of several makers do the same.
"""

import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.outside.faults import Fault
from tests.outside.hostile_changes import everywhere, fields, numbers, recoded, said, usage

MIB = 1024 * 1024
# More than is read of anything but the results of a batch.
_BOMB = gzip.compress(b"0" * (40 * MIB))
_DEFLATE_BOMB = zlib.compress(b"0" * (200 * MIB))
# The same for hosts whose `fetch` reads more encodings: Brotli, and Zstandard, whose blocks say "so often this byte".
_BROTLI_BOMB = bytes.fromhex("cfffff7ff82560e2b14020f7fe9ffffffff04b00c4610180eefd7ffeffffe1970088c32200ddfb3f")
_ZSTD_BLOCK = (1 << 1 | 128 * 1024 << 3).to_bytes(3, "little") + b"0"
_ZSTD_BOMB = bytes.fromhex("28b52ffd0038") + _ZSTD_BLOCK * 320
_DEEP = "[" * 100_000 + "]" * 100_000
_DEEP_OBJECT = '{"a":' * 100_000 + "1" + "}" * 100_000
_SSO = "https://github.com/orgs/acme/sso?authorization_request=A"
_UNAVAILABLE = {"message": "temporarily unavailable due to heavy server load"}
_NONSENSE = '{"groups": [{"prIds": ["a", null, 1e999]}], "rankings": [{"prNumber": "x", "score": "NaN"}]}'
_DRAFT = '<think>{"groups": [], "rankings": []}</think>'
_NO_TEMPERATURE = "Unsupported parameter: 'temperature' is not supported with this model"


def _half(value: Any) -> Any:
    """A text with half of a character, and one that no text should hold."""
    return f"{value}\ud800\0" if isinstance(value, str) else value


# The accounts that meet it, as `World.config` makes them, and the endpoints of each.
ACCOUNTS: Mapping[str, Mapping[str, Any]] = {
    "openai": {},
    "mixed": {"llm": "anthropic", "embedding": "ollama", "qdrant": True},
    "local": {"llm": "ollama", "gateway": True},
    "gateway": {"llm": "anthropic", "gateway": True},
    "batch": {"llm": "anthropic", "batch": True},
}
# Place -> endpoint -> account.
PLACES: Mapping[str, Mapping[str, str]] = {
    "repository": {"github.repository": "openai"},
    "listing": {"github.pulls": "openai"},
    "files": {"github.files": "openai"},
    "diff": {"github.diff": "openai"},
    "chat": {
        "openai.chat": "openai",
        "anthropic.messages": "mixed",
        "ollama.chat": "local",
        "gateway.anthropic.messages": "gateway",
    },
    "vectors": {"openai.embeddings": "openai", "ollama.embed": "mixed", "gateway.openai.embeddings": "local"},
    "submission": {"openai.files": "batch", "openai.batches.create": "batch", "anthropic.batches.create": "batch"},
    "status": {"openai.batch": "batch", "anthropic.batch": "batch"},
    "results": {"openai.content": "batch", "anthropic.batch.results": "batch"},
    "collection": {"qdrant.collections": "mixed"},
    "points": {"qdrant.upsert": "mixed", "qdrant.query": "mixed"},
}


@dataclass(frozen=True)
class Outcome:
    """What becomes of a scan.

    Args:
        status: done or failed.
        words: what its error says, as a pattern.
        warning: the code of its only warning.
        waits: whether it waits meanwhile, and says so.
    """

    status: str
    words: str = ""
    warning: str = ""
    waits: bool = False


DONE = Outcome("done")
WAITS = Outcome("done", waits=True)


def _fails(words: str) -> Outcome:
    return Outcome("failed", words)


def _told(code: str) -> Outcome:
    return Outcome("done", warning=code)


@dataclass(frozen=True)
class Hostile:
    """A row of the table.

    Args:
        kind: what happens.
        endpoint: where it happens.
        account: whose scan meets it.
        fault: makes what happens there, with an address of another server, which must not be asked anything.
        outcome: what is expected.
    """

    kind: str
    endpoint: str
    account: str
    fault: Callable[[str], Fault]
    outcome: Outcome

    @property
    def passes(self) -> bool:
        """Whether it happens once, and does no harm to the scan."""
        return self.outcome.status == "done" and not self.outcome.warning


@dataclass(frozen=True)
class _Kind:
    """What happens, and what it comes to by place: where none is named, it does not happen.

    Args:
        outcomes: by place; `chat,vectors` stands for both, and an endpoint's own name goes before its place's.
        answer: what is done to the answer, as in `Fault`. It happens once where the scan ends well, and always where
            it fails.
    """

    outcomes: Mapping[str, Outcome]
    answer: Mapping[str, Any]

    def outcome(self, place: str, endpoint: str) -> Outcome | None:
        named = {name: outcome for names, outcome in self.outcomes.items() for name in names.split(",")}
        return named.get(endpoint, named.get(place))


def _kind(outcomes: Mapping[str, Outcome], **answer: Any) -> _Kind:
    return _Kind(outcomes, answer)


_ALL = ",".join(PLACES)
# What is read as JSON, and asked for again when it is none. A diff is a text, whatever is in it.
_BROKEN: Mapping[str, Outcome] = {
    "repository,listing,files,chat,vectors,submission,results,collection,points": WAITS,
    "diff,status": DONE,
}
_HARMLESS: Mapping[str, Outcome] = {_ALL: DONE}
# What Qdrant would not say is not waited out: another server answers there.
_FOREIGN = _fails("does not answer as Qdrant does")
_ALIEN: Mapping[str, Outcome] = {**_BROKEN, "collection,points": _FOREIGN}
# Of what is right but for its values, whatever uses one of them notices; a model is asked again at once.
_ODD: Mapping[str, Outcome] = {
    **_BROKEN,
    "chat,submission,results": DONE,
    "collection": DONE,
    "qdrant.upsert": DONE,
    "qdrant.query": _FOREIGN,
}
# An empty listing is a repository without pull requests, and who changes no file is like nobody.
_EMPTY: Mapping[str, Outcome] = {
    "repository,chat,vectors,submission,results": WAITS,
    "status": DONE,
    "collection,points": _FOREIGN,
}
_TOO_LARGE = _fails("sent more than .* MiB as")
_TOO_MUCH: Mapping[str, Outcome] = {
    "repository,listing,vectors,submission,collection,points": _fails(
        "sent more than .* which is the most that is read"
    ),
    "diff": DONE,
    "files": _told("PULL_UNREADABLE"),
    "chat": _fails("has not given a usable answer to any question: .* sent more than 4 MiB"),
}
_NO_ANSWER = _fails("has not given a usable answer to any question")
_NO_KEY = _fails("refuses the API key")
_LATER: Mapping[str, Outcome] = {**_BROKEN, "diff": WAITS}
_REFUSED: Mapping[str, Outcome] = {
    "repository,listing": _fails("does not let this token read"),
    "files": _told("PULL_UNREADABLE"),
    "diff": _told("DIFF_UNAVAILABLE"),
    "chat,vectors,submission": _fails("refuses the request"),
}


KINDS: Mapping[str, _Kind] = {
    # JSON that is not what was asked for
    "deep lists": _kind(_ALIEN, status=200, body=_DEEP),
    "deep objects": _kind(_ALIEN, status=200, body=_DEEP_OBJECT),
    "null": _kind(_ALIEN, status=200, body=b"null"),
    "true": _kind(_ALIEN, status=200, body=b"true"),
    "an empty list": _kind(_EMPTY, status=200, body=[]),
    "an empty object": _kind(_ALIEN, status=200, body={}),
    "a crowd": _kind(_ALIEN, status=200, body=[0] * 100_000),
    "an error object": _kind(_ALIEN, status=200, body={"error": {"message": "on fire", "type": "server_error"}}),
    # Values of other types
    "objects for values": _kind(_ODD, change=everywhere(lambda value: {"odd": value})),
    "true for values": _kind(_ODD, change=everywhere(lambda value: True)),
    "null for values": _kind(_ODD, change=everywhere(lambda value: None)),
    "numbers as texts": _kind(_ODD, change=everywhere(lambda value: str(value) if type(value) is int else value)),
    "huge numbers": _kind(_ODD, change=numbers("1" + "0" * 400)),
    "endless digits": _kind(_ODD, change=numbers("1" * 100_000)),
    "1e999": _kind(_ODD, change=numbers("1e999")),
    "NaN": _kind(_ALIEN, change=numbers("NaN")),
    "negative numbers": _kind(_HARMLESS, change=numbers("-1")),
    "fractions": _kind(_ODD, change=numbers("0.5")),
    # Bytes
    "truncated": _kind(_ALIEN, malformed=True),
    "byte order mark": _kind(_HARMLESS, change=lambda body: b"\xef\xbb\xbf" + body),
    "UTF-16": _kind(_ALIEN, change=recoded("utf-16")),
    "invalid UTF-8": _kind(_ALIEN, change=lambda body: body.replace(b'"', b'"\xff\xfe')),
    "half characters": _kind({**_HARMLESS, "github.repository": _fails("has no repository")}, change=everywhere(_half)),
    "no body": _kind(_ALIEN, status=200, body=""),
    "HTML": _kind(_ALIEN, status=200, body="<html>Sign in</html>"),
    "204": _kind(_ALIEN, status=204, body=""),
    "gzip that is none": _kind(_BROKEN, status=200, body="plain", headers={"content-encoding": "gzip"}),
    "gzip bomb": _kind(_TOO_MUCH, status=200, body=_BOMB, headers={"content-encoding": "gzip"}),
    "deflate bomb": _kind(
        {"listing": _TOO_LARGE},
        status=200,
        body=_DEFLATE_BOMB,
        headers={"content-encoding": "deflate"},
    ),
    # Time
    "a byte a second": _kind({"listing,chat,vectors,points": WAITS}, drip_seconds=1),
    # Statuses
    "401": _kind(
        {"repository,listing,files,diff": _fails("refuses the account's token"), "chat,vectors": _NO_KEY},
        status=401,
        body="<h1>No</h1>",
    ),
    "403": _kind({**_REFUSED, "chat,vectors,submission": _NO_KEY}, status=403, body="<h1>Forbidden</h1>"),
    "404": _kind(
        {
            "repository,listing": _fails("has no repository"),
            "chat,vectors": _fails("was not found at"),
            "submission": _fails("has no batch interface"),
        },
        status=404,
        body="",
    ),
    "418": _kind(_REFUSED, status=418, body=""),
    "422": _kind({**_REFUSED, "chat": _NO_ANSWER}, status=422, body=_UNAVAILABLE),
    "501": _kind({**_REFUSED, "submission": _fails("has no batch interface")}, status=501, body="no"),
    "503 in HTML": _kind(_LATER, status=503, body="<html>Later</html>"),
    "SAML": _kind(
        {"repository,listing": _fails(re.escape(_SSO))},
        status=403,
        body={"message": "Resource protected by organization SAML enforcement."},
        headers={"x-github-sso": f"required; url={_SSO}"},
    ),
    "a question refused": _kind(
        {"chat": _NO_ANSWER}, status=400, body={"error": {"message": "Invalid prompt", "code": "invalid_prompt"}}
    ),
    "a parameter refused": _kind({"chat": DONE}, status=400, body={"error": {"message": _NO_TEMPERATURE}}),
    # Redirects
    "redirect elsewhere": _kind(
        {
            "repository,listing,files,chat,vectors,submission": _fails("redirects .*to another server"),
            "diff": _told("DIFF_UNAVAILABLE"),
        },
        status=307,
        body="",
        headers={"location": "{other}/x"},
    ),
    "endless redirect": _kind(
        {"repository,listing,chat,vectors": _fails("redirects more than 3 times")},
        status=307,
        body="",
        headers={"location": ""},
    ),
    # Headers
    "Retry-After 0": _kind(_LATER, status=429, headers={"retry-after": "0"}),
    "Retry-After -1": _kind(_LATER, status=429, headers={"retry-after": "-1"}),
    "Retry-After garbage": _kind(_LATER, status=503, headers={"retry-after": 'soon, "nan";;'}),
    "Retry-After twice": _kind(_LATER, status=429, headers={"retry-after": "5"}, doubled=True),
    "Retry-After 1e99": _kind(
        {"repository,listing,chat,vectors,submission": _fails("a scan waits for 24 h at most")},
        status=429,
        headers={"retry-after": "1e99"},
    ),
    "Link garbage": _kind({"listing,files": DONE}, headers={"link": '<<>;;;rel=,"next"<\\>'}, doubled=True),
    "odd headers twice": _kind(
        _HARMLESS,
        headers={"content-type": "image/png", "etag": '"\xff"', "x-ratelimit-reset": "-1"},
        doubled=True,
    ),
    "endless pages": _kind(
        {"listing": _fails("does not end after 500 pages"), "files": DONE}, headers={"link": '<x>; rel="next"'}
    ),
    # What models say
    "negative token counts": _kind({"chat": DONE}, change=usage(lambda count: -5)),
    "token counts as texts": _kind({"chat": DONE}, change=usage(str)),
    "huge token counts": _kind({"chat": DONE}, change=usage(lambda count: 10**18)),
    "a draft while it thinks": _kind(
        {"chat": DONE}, change=said(lambda text: f'<think>{{"groups": [], "rankings": []}}</think>{text}')
    ),
    "deep text of a model": _kind({"chat": DONE}, change=said(lambda text: _DEEP_OBJECT[:36_000])),
    "newlines of a model": _kind({"chat": DONE}, change=said(lambda text: "```json" + "\n" * 30_000)),
    "nothing": _kind({"chat": _NO_ANSWER}, change=said(lambda text: "")),
    "values that nobody asked for": _kind(
        {"chat": _fails("has not given a usable answer")}, change=said(lambda text: _NONSENSE)
    ),
    # Items
    # What the listing spoils is read by itself; a listing that names nobody is asked for again.
    "titles are null": _kind({"listing": DONE}, change=fields(title=None)),
    "numbers are texts": _kind({"listing": WAITS}, change=fields(number="1")),
}


def _rows() -> Iterator[Hostile]:
    for name, kind in KINDS.items():
        for place, endpoints in PLACES.items():
            for endpoint, account in endpoints.items():
                outcome = kind.outcome(place, endpoint)
                if outcome is not None:
                    yield Hostile(name, endpoint, account, partial(_fault, endpoint, kind.answer, outcome), outcome)


def _fault(endpoint: str, answer: Mapping[str, Any], outcome: Outcome, other: str) -> Fault:
    headers = {name: value.replace("{other}", other) for name, value in answer.get("headers", {}).items()}
    times = 1 if outcome.status == "done" else None
    return Fault(endpoint, times=times, **{**answer, "headers": headers})


TABLE = tuple(_rows())


def _encoded(encoding: str, bomb: bytes) -> Hostile:
    answer = {"status": 200, "body": bomb, "headers": {"content-encoding": encoding}}
    fault = partial(_fault, "github.pulls", answer, _TOO_LARGE)
    return Hostile(f"{encoding} bomb", "github.pulls", "openai", fault, _TOO_LARGE)


# What only some hosts read.
ENCODED = {name: _encoded(name, bomb) for name, bomb in (("br", _BROTLI_BOMB), ("zstd", _ZSTD_BOMB))}
