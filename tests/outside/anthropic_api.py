"""Anthropic as documented: the Messages API with prompt caching, its limits, headers and error bodies."""

import itertools
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.outside.llm import Llm, PromptRefused
from tests.outside.tokens import count_tokens, cut_to_tokens

PREFIX = "/anthropic"

# model -> tokens of context, tokens of an answer
MODELS = {
    "claude-3-5-haiku-latest": (200_000, 8_192),
    "claude-haiku-4-5": (200_000, 64_000),
    "claude-sonnet-4-5": (200_000, 64_000),
    "claude-opus-4-5": (200_000, 64_000),
    "claude-sonnet-4-6": (200_000, 64_000),
    "claude-opus-4-7": (200_000, 128_000),
    "claude-haiku-5-5": (200_000, 64_000),
    "claude-sonnet-5-5": (200_000, 64_000),
}
# Newer models take no sampling parameters, and no beginning of their answer.
MODELS_WITHOUT_SAMPLING = frozenset({"claude-opus-4-7", "claude-haiku-5-5", "claude-sonnet-5-5"})
MODELS_WITHOUT_PREFILL = MODELS_WITHOUT_SAMPLING | {"claude-sonnet-4-6"}
# The newest version knows no sampling parameters at all.
VERSIONS = ("2026-10-21", "2023-06-01", "2023-01-01")
VERSION_WITHOUT_SAMPLING = "2026-10-21"
_SAMPLING = ("temperature", "top_p", "top_k")
MAX_REQUEST_BYTES = 32_000_000
CACHE_SECONDS = 300
MAX_CACHE_MARKS = 4

_FIELDS = """
    model messages max_tokens system temperature top_p top_k stop_sequences stream metadata service_tier thinking
    tools tool_choice container output_config output_format cache_control inference_geo
"""
_KNOWN_FIELDS = frozenset(_FIELDS.split())
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


# A request and the API key it carries -> the answer; raises AnthropicError.
Action = Callable[[Request, str], Awaitable[Response]]


