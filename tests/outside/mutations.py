"""Mutations of answers that were right: other values, depths, sizes, ends, encodings, statuses and headers."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from hypothesis import strategies as st

from tests.outside.faults import Fault

Change = Callable[[bytes], bytes]

# JSON in the place of a value.
_VALUES = (
    "null",
    "true",
    "0",
    "-1",
    "0.5",
    "1e400",
    "NaN",
    "-Infinity",
    "9" * 30,
    "9" * 5000,
    '""',
    '"7"',
    '"nan"',
    r'"\ud800"',
    r'"\u0000"',
    '"' + "x" * 70_000 + '"',
    "[]",
    "{}",
    "[[1]]",
    '{"a": null}',
    "[" * 150 + "]" * 150,
    "[" * 50_000 + "]" * 50_000,
    '{"a":' * 50_000 + "1" + "}" * 50_000,
)
_BYTES = (b"\xff", b"\x00", b"\xed\xa0\x80", b"\xef\xbb\xbf", b'"', b"}", b"\r\n", b"\\", b"<!-- -->")
_ENCODINGS = ("utf-8-sig", "utf-16", "utf-32-be", "utf-7", "cp037")
_STATUSES = (200, 201, 202, 204, 206, 226, 300, 304, 305, 400, 402, 405, 409, 413, 422, 423, 451, 500, 508, 529, 599)
_HEADERS = {
    "content-type": ("", "text/plain; charset=ebcdic", "application/json; charset=utf-16", "\xff"),
    "content-encoding": ("identity", "gzip", "x-unknown"),
    "etag": ("", "W/", '"' + "e" * 5000 + '"'),
    "link": ("<>; rel=next", "<" * 500, '<https://x/>; rel="prev next"', ",;,;rel"),
    "location": ("", "//", "http://[", "javascript:1", "/" * 3000),
    "retry-after": ("0", "-5", "1e99", "nan", "inf", "Wed, 99 Foo 2026", "\xb2", "9" * 400, " 3 "),
    "x-ratelimit-remaining": ("0", "-1", "none"),
    "x-ratelimit-reset": ("0", "-1", "9" * 15, "\xb2"),
    "x-github-sso": ("required", "required; url=", "required; url=javascript:1"),
}
# The mark that stands in JSON where another value is to be.
_MARK = "\x01here\x01"


@dataclass(frozen=True)
class Mutation:
    """What happens at an endpoint: the changes of its answers one after the other, a status, more headers."""

    changes: Sequence[Change]
    status: int | None
    headers: dict[str, str]
    doubled: bool
    times: int | None

    def fault(self, endpoint: str) -> Fault:
        """It, as a fault."""
        return Fault(
            endpoint,
            headers=self.headers,
            doubled=self.doubled,
            times=self.times,
            change=self._change,
            other_status=self.status,
        )

    def _change(self, body: bytes) -> bytes:
        return reduce(lambda changed, change: change(changed), self.changes, body)


def mutations(times: Sequence[int | None]) -> st.SearchStrategy[Mutation]:
    """Any mutation, that happens so many times."""
    return st.builds(
        Mutation,
        changes=st.lists(_changes(), max_size=3),
        status=st.one_of(st.none(), st.none(), st.sampled_from(_STATUSES)),
        headers=st.one_of(st.just({}), _headers()),
        doubled=st.booleans(),
        times=st.sampled_from(times),
    )


def _headers() -> st.SearchStrategy[dict[str, str]]:
    some = st.lists(
        st.sampled_from([(name, value) for name, values in _HEADERS.items() for value in values]), max_size=3
    )
    return some.map(dict)


def _changes() -> st.SearchStrategy[Change]:
    place = st.integers(0, 10_000)
    return st.one_of(
        st.builds(_replaced, place, st.sampled_from(_VALUES)),
        st.builds(_replaced, place, st.sampled_from(_VALUES)),
        st.builds(_dropped, place),
        st.builds(_multiplied, place, st.sampled_from([2, 3000])),
        st.builds(_cut, place),
        st.builds(_inserted, place, st.sampled_from(_BYTES)),
        st.builds(_recoded, st.sampled_from(_ENCODINGS)),
    )


def _replaced(place: int, value: str) -> Change:
    """Another value in some place of the JSON."""

    def put(parent: Any, key: Any) -> None:
        parent[key] = _MARK

    mark = json.dumps(_MARK).encode()
    return lambda body: _edited(body, place, put).replace(mark, value.encode())


def _dropped(place: int) -> Change:
    """Without one of its values."""

    def drop(parent: Any, key: Any) -> None:
        del parent[key]

    return lambda body: _edited(body, place, drop)


def _multiplied(place: int, times: int) -> Change:
    """With some list, or text, many times as long."""

    def multiply(parent: Any, key: Any) -> None:
        if isinstance(parent[key], list | str) and len(parent[key]) * times < 1_000_000:
            parent[key] = parent[key] * times

    return lambda body: _edited(body, place, multiply)


def _edited(body: bytes, place: int, edit: Callable[[Any, Any], None]) -> bytes:
    """A JSON, or one line of a file of it, with one of its values edited; what is no JSON stays."""
    lines = body.splitlines(keepends=True) or [body]
    chosen = place % len(lines)
    try:
        whole = [json.loads(lines[chosen])]
    except (ValueError, RecursionError):
        return body
    places = list(_places(whole))
    edit(*places[place % len(places)])
    end = b"\n" if lines[chosen].endswith(b"\n") else b""
    lines[chosen] = (json.dumps(whole[0]).encode() if whole else b"") + end
    return b"".join(lines)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a value: what it is in, and under which key. Of long lists, the first items."""
    if isinstance(value, dict | list):
        for key in list(value)[:50] if isinstance(value, dict) else range(min(len(value), 5)):
            yield value, key
            yield from _places(value[key])


def _cut(place: int) -> Change:
    """Without its end."""
    return lambda body: body[: place % (len(body) + 1)]


def _inserted(place: int, content: bytes) -> Change:
    """With some bytes in between."""
    return lambda body: body[: place % (len(body) + 1)] + content + body[place % (len(body) + 1) :]


def _recoded(encoding: str) -> Change:
    """In another encoding."""
    return lambda body: body.decode("utf-8", "replace").encode(encoding, "replace")
