"""What the generated routes are made of: contexts of a request, its parameters and body, and JSON answers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel
from pydantic_core import from_json, to_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ossgard.auth import authenticate
from ossgard.errors import HttpError
from ossgard.model import JsonObject
from ossgard.services import Services
from ossgard.spec.database import AccountDatabase
from ossgard.spec.entities import Account
from ossgard.sql_methods import MAX_INTEGER
from ossgard.validation import parse_json

M = TypeVar("M", bound=BaseModel)

MAX_BODY_BYTES = 1024 * 1024
# A client that sends more than allowed is read on for a while, so that it sees the answer and not a broken connection.
MAX_DRAINED_BYTES = 16 * MAX_BODY_BYTES

_INTEGER = re.compile(r"-?[0-9]+")


@dataclass(frozen=True)
class PublicContext:
    """A request that needs no account."""

    services: Services


@dataclass(frozen=True)
class AccountContext:
    """A request of an account; `db` sees only what is the account's."""

    services: Services
    account: Account
    db: AccountDatabase


@dataclass(frozen=True)
class Reply:
    """An answer whose status the handler chose."""

    status: int
    body: BaseModel


async def public_context(request: Request) -> PublicContext:
    """The context of a route that is open to anyone."""
    services: Services = request.app.state.services
    return PublicContext(services)


async def account_context(request: Request) -> AccountContext:
    """The context of a route that needs an account.

    Raises:
        HttpError: 401, when the request names none.
    """
    services: Services = request.app.state.services
    account = await authenticate(services.db, request.headers.get("authorization"))
    return AccountContext(services, account, AccountDatabase(services.db, account.id))


def integer_parameter(request: Request, name: str) -> int:
    """A path parameter that is a whole number.

    Raises:
        HttpError: 400, when it is no number; 404, when it is one that no row can have.
    """
    text = str(request.path_params[name])
    if _INTEGER.fullmatch(text) is None:
        raise HttpError(400, f"{name} must be a whole number, got '{text[:100]}'")
    # The largest integer itself is one that D1 refuses.
    if len(text) > 20 or abs(int(text)) >= MAX_INTEGER:
        raise HttpError(404, "Not found")
    return int(text)


def text_parameter(request: Request, name: str) -> str:
    """A path parameter, percent-decoded."""
    return str(request.path_params[name])


async def read_body(request: Request, model: type[M]) -> M:
    """The validated body.

    Raises:
        HttpError: 400, when it is not JSON or does not fit the model; 413, when it is too large.
    """
    return parse_json(model, await _read_bytes(request))


async def read_lenient_body(request: Request, model: type[M]) -> M:
    """The validated body; one that is absent or not JSON at all stands for the defaults.

    Raises:
        HttpError: 400, when it is JSON that does not fit the model; 413, when it is too large.
    """
    text = await _read_bytes(request)
    return parse_json(model, text if _is_json(text) else b"{}")


def json_reply(status: int, body: BaseModel | Sequence[BaseModel] | JsonObject | None) -> Response:
    """An answer in its wire form; None is an answer without a body."""
    if body is None:
        return Response(status_code=status)
    return Response(to_json(body, by_alias=True), status_code=status, media_type="application/json")


def error_reply(error: HttpError) -> Response:
    """The answer that an error stands for."""
    content: object = error.message
    if error.fields is not None:
        content = {"formErrors": [] if error.fields else [error.message], "fieldErrors": error.fields}
    return Response(
        to_json({"error": content}),
        status_code=error.status,
        headers=dict(error.headers or {}),
        media_type="application/json",
    )


async def _read_bytes(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:19]) > MAX_DRAINED_BYTES:
        raise _too_large()
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= MAX_BODY_BYTES:
                chunks.append(chunk)
            elif size > MAX_DRAINED_BYTES:
                break
    except ClientDisconnect:
        raise HttpError(400, "The body ended early") from None
    if size > MAX_BODY_BYTES:
        raise _too_large()
    return b"".join(chunks)


def _too_large() -> HttpError:
    return HttpError(413, f"The body may have at most {MAX_BODY_BYTES} bytes")


def _is_json(text: bytes) -> bool:
    try:
        from_json(text)
    except ValueError:
        return False
    return True
