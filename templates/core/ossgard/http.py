"""What the generated routes are made of: contexts of a request, its parameters and body, and JSON answers."""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar
from urllib.parse import unquote

from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ossgard.auth import authenticate
from ossgard.config import parse_stored
from ossgard.errors import HttpError, PermanentError
from ossgard.model import JsonObject
from ossgard.providers.factory import Providers
from ossgard.services import Services
from ossgard.spec.database import AccountDatabase
from ossgard.spec.entities import Account
from ossgard.spec.error_codes import ErrorCode
from ossgard.spec.models import Config
from ossgard.spec.settings import MAX_BODY_BYTES
from ossgard.sql_methods import MAX_INTEGER
from ossgard.validation import INVALID, parse_json, parse_text

M = TypeVar("M", bound=BaseModel)

# A client that sends more than allowed is read on for a while, so that it sees the answer and not a broken connection.
MAX_DRAINED_BYTES = 16 * MAX_BODY_BYTES

_INTEGER = re.compile(r"-?[0-9]+")
# Bodies that say nothing: old clients send them.
_NO_OPTIONS = re.compile(rb"(null|\[\s*\])?")


@dataclass(frozen=True)
class PublicContext:
    """A request that needs no account."""

    services: Services


@dataclass(frozen=True)
class AccountContext:
    """A request of an account; `db` sees only what is the account's."""

    services: Services
    account: Account
    account_db: AccountDatabase

    def config(self) -> Config:
        """What the account uses.

        Raises:
            HttpError: 400, when what is stored is not valid.
        """
        try:
            return parse_stored(self.account.config, self.services.host)
        except PermanentError as error:
            raise HttpError(ErrorCode.CONFIG_INVALID, str(error)) from None

    @cached_property
    def providers(self) -> Providers:
        """What the account uses beside the host's own ports.

        Raises:
            HttpError: 400, when what is stored is not valid.
            PermanentError: the host cannot serve it.
        """
        return Providers(self.services, self.config())


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
    """A path parameter that is a whole number; one that no row can have comes as -1.

    Raises:
        HttpError: 400, when it is no number.
    """
    text = text_parameter(request, name)
    if _INTEGER.fullmatch(text) is None:
        raise HttpError(ErrorCode.INVALID_REQUEST, f"{name} must be a whole number, got '{text[:100]}'")
    # The largest integer itself is one that D1 refuses.
    return int(text) if len(text) <= 20 and abs(int(text)) < MAX_INTEGER else -1


def text_parameter(request: Request, name: str) -> str:
    """A path parameter, percent-decoded.

    Raises:
        HttpError: 400, when it is not UTF-8.
    """
    try:
        return unquote(request.path_params[name], errors="strict")
    except UnicodeDecodeError:
        raise HttpError(ErrorCode.INVALID_REQUEST, INVALID, {name: ["must be valid Unicode"]}) from None


def scalar_parameter(request: Request, name: str, scalar: TypeAdapter[str]) -> str:
    """A path parameter that fits a scalar of the spec.

    Raises:
        HttpError: 400, when it does not.
    """
    return parse_text(scalar, name, text_parameter(request, name))


async def read_body(request: Request, model: type[M]) -> M:
    """The validated body.

    Raises:
        HttpError: 400, when it is not JSON or does not fit the model; 413, when it is too large.
    """
    return _parse(request, model, await _read_bytes(request))


async def read_lenient_body(request: Request, model: type[M]) -> M:
    """The validated body; one that is absent, `null` or `[]` stands for the defaults.

    Raises:
        HttpError: 400, when it is not JSON or does not fit the model; 413, when it is too large.
    """
    text = await _read_bytes(request)
    return _parse(request, model, b"{}" if _NO_OPTIONS.fullmatch(text.strip()) else text)


def json_reply(status: int, body: BaseModel | Sequence[BaseModel] | JsonObject | bytes | None) -> Response:
    """An answer in its wire form, which bytes have already; None is an answer without a body."""
    if body is None:
        return Response(status_code=status)
    content = body if isinstance(body, bytes) else to_json(body, by_alias=True)
    return Response(content, status_code=status, media_type="application/json")


def error_reply(error: HttpError) -> Response:
    """The answer that an error stands for."""
    content: object = error.message
    if error.fields is not None:
        content = {"formErrors": [] if error.fields else [error.message], "fieldErrors": error.fields}
    return Response(
        to_json({"error": content, "code": error.code}),
        status_code=error.code.status,
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
        raise HttpError(ErrorCode.INVALID_REQUEST, "The body ended early") from None
    if size > MAX_BODY_BYTES:
        raise _too_large()
    return b"".join(chunks).removeprefix(codecs.BOM_UTF8)


def _too_large() -> HttpError:
    return HttpError(ErrorCode.BODY_TOO_LARGE, f"The body may have at most {MAX_BODY_BYTES} bytes")


def _parse(request: Request, model: type[M], text: bytes) -> M:
    services: Services = request.app.state.services
    return parse_json(model, text, services.host)
