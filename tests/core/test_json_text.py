"""JSON of strangers: what is read of it, and that nothing of it hurts."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossgard import json_text

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON, st.booleans())
def test_json_is_read_as_it_was_written(value: object, escaped: bool) -> None:
    assert json_text.decode(json.dumps(value, ensure_ascii=escaped)) == value


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 6_000 + b"1" + b"}" * 6_000,
        b"[" * 300 + b"]" * 300,
        b"9" * 10**5,
        b"[NaN]",
        b"[-Infinity]",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"",
        b"{} {}",
        '{"a": 1}'.encode("utf-16"),
    ],
)
def test_what_is_no_json_or_too_much_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        json_text.decode(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (rb'"\ud800"', "\ufffd"),
        (rb'"\udc00\ud800 \ud83d\ude00"', "\ufffd\ufffd \U0001f600"),
        (rb'"\\ud800 \ud800"', "\\ud800 \ufffd"),
        ('"\ud800"', "?"),
        (b"[" * 100 + b"]" * 100, json.loads("[" * 100 + "]" * 100)),
    ],
)
def test_what_is_odd_is_read(text: str | bytes, value: object) -> None:
    assert json_text.decode(text) == value


def test_no_other_reader_of_json_can_come_in(tmp_path: Path) -> None:
    """The lint rule knows all of them, and no module but this one is let off."""
    root = Path(__file__).parents[2]
    bad = tmp_path / "ossgard" / "bad.py"
    bad.parent.mkdir()
    bad.write_text(
        "import json\nfrom json import loads\nfrom pydantic_core import from_json\n\n"
        "json.loads(''), json.load, json.JSONDecoder, loads, from_json\n"
    )
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--config",
        str(root / "pyproject.toml"),
        "--select",
        "TID251",
        str(bad),
    ]
    report = subprocess.run([*command, "--output-format", "concise"], capture_output=True, text=True).stdout
    assert report.count("TID251") >= 5
    rules = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]["per-file-ignores"]
    let_off = {path for path, ignored in rules.items() if "TID251" in ignored}
    assert let_off == {"generator/*", "tests/*", "*/worker/dev/*", "*/ossgard/json_text.py"}
