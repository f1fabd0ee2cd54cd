"""JSON lines out of pieces that end wherever they like, in the memory of one line."""

import json
import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossgard.errors import RetryableError
from ossgard.providers.json_lines import JsonLines


def read(chunks: list[bytes], **more: int) -> list[Any]:
    lines = JsonLines("somebody", **more)
    return [line for chunk in chunks for line in lines.feed(chunk)] + list(lines.end())


OBJECTS = st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3), max_size=8)


@given(OBJECTS, st.lists(st.integers(0, 500), max_size=20), st.booleans())
def test_where_the_pieces_end_does_not_matter(objects: list[dict[str, str]], cuts: list[int], last_break: bool) -> None:
    # Characters of several bytes are cut in two as well.
    content = "\n".join(json.dumps(one, ensure_ascii=False) for one in objects).encode()
    content += b"\n" * last_break
    places = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    assert read([content[start:end] for start, end in pairwise(places)]) == objects


def test_single_bytes_are_pieces_too() -> None:
    assert read([bytes([byte]) for byte in '{"a":"ä€🦄"}\r\n\n{"b":1}'.encode()]) == [{"a": "ä€🦄"}, {"b": 1}]


def test_blank_lines_are_passed_over() -> None:
    assert read([b"\n \r\n{}\n\n", b"  "]) == [{}]


@pytest.mark.parametrize("line", [b'{"b":', b"[]\n", b"\xff\n", b"[" * 100_000])
def test_a_line_that_is_no_object_can_be_read_again(line: bytes) -> None:
    lines = JsonLines("somebody")
    found: list[Any] = []
    with pytest.raises(RetryableError, match="somebody sent a malformed answer"):  # noqa: PT012
        for found_line in lines.feed(b'{"a":1}\n' + line):
            found.append(found_line)
        found.extend(lines.end())
    assert found == [{"a": 1}]


def test_a_line_without_end_is_not_collected() -> None:
    with pytest.raises(RetryableError, match="a line of more than 1000 bytes"):
        read([b"x" * 100] * 11, max_line_bytes=1000)


def test_no_more_than_a_line_is_kept() -> None:
    line = json.dumps({"text": "x" * 10_000}).encode() + b"\n"
    start, end = line[:7000], line[7000:]
    lines = JsonLines("somebody")
    tracemalloc.start()
    try:
        number = sum(1 for _ in range(1000) for piece in (start, end) for _ in lines.feed(piece))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert number == 1000
    assert peak < 500_000
