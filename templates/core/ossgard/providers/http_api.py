"""What calls of every provider have in common: JSON both ways, and errors told apart by what can be done about them."""

import json
import math
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from ossgard import json_text
from ossgard.config import mask
from ossgard.errors import PermanentError, RetryableError
from ossgard.model import JsonObject
from ossgard.outgoing import BATCH, BATCH_RESULTS, MAX_ERROR_BYTES, CallKind, Outgoing, is_success, read_error
from ossgard.ports import Clock, HttpClient, HttpResponse
from ossgard.providers.json_lines import JsonLines
from ossgard.refusals import (
    KnownRefusals,
    Options,
    Refusal,
    is_too_long,
    is_unwanted,
    refused_options,
    with_options,
)
from ossgard.urls import with_path, without_query

# Statuses, besides 5xx, that a later attempt may not meet: 408 timeout, 409 conflict, 425 too early, 429 rate limit.
_TRANSIENT = frozenset({408, 409, 425, 429})
_RATE_LIMITED = 429
_MAX_REASON = 300
_MAX_CODE = 100
# The longest `Retry-After` that is believed, and the longest text that is taken for one.
_MAX_WAIT_SECONDS = 7 * 24 * 3600.0
_MAX_WAIT_TEXT = 64
_JSON = "application/json"
_MESSAGE_KEYS = ("message", "error", "errors", "detail", "msg")
_CHANGE_CONFIG = "Change it in the account's configuration, then start the scan again"
# Codes of refusals that are sent as rate limits, although waiting does not lift them.
_OUT_OF_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
_CREDIT_IS_LOW = "credit balance is too low"
# A rate limit that this request alone is beyond.
_LARGER_THAN_LIMIT = "request too large"
_NOT_SUPPORTED = ("not support", "unsupported")
# What errors without a status call themselves, and the status that they mean; the first that fits.
_MEANT: Mapping[str, int] = {
    "rate_limit": 429,
    "rate limit": 429,
    "too_many_requests": 429,
    "quota": 429,
    "authentication": 401,
    "api_key": 401,
    "unauthorized": 401,
    "permission": 403,
    "forbidden": 403,
    "not_found": 404,
    "invalid_prompt": 400,
    "invalid_request": 400,
    "context_length": 400,
    "content_policy": 400,
    "content_filter": 400,
    "bad_request": 400,
}


class RequestRefused(PermanentError):
    """A provider does not accept what it was sent; `reason` holds its own words."""

    def __init__(self, message: str, refusal: Refusal) -> None:
        super().__init__(message)
        self.refusal = refusal
        self.reason = refusal.words
        self.code = refusal.code
        self.status = refusal.status


class NotFound(RequestRefused):
    """A provider has nothing at a path, or not the model."""


@dataclass(frozen=True)
class ModelAccess:
    """A model as an account's configuration names it, and what its host calls it with.

    Args:
        http: speaks HTTP.
        clock: tells the time.
        url: where the provider is, or what stands for it.
        model: the model's name.
        api_key: the account's key; may be empty.
        refusals: what models have refused so far.
    """

    http: HttpClient
    clock: Clock
    url: str
    model: str
    api_key: str
    refusals: KnownRefusals


