"""Reads JSON, whoever wrote it: the only place that does, since other readers die of texts that are nested too deep."""

import re
from typing import Any

from pydantic_core import from_json

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# An escape: a whole surrogate pair, half of one, or anything else.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.DOTALL
)
_HALF_PAIR_BYTES = 6


def decode(text: str | bytes) -> Any:
    """The value that a JSON text holds, in time that grows with its length.

    At most some 200 levels are read, integers of some 4,000 digits, no NaN or Infinity; of equal keys the last one
    counts. Half of a surrogate pair, which JSON can name but UTF-8 cannot hold, becomes U+FFFD.

    Raises:
        ValueError: it is no such text.
    """
    content = (text.encode("utf-8", "replace") if isinstance(text, str) else text).removeprefix(_BYTE_ORDER_MARK)
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError:
        mended = _ESCAPE.sub(_whole, content)
        if mended == content:
            raise
    return from_json(mended, allow_inf_nan=False)


def _whole(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if len(escape[0]) == _HALF_PAIR_BYTES else escape[0]
