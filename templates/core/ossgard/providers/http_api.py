"""What calls of every provider have in common: JSON both ways, and errors told apart by what can be done about them."""

import json
import math
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from ossgard.config import mask
from ossgard.errors import PermanentError, RetryableError
from ossgard.model import JsonObject
from ossgard.ports import Clock, HttpClient, HttpResponse, HttpStream
from ossgard.providers.json_lines import JsonLines

# Statuses, besides 5xx, that a later attempt may not meet: 408 timeout, 409 conflict, 425 too early, 429 rate limit.
_TRANSIENT = frozenset({408, 409, 425, 429})
_RATE_LIMITED = 429
_MAX_REASON = 300
# Of a failed stream, as much is read as an error can need.
_MAX_ERROR_BYTES = 65_536
# A file of 100 MB, read while what is in it is stored; a Worker has 15 minutes for all that it does.
STREAM_TIMEOUT_SECONDS = 600.0
_JSON = "application/json"
_CHANGE_CONFIG = "Change it in the account's configuration, then start the scan again"
# Codes of refusals that are sent as rate limits, although waiting does not lift them.
_OUT_OF_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached"})


class RequestRefused(PermanentError):
    """A provider does not accept what it was sent; `reason` holds its own words, `code` its error code."""

    def __init__(self, message: str, reason: str, code: str, status: int) -> None:
        super().__init__(message)
        self.reason = reason
        self.code = code
        self.status = status


class NotFound(PermanentError):
    """A provider has nothing at a path, or not the model; `reason` holds its own words."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ModelApi:
    """The HTTP interface of one model at one provider.

    Args:
        http: speaks HTTP.
        clock: tells how far away a date in `Retry-After` is.
        provider: the provider's name, for messages.
        role: the part of the account's configuration that names the model, `llm` or `embedding`.
        model: the model's name.
        base_url: what the paths of calls are added to.
        headers: sent with every call, besides the content type.
        secret: the API key; never shown, should the provider repeat it.
        timeout_seconds: how long an answer may take.
    """

    def __init__(
        self,
        http: HttpClient,
        clock: Clock,
        *,
        provider: str,
        role: str,
        model: str,
        base_url: str,
        headers: Mapping[str, str],
        secret: str,
        timeout_seconds: float,
    ) -> None:
        self.name = f"{provider} model '{model}'"
        self.provider = provider
        self.role = role
        # Until the model says otherwise.
        self.takes_temperature = True
        self._http = http
        self._clock = clock
        self._base_url = base_url.rstrip("/")
        self._headers = {"Accept": _JSON, "User-Agent": "ossgard", **headers}
        self._secret = secret
        self._timeout_seconds = timeout_seconds

    async def post(self, path: str, content: JsonObject) -> JsonObject:
        """Send a JSON object and return the one that is answered.

        Raises:
            RetryableError: the provider cannot answer now, or its answer arrived broken.
            RequestRefused: the provider does not accept this request.
            PermanentError: the account's configuration is at fault.
        """
        return await self.send(path, json.dumps(content, separators=(",", ":")).encode())

    async def send(self, path: str, content: bytes, content_type: str = _JSON) -> JsonObject:
        """Post content that is already in its final form; otherwise like `post`."""
        return await self._request("POST", path, {"Content-Type": content_type}, content)

    async def get(self, path: str) -> JsonObject:
        """Return the JSON object at a path; errors are those of `post`."""
        return await self._request("GET", path, {}, None)

    async def lines(self, path: str) -> AsyncGenerator[JsonObject, None]:
        """Read a file of JSON objects, one a line, of which only one line is ever in memory.

        Who stops before the end closes the generator (`contextlib.aclosing`), and with it the connection. Errors are
        those of `post`; a file that breaks off is a RetryableError.
        """
        opened = self._http.stream(
            "GET",
            self._base_url + path,
            headers={**self._headers, "Accept": "*/*"},
            timeout_seconds=STREAM_TIMEOUT_SECONDS,
        )
        async with opened as stream:
            if not is_success(stream):
                raise self._error(HttpResponse(stream.status, stream.headers, await _beginning(stream.chunks)))
            lines = JsonLines(self.name)
            async for chunk in stream.chunks:
                for line in lines.feed(chunk):
                    yield line
            for line in lines.end():
                yield line

    def words(self, content: object) -> str:
        """The provider's own words in an error that it describes in JSON: shortened, and without the key."""
        words = _message(content)
        return _shortened(words.replace(self._secret, mask(self._secret)) if self._secret else words)

    async def _request(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> JsonObject:
        response = await self._http.request(
            method,
            self._base_url + path,
            headers={**self._headers, **headers},
            body=body,
            timeout_seconds=self._timeout_seconds,
        )
        if not is_success(response):
            raise self._error(response)
        answer = read_json(response, self.name)
        if not isinstance(answer, dict):
            raise malformed(self.name, "a JSON object")
        return answer

    def _error(self, response: HttpResponse) -> RetryableError | PermanentError:
        """The error that an answer stands for, with what a user can do about it."""
        status, words, code = response.status, self.words(_content(response)), error_code(response)
        if code in _OUT_OF_CREDIT or status == HTTPStatus.PAYMENT_REQUIRED:
            return PermanentError(
                f"{self.provider} lets this account use {self.name} no further: {words}. "
                "Check the plan and billing there, then start the scan again"
            )
        if status == _RATE_LIMITED:
            wait = retry_after(response, self._clock)
            return RetryableError(f"The rate limit of {self.name} is reached: {words}", wait, rate_limited=True)
        if is_transient(response):
            return RetryableError(f"{self.name} failed: {words} (status {status})", retry_after(response, self._clock))
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return PermanentError(
                f"{self.provider} refuses the API key ({self.role}.api_key) for {self.name}: {words}. " + _CHANGE_CONFIG
            )
        if status == HTTPStatus.NOT_FOUND:
            return NotFound(
                f"{self.name} was not found at {self._base_url}: {words}. "
                f"Check {self.role}.model and {self.role}.url. {_CHANGE_CONFIG}",
                words,
            )
        return RequestRefused(f"{self.name} refuses the request: {words} (status {status})", words, code, status)


def is_success(response: HttpResponse | HttpStream) -> bool:
    """Whether an answer holds what was asked for."""
    return 200 <= response.status < 300


def is_transient(response: HttpResponse) -> bool:
    """Whether a later attempt may be answered otherwise."""
    # 501 means that the service cannot do it at all.
    return response.status in _TRANSIENT or (response.status >= 500 and response.status != HTTPStatus.NOT_IMPLEMENTED)


def read_json(response: HttpResponse, sender: str) -> object:
    """The JSON that an answer holds.

    Raises:
        RetryableError: it holds none; an answer that was cut off looks like this.
    """
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        raise malformed(sender, "JSON") from None


def malformed(sender: str, expected: str) -> RetryableError:
    """The error for an answer that is not what its sender documents."""
    return RetryableError(f"{sender} sent a malformed answer: {expected} was expected")


def retry_after(response: HttpResponse, clock: Clock) -> float | None:
    """The seconds to wait that an answer asks for: `Retry-After-Ms`, or `Retry-After` as seconds or as a date."""
    milliseconds = _number(response.headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    text = response.headers.get("retry-after", "")
    seconds = _number(text)
    if seconds is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    # A date without a zone is meant in UTC, as every HTTP date.
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - clock.now()).total_seconds())