class ModelApi:
    """The HTTP interface of one model at one provider.

    Args:
        access: the model, and what it is called with.
        provider: the provider's name, for messages.
        role: the part of the account's configuration that names the model, `llm` or `embedding`.
        base_url: what the paths of calls are added to.
        headers: sent with every call, besides the content type.
        kind: the limits of an answer of the model.
    """

    def __init__(
        self,
        access: ModelAccess,
        *,
        provider: str,
        role: str,
        base_url: str,
        headers: Mapping[str, str],
        kind: CallKind,
    ) -> None:
        self.model = access.model
        self.name = f"{provider} model '{access.model}'"
        self.provider = provider
        self.role = role
        self.clock = access.clock
        self._outgoing = Outgoing(access.http, self.name, f"{role}.url")
        self._base_url = base_url
        self._kind = kind
        self._refusals = access.refusals
        self._headers = {"Accept": _JSON, "User-Agent": "ossgard", **headers}
        # Never shown, should the provider repeat it.
        self._secret = access.api_key

    @property
    def refused(self) -> frozenset[str]:
        """The names of the options that the model is known to refuse."""
        return self._refusals.of(self._base_url, self.model)

    async def ask(self, path: str, content: JsonObject, options: Options) -> JsonObject:
        """Ask the model, with options; those that it refuses are left out, now and from then on.

        Raises:
            RetryableError: the provider cannot answer now, or its answer arrived broken.
            RequestRefused: the provider does not accept this request.
            PermanentError: the account's configuration is at fault.
        """
        left_out: set[str] = set()
        while True:
            request, sent = with_options(content, options, self.refused | left_out)
            try:
                answer = await self.post(path, request, self._kind)
            except RequestRefused as refused:
                named = refused_options(refused.refusal, sent)
                if not named:
                    raise
                left_out |= named
                continue
            # Only now it is sure that they were the reason.
            self._refusals.add(self._base_url, self.model, left_out)
            return answer

    async def post(self, path: str, content: JsonObject, kind: CallKind = BATCH) -> JsonObject:
        """Send a JSON object and return the one that is answered; errors are those of `ask`."""
        return await self.send(path, json.dumps(content, separators=(",", ":")).encode(), kind=kind)

    async def send(self, path: str, content: bytes, content_type: str = _JSON, kind: CallKind = BATCH) -> JsonObject:
        """Post content that is already in its final form; otherwise like `post`."""
        return await self._request(kind, "POST", path, {"Content-Type": content_type}, content)

    async def get(self, path: str, kind: CallKind = BATCH) -> JsonObject:
        """Return the JSON object at a path; errors are those of `ask`."""
        return await self._request(kind, "GET", path, {}, None)

    async def lines(self, path: str) -> AsyncGenerator[JsonObject, None]:
        """Read a file of JSON objects, one a line, of which only one line is ever in memory.

        Who stops before the end closes the generator (`contextlib.aclosing`), and with it the connection. Errors are
        those of `ask`; a file that breaks off is a RetryableError.
        """
        url = with_path(self._base_url, path)
        async with self._outgoing.stream(
            BATCH_RESULTS, "GET", url, headers={**self._headers, "Accept": "*/*"}
        ) as stream:
            if not is_success(stream):
                raise self._error(await read_error(stream))
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

    def check(self, answer: JsonObject) -> None:
        """Raise the error that an answer, or a part of one, holds in place of what was asked for."""
        said = answer.get("error")
        if said:
            content: JsonObject = {"error": said}
            raise self._error(HttpResponse(_meant_status(said), {}, json.dumps(content, ensure_ascii=False).encode()))

    async def _request(
        self, kind: CallKind, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> JsonObject:
        url = with_path(self._base_url, path)
        response = await self._outgoing.request(kind, method, url, headers={**self._headers, **headers}, body=body)
        if not is_success(response):
            raise self._error(response)
        answer = read_json(response, self.name)
        if not isinstance(answer, dict):
            raise malformed(self.name, "a JSON object")
        self.check(answer)
        return answer

    def _error(self, response: HttpResponse) -> RetryableError | PermanentError:
        """The error that an answer stands for, with what a user can do about it."""
        status, words, code = response.status, self.words(_content(response)), error_code(response)
        text = response.body[:MAX_ERROR_BYTES].decode("utf-8", "replace").lower()
        refusal = Refusal(status, code, words, text)
        refused = RequestRefused(f"{self.name} refuses the request: {words} (status {status})", refusal)
        if code in _OUT_OF_CREDIT or status == HTTPStatus.PAYMENT_REQUIRED or _CREDIT_IS_LOW in words.lower():
            return PermanentError(
                f"{self.provider} lets this account use {self.name} no further: {words}. "
                "Check the plan and billing there, then start the scan again"
            )
        if status == _RATE_LIMITED and _LARGER_THAN_LIMIT in words.lower():
            return refused
        if status == _RATE_LIMITED:
            wait = retry_after(response, self.clock)
            return RetryableError(f"The rate limit of {self.name} is reached: {words}", wait, rate_limited=True)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR and _is_refusal(code, words):
            return refused
        if is_transient(response):
            return RetryableError(f"{self.name} failed: {words} (status {status})", retry_after(response, self.clock))
        if status == HTTPStatus.FORBIDDEN and is_unwanted(code, words):
            return refused
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return PermanentError(
                f"{self.provider} refuses the API key ({self.role}.api_key) for {self.name}: {words}. " + _CHANGE_CONFIG
            )
        if status == HTTPStatus.NOT_FOUND:
            return NotFound(
                f"{self.name} was not found at {without_query(self._base_url)}: {words}. "
                f"Check {self.role}.model and {self.role}.url. {_CHANGE_CONFIG}",
                refusal,
            )
        return refused


def _is_refusal(code: str, words: str) -> bool:
    """Whether a server that fails says that it always will: llama.cpp and Ollama send this with status 500."""
    said = words.lower()
    return ("context" in said and is_too_long(code, words)) or any(sign in said for sign in _NOT_SUPPORTED)


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
        return json_text.decode(response.body)
    except ValueError:
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
        moment = parsedate_to_datetime(text[:_MAX_WAIT_TEXT])
        # A date without a zone is meant in UTC, as every HTTP date.
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return believed_wait((aware - clock.now()).total_seconds())
    except (ValueError, OverflowError):
        return None


def believed_wait(seconds: float) -> float:
    """A time to wait that somebody asks for, made sensible."""
    return min(max(0.0, seconds), _MAX_WAIT_SECONDS)


def reason(response: HttpResponse) -> str:
    """The other side's own words about an error, shortened."""
    return _shortened(_message(_content(response)))


def error_code(response: HttpResponse) -> str:
    """The code or type of an error, as OpenAI and Anthropic send them; empty when there is none."""
    content = _content(response)
    error = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict):
        return ""
    return str(error.get("code") or error.get("type") or "")[:_MAX_CODE]


