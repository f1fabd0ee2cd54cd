"""The HTTP application: the generated routes, and a JSON answer for whatever goes wrong in them."""

import logging

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

_MESSAGES = {404: "Not found", 405: "Method not allowed"}


def create_app(services: Services) -> Starlette:
    """The application over one host's services."""
    app = Starlette(
        routes=ROUTES,
        middleware=[Middleware(UnexpectedErrors)],
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
            await error_reply(HttpError(500, "Internal server error"))(scope, receive, watch)
        log(logging.DEBUG, "request", method=method, path=path, status=status)


async def _answer_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HttpError)
    return error_reply(error)


async def _answer_unavailable(request: Request, error: Exception) -> Response:
    log(logging.WARNING, "the database is unavailable", error=error, path=request.url.path)
    return error_reply(HttpError(503, f"{error}. Try again later", headers={"Retry-After": "5"}))


async def _answer_starlette_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed_methods(request))
    message = _MESSAGES.get(error.status_code, error.detail)
    return error_reply(HttpError(error.status_code, message, headers=headers))


def _allowed_methods(request: Request) -> list[str]:
    """Every method of a path; Starlette itself names those of the first route with that path."""
    matching = (route for route in ROUTES if route.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for route in matching for method in route.methods or ()})