def reason(response: HttpResponse) -> str:
    """The other side's own words about an error, shortened."""
    return _shortened(_message(_content(response)))


def error_code(response: HttpResponse) -> str:
    """The code or type of an error, as OpenAI and Anthropic send them; empty when there is none."""
    content = _content(response)
    error = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict):
        return ""
    return str(error.get("code") or error.get("type") or "")


def json_object(response: HttpResponse) -> JsonObject:
    """The JSON object that an answer holds, an empty one when it holds none."""
    content = _content(response)
    return content if isinstance(content, dict) else {}


def _content(response: HttpResponse) -> object:
    """The JSON that an answer holds, None when it holds none."""
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        return None


async def _beginning(chunks: AsyncIterator[bytes]) -> bytes:
    """As much of a body as an error can need."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) >= _MAX_ERROR_BYTES:
            break
    return bytes(body)


def _shortened(words: str) -> str:
    one_line = " ".join(words.split())
    return one_line[:_MAX_REASON].rstrip(".") if one_line else "no explanation"


def _message(content: object) -> str:
    """The message in an error body: GitHub's, OpenAI's and Anthropic's, Ollama's, or Cloudflare's."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return _message(content[0]) if content else ""
    if isinstance(content, dict):
        return next(filter(None, (_message(content.get(key)) for key in ("message", "error", "errors"))), "")
    return ""


def _number(text: str) -> float | None:
    """A number of seconds, not negative; None for anything else."""
    try:
        number = float(text)
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None