def json_object(response: HttpResponse) -> JsonObject:
    """The JSON object that an answer holds, an empty one when it holds none."""
    content = _content(response)
    return content if isinstance(content, dict) else {}


def _content(response: HttpResponse) -> object:
    """The JSON that an answer holds, None when it holds none."""
    try:
        return json_text.decode(response.body)
    except ValueError:
        return None


def _meant_status(said: object) -> int:
    """The status that an error means that came in an answer of status 200: by its number, or by what it is called."""
    error = said if isinstance(said, dict) else {}
    named = [error.get(key) for key in ("code", "status", "status_code", "http_code", "type")]
    for value in named:
        number = int(value) if isinstance(value, str) and len(value) == 3 and value.isdecimal() else value
        if type(number) is int and 400 <= number < 600:
            return number
    words = " ".join([*(value for value in named if isinstance(value, str)), _message(said)])[:_MAX_REASON].lower()
    return next((status for sign, status in _MEANT.items() if sign in words), HTTPStatus.BAD_GATEWAY)


def _shortened(words: str) -> str:
    one_line = " ".join(words[: 4 * _MAX_REASON].split())
    return one_line[:_MAX_REASON].rstrip(".") if one_line else "no explanation"


def _message(content: object) -> str:
    """The message in an error body: GitHub's, OpenAI's and Anthropic's, Ollama's, Cloudflare's, or FastAPI's."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return _message(content[0]) if content else ""
    if isinstance(content, dict):
        return next(filter(None, (_message(content.get(key)) for key in _MESSAGE_KEYS)), "")
    return ""


def _number(text: str) -> float | None:
    """A number of seconds, not negative; None for anything else."""
    try:
        number = float(text[:_MAX_WAIT_TEXT])
    except ValueError:
        return None
    return believed_wait(number) if math.isfinite(number) else None
