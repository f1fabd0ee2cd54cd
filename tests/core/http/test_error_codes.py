"""The table of errors and the code that raises them know the same codes."""

import re
from pathlib import Path

import pytest

from ossgard.errors import HttpError
from ossgard.http import error_reply
from ossgard.spec.error_codes import ErrorCode

GENERATED = Path(__file__).parents[3] / "generated"
SOURCES = (GENERATED / "worker" / "src", GENERATED / "local" / "python")


def test_every_code_is_raised_somewhere() -> None:
    modules = [path for folder in SOURCES for path in folder.rglob("*.py") if path.name != "error_codes.py"]
    raised = {code for path in modules for code in re.findall(r"ErrorCode\.([A-Z_]+)\b", path.read_text())}
    assert raised == set(ErrorCode)


@pytest.mark.parametrize("code", ErrorCode)
def test_an_error_is_answered_with_its_code_and_the_status_of_it(code: ErrorCode) -> None:
    reply = error_reply(HttpError(code, "So it is"))
    assert (reply.status_code, reply.body) == (code.status, b'{"error":"So it is","code":"%s"}' % code.encode())
    assert 400 <= code.status < 600


def test_a_validation_error_keeps_its_shape() -> None:
    reply = error_reply(HttpError(ErrorCode.INVALID_REQUEST, "unused", {"owner": ["is required"]}))
    assert reply.body == b'{"error":{"formErrors":[],"fieldErrors":{"owner":["is required"]}},"code":"INVALID_REQUEST"}'
