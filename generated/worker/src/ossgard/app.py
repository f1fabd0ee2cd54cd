"""The HTTP application: the generated routes, and a JSON answer for whatever goes wrong in them."""

import logging
from urllib.parse import quote, unquote_to_bytes

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ossgard.errors import DatabaseUnavailable, HttpError
from ossgard.http import error_reply
from ossgard.log import log
from ossgard.services import Services
from ossgard.spec.api import ROUTES
from ossgard.spec.error_codes import ErrorCode

# The errors that Starlette itself has.
_ERRORS = {404: (ErrorCode.NOT_FOUND, "Not found"), 405: (ErrorCode.METHOD_NOT_ALLOWED, "Method not allowed")}


def create_app(services: Services) -> Starlette:
    """The application over one host's services."""
    app = Starlette(
        routes=ROUTES,
        middleware=[Middleware(UnexpectedErrors), Middleware(EncodedPaths)],
        exception_handlers={
            HttpError: _answer_error,
            HTTPException: _answer_starlette_error,
            DatabaseUnavailable: _answer_unavailable,
        },
    )
    app.router.redirect_slashes = False
    app.state.services = services
    return app


class UnexpectedErrors:
    """Logs every request, and answers 500 where an error is nobody's: hosts never see an exception."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method, path = scope["method"], scope["path"]
        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            log(logging.ERROR, "request failed", error=error, method=method, path=path)
            if status:
                raise
            await error_reply(HttpError(ErrorCode.INTERNAL_ERROR, "Internal server error"))(scope, receive, watch)
        log(logging.DEBUG, "request", method=method, path=path, status=status)


class EncodedPaths:
    """Has the routes see a path as it was sent, in one spelling: an encoded slash is part of a parameter.

    The parameters are decoded when they are read, where a bad one can be told.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            segments = [quote(unquote_to_bytes(segment), safe="") for segment in scope["raw_path"].split(b"/")]
            scope = {**scope, "path": "/".join(segments)}
        await self._app(scope, receive, send)


async def _answer_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HttpError)
    return error_reply(error)


async def _answer_unavailable(request: Request, error: Exception) -> Response:
    log(logging.WARNING, "the database is unavailable", error=error, path=request.url.path)
    answer = HttpError(ErrorCode.DATABASE_UNAVAILABLE, f"{error}. Try again later", headers={"Retry-After": "5"})
    return error_reply(answer)


async def _answer_starlette_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, message = _ERRORS[error.status_code]
    headers = {"Allow": ", ".join(_allowed_methods(request))} if code is ErrorCode.METHOD_NOT_ALLOWED else None
    return error_reply(HttpError(code, message, headers=headers))


def _allowed_methods(request: Request) -> list[str]:
    """Every method of a path; Starlette itself names those of the first route with that path."""
    matching = (route for route in ROUTES if route.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for route in matching for method in route.methods or ()})