class AnthropicError(Exception):
    """An error answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class AnthropicApi:
    """The state of the stand-in.

    Args:
        llm: answers.
        key: an API key that is accepted; more can be added to `keys`.
        cache_minimum_tokens: shorter prompts are not cached, whatever they are marked with.
    """

    def __init__(self, llm: Llm, key: str = "sk-ant-world", cache_minimum_tokens: int = 1_024) -> None:
        self.keys = {key}
        self.cache_minimum_tokens = cache_minimum_tokens
        self._llm = llm
        self._numbers = itertools.count(1)
        self._cached: dict[str, float] = {}

    def app(self, *more: BaseRoute) -> Starlette:
        """The HTTP application, with more routes."""
        return Starlette(
            routes=[
                Route("/v1/messages", self.endpoint(self._messages), methods=["POST"]),
                *more,
                Route("/{path:path}", self._unknown, methods=["GET", "POST", "PUT", "DELETE"]),
            ]
        )

    def endpoint(self, action: Action) -> Callable[[Request], Awaitable[Response]]:
        """Serves what needs an API key and a version."""

        async def serve(request: Request) -> Response:
            request_id = f"req_{next(self._numbers):024d}"
            try:
                response = await action(request, self._authenticate(request))
            except AnthropicError as failure:
                response = JSONResponse(error(failure.status, failure.message, request_id), failure.status)
            response.headers.update(
                {
                    "request-id": request_id,
                    "anthropic-organization-id": "00000000-0000-4000-8000-000000000000",
                    "anthropic-ratelimit-requests-limit": "4000",
                    "anthropic-ratelimit-requests-remaining": "3999",
                    "anthropic-ratelimit-requests-reset": "2026-11-23T10:00:00Z",
                }
            )
            return response

        return serve

    async def _messages(self, request: Request, key: str) -> Response:
        content = await request.body()
        if len(content) > MAX_REQUEST_BYTES:
            raise AnthropicError(413, "Request exceeds the maximum size")
        return JSONResponse(self.message(parsed(content), key, request.headers["anthropic-version"]))

    async def _unknown(self, request: Request) -> Response:
        return JSONResponse(error(404, "Not found"), 404)

    def _authenticate(self, request: Request) -> str:
        # Clients of today send a bearer, older ones the header that errors still speak of.
        key = request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
        if not key:
            raise AnthropicError(401, "x-api-key header is required")
        if key not in self.keys:
            raise AnthropicError(401, "invalid x-api-key")
        version = request.headers.get("anthropic-version")
        if version is None:
            raise AnthropicError(400, "anthropic-version: header is required")
        if version not in VERSIONS:
            raise AnthropicError(400, f'anthropic-version: "{version}" is not a valid version')
        return key

    # ---- what batches need as well: a request's body in, an answer's body out

    def message(self, body: Mapping[str, Any], key: str, version: str) -> dict[str, Any]:
        """Answer a request for a message."""
        for name in ("model", "max_tokens", "messages"):
            if name not in body:
                raise AnthropicError(400, f"{name}: Field required")
        for name in body:
            if name not in _KNOWN_FIELDS or (name in _SAMPLING and version == VERSION_WITHOUT_SAMPLING):
                raise AnthropicError(400, f"{name}: Extra inputs are not permitted")
        model = body["model"]
        if model not in MODELS:
            raise AnthropicError(404, f"model: {model}")
        context, longest = MODELS[model]
        limit = body["max_tokens"]
        if not isinstance(limit, int) or limit < 1:
            raise AnthropicError(400, "max_tokens: Input should be greater than or equal to 1")
        if limit > longest:
            raise AnthropicError(
                400,
                f"max_tokens: {limit} > {longest}, which is the maximum allowed number of output tokens for {model}",
            )
        _check_sampling(body)
        if body.get("stream"):
            raise AnthropicError(400, "stream: this stand-in does not stream")
        system, marked, marks = _system(body.get("system"))
        messages, more_marks = _conversation(body["messages"])
        if marks + more_marks > MAX_CACHE_MARKS:
            raise AnthropicError(
                400,
                f"A maximum of {MAX_CACHE_MARKS} blocks with cache_control may be provided. "
                f"Found {marks + more_marks}.",
            )
        asked = count_tokens(system) + sum(count_tokens(message["content"]) + 4 for message in messages)
        if asked > context:
            raise AnthropicError(400, f"prompt is too long: {asked} tokens > {context} maximum")
        begun = _prefill(messages, model)
        try:
            text = self._llm.answer(system, messages).removeprefix(begun)
        except PromptRefused as refusal:
            raise AnthropicError(400, str(refusal)) from None
        reason = "end_turn"
        if count_tokens(text) > limit:
            text, reason = cut_to_tokens(text, limit), "max_tokens"
        created, read = self._use_cache(f"{key}|{model}|{marked}", count_tokens(marked))
        return {
            "id": f"msg_{next(self._numbers):024d}",
            "type": "message",
            "role": "assistant",
            "model": f"{model}-20260101",
            "content": [{"type": "text", "text": text}],
            "stop_reason": reason,
            "stop_sequence": None,
            "usage": {
                "input_tokens": asked - created - read,
                "cache_creation_input_tokens": created,
                "cache_read_input_tokens": read,
                "cache_creation": {"ephemeral_5m_input_tokens": created, "ephemeral_1h_input_tokens": 0},
                "output_tokens": count_tokens(text),
                "service_tier": "standard",
            },
        }

    def _use_cache(self, prefix: str, tokens: int) -> tuple[int, int]:
        """The tokens written to and read from the prompt cache."""
        if tokens < max(1, self.cache_minimum_tokens):
            return 0, 0
        now = time.monotonic()
        name = sha256(prefix.encode()).hexdigest()
        is_cached = self._cached.get(name, -CACHE_SECONDS) + CACHE_SECONDS > now
        self._cached[name] = now
        return (0, tokens) if is_cached else (tokens, 0)


def error(status: int, message: str = "", request_id: str = "req_world") -> Any:
    """What Anthropic says with a status."""
    usual = {429: "This request would exceed your organization's rate limit.", 529: "Overloaded"}
    kind = _KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    text = message or usual.get(status, "Internal server error" if status >= 500 else "Bad request")
    return {"type": "error", "error": {"type": kind, "message": text}, "request_id": request_id}


def parsed(content: bytes) -> Mapping[str, Any]:
    """The object that a request carries."""
    try:
        body = json.loads(content)
    except ValueError as problem:
        raise AnthropicError(400, f"The request body is not valid JSON: {problem}") from None
    if not isinstance(body, dict):
        raise AnthropicError(400, "Input should be a valid dictionary")
    return body


def _system(value: Any) -> tuple[str, str, int]:
    """The system prompt, its part up to the last mark for caching, and how many marks there are."""
    if value is None or isinstance(value, str):
        return value or "", "", 0
    if not isinstance(value, list):
        raise AnthropicError(400, "system: Input should be a valid string or list")
    texts, marked, marks = [], "", 0
    for index, block in enumerate(value):
        texts.append(_text(block, f"system.{index}"))
        if _is_marked(block, f"system.{index}"):
            marked, marks = "\n".join(texts), marks + 1
    return "\n".join(texts), marked, marks


def _conversation(value: Any) -> tuple[list[dict[str, str]], int]:
    if not isinstance(value, list) or not value:
        raise AnthropicError(400, "messages: at least one message is required")
    messages, marks = [], 0
    for index, message in enumerate(value):
        role, content = message.get("role"), message.get("content")
        if role not in ("user", "assistant"):
            raise AnthropicError(400, f"messages.{index}.role: Input should be 'user' or 'assistant'")
        if isinstance(content, list):
            marks += sum(_is_marked(block, f"messages.{index}.content") for block in content)
            content = "\n".join(_text(block, f"messages.{index}.content") for block in content)
        if not isinstance(content, str) or not content.strip():
            raise AnthropicError(400, f"messages.{index}: user messages must have non-empty content")
        messages.append({"role": role, "content": content})
    if messages[0]["role"] != "user":
        raise AnthropicError(400, 'messages: first message must use the "user" role')
    return messages, marks


def _check_sampling(body: Mapping[str, Any]) -> None:
    for name in _SAMPLING:
        if name in body and body["model"] in MODELS_WITHOUT_SAMPLING:
            raise AnthropicError(400, f"`{name}` is deprecated for this model.")
    temperature = body.get("temperature", 1)
    if not isinstance(temperature, int | float) or not 0 <= temperature <= 1:
        raise AnthropicError(400, "temperature: Input should be less than or equal to 1")


def _prefill(messages: Sequence[Mapping[str, str]], model: str) -> str:
    """How the caller began the answer."""
    if messages[-1]["role"] == "user":
        return ""
    if model in MODELS_WITHOUT_PREFILL:
        raise AnthropicError(
            400, "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    begun = messages[-1]["content"]
    if begun != begun.rstrip():
        raise AnthropicError(400, "messages: final assistant content cannot end with trailing whitespace")
    return begun


def _text(block: Any, where: str) -> str:
    if not isinstance(block, dict) or block.get("type") != "text" or not isinstance(block.get("text"), str):
        raise AnthropicError(400, f"{where}: Input should be a text block")
    if not block["text"]:
        raise AnthropicError(400, f"{where}: text content blocks must be non-empty")
    return str(block["text"])


def _is_marked(block: Any, where: str) -> bool:
    mark = block.get("cache_control") if isinstance(block, dict) else None
    if mark is None:
        return False
    if not isinstance(mark, dict) or mark.get("type") != "ephemeral" or mark.get("ttl", "5m") not in ("5m", "1h"):
        raise AnthropicError(400, f"{where}.cache_control: Input should be {{'type': 'ephemeral'}}")
    return True
