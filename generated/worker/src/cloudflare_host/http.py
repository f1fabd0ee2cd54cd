"""The HTTP client over the Worker's own `fetch`."""

from collections.abc import Iterable, Mapping

from pyodide.ffi import JsException
from workers import fetch

from ossgard.errors import ConnectionFailure
from ossgard.ports import HttpResponse


class FetchClient:
    """Implements `HttpClient`."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float,
    ) -> HttpResponse:
        """Send a request and read the whole answer; raises `ConnectionFailure` when there is none."""
        # Imported here because no JavaScript object may live at module level: a deployed Worker is a snapshot.
        from js import AbortSignal

        options: dict[str, object] = {"method": method, "headers": dict(headers or {})}
        if body is not None:
            options["body"] = body
        try:
            response = await fetch(url, signal=AbortSignal.timeout(round(timeout_seconds * 1000)), **options)
            content = await response.bytes()
        except (JsException, OSError) as error:
            # An aborted or refused request is an OSError, a failure while the body is read a JsException.
            raise ConnectionFailure(url, str(error)) from error
        return HttpResponse(response.status, _lower_case(response.headers.items()), content)


def _lower_case(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by lower-case name; a repeated one is joined by commas."""
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined
