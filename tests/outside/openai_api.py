"""OpenAI as documented: chat completions and embeddings, their limits, headers and error bodies."""

import base64
import itertools
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.outside.llm import Llm, PromptRefused, refuse
from tests.outside.text_vectors import Matrix, embed
from tests.outside.tokens import count_tokens, cut_to_tokens

PREFIX = "/openai/v1"

MAX_INPUTS = 2_048
MAX_INPUT_TOKENS = 8_192
MAX_REQUEST_TOKENS = 300_000

# model -> tokens of context, tokens of an answer
CHAT_MODELS = {
    "gpt-4o": (128_000, 16_384),
    "gpt-4o-mini": (128_000, 16_384),
    "gpt-4.1": (1_047_576, 32_768),
    "gpt-4.1-mini": (1_047_576, 32_768),
    "gpt-5": (400_000, 128_000),
    "gpt-5-mini": (400_000, 128_000),
    "o4-mini": (200_000, 100_000),
}
# These think first: they take no temperature, and only the newer name of the limit.
THINKING_MODELS = frozenset({"gpt-5", "gpt-5-mini", "o4-mini"})
# model -> dimensions, whether it can be asked for fewer
EMBEDDING_MODELS = {
    "text-embedding-3-small": (1_536, True),
    "text-embedding-3-large": (3_072, True),
    "text-embedding-ada-002": (1_536, False),
}


# A request and the API key it carries -> the answer; raises OpenAiError.
Action = Callable[[Request, str], Awaitable[Response]]


class OpenAiError(Exception):
    """An error answer."""

    def __init__(
        self, status: int, message: str, param: str | None = None, code: str | None = None, kind: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        kind = kind or "invalid_request_error"
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


class OpenAiApi:
    """The state of the stand-in.

    Args:
        llm: answers.
        key: an API key that is accepted; more can be added to `keys`.
    """

    def __init__(self, llm: Llm, key: str = "sk-proj-world") -> None:
        self.keys = {key}
        self._llm = llm
        # Takes texts and a size, and gives a unit vector of each as rows.
        self.embed: Callable[[Sequence[str], int], Matrix] = embed
        self._numbers = itertools.count(1)

    def app(self, *more: BaseRoute) -> Starlette:
        """The HTTP application, with more routes."""
        return Starlette(
            routes=[
                Route("/chat/completions", self.endpoint(self._chat), methods=["POST"]),
                Route("/embeddings", self.endpoint(self._embeddings), methods=["POST"]),
                Route("/models", self.endpoint(self._models)),
                *more,
                Route("/{path:path}", self._unknown, methods=["GET", "POST", "PUT", "DELETE"]),
            ]
        )

    def endpoint(self, action: Action) -> Callable[[Request], Awaitable[Response]]:
        """Serves what needs an API key."""

        async def serve(request: Request) -> Response:
            try:
                response = await action(request, self._authenticate(request))
            except OpenAiError as failure:
                response = JSONResponse(failure.body, failure.status)
            response.headers.update(
                {
                    "x-request-id": f"req_{next(self._numbers):032x}",
                    "openai-organization": "org-world",
                    "openai-version": "2020-10-01",
                    "openai-processing-ms": "7",
                    "x-ratelimit-limit-requests": "10000",
                    "x-ratelimit-remaining-requests": "9999",
                    "x-ratelimit-reset-requests": "6ms",
                }
            )
            return response

        return serve

    async def _chat(self, request: Request, key: str) -> Response:
        return JSONResponse(self.chat(await json_body(request)))

    async def _embeddings(self, request: Request, key: str) -> Response:
        return JSONResponse(self.embeddings(await json_body(request), request))

    async def _models(self, request: Request, key: str) -> Response:
        names = [*CHAT_MODELS, *EMBEDDING_MODELS]
        data = [{"id": name, "object": "model", "created": 1_715_367_049, "owned_by": "system"} for name in names]
        return JSONResponse({"object": "list", "data": data})

    async def _unknown(self, request: Request) -> Response:
        failure = OpenAiError(404, f"Invalid URL ({request.method} {request.url.path})")
        return JSONResponse(failure.body, failure.status)

    def _authenticate(self, request: Request) -> str:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise OpenAiError(
                401,
                "You didn't provide an API key. You need to provide your API key in an Authorization header using "
                "Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            )
        if key not in self.keys:
            shown = f"{key[:3]}{'*' * 8}{key[-4:]}"
            raise OpenAiError(401, f"Incorrect API key provided: {shown}.", code="invalid_api_key")
        return key

    # ---- what batches need as well: a request's body in, an answer's body out

    def chat(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a chat completion."""
        model = _model(body, CHAT_MODELS)
        context, longest = CHAT_MODELS[model]
        messages = _messages(body)
        _check_sampling(body, model)
        if body.get("stream"):
            raise OpenAiError(400, "This stand-in does not stream.", "stream", "unsupported_value")
        limit = body.get("max_completion_tokens", body.get("max_tokens", longest))
        if not isinstance(limit, int) or limit < 1 or limit > longest:
            raise OpenAiError(
                400,
                f"max_tokens is too large: {limit}. This model supports at most {longest} completion tokens.",
                "max_tokens",
                "invalid_value",
            )
        asked = sum(count_tokens(message["content"]) + 4 for message in messages) + 3
        if asked > context:
            raise OpenAiError(
                400,
                f"This model's maximum context length is {context} tokens. However, your messages resulted in {asked} "
                "tokens. Please reduce the length of the messages.",
                "messages",
                "context_length_exceeded",
            )
        _check_format(body.get("response_format"), messages)
        system = "\n".join(message["content"] for message in messages if message["role"] in ("system", "developer"))
        try:
            text = self._llm.answer(system, messages)
        except PromptRefused as refusal:
            raise OpenAiError(400, str(refusal), code="invalid_prompt") from None
        finish = "stop"
        if count_tokens(text) > limit:
            text, finish = cut_to_tokens(text, limit), "length"
        answered = count_tokens(text)
        return {
            "id": f"chatcmpl-{next(self._numbers):029d}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": f"{model}-2026-01-01",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text or None, "refusal": None, "annotations": []},
                    "logprobs": None,
                    "finish_reason": finish,
                }
            ],
            "usage": {
                "prompt_tokens": asked,
                "completion_tokens": answered,
                "total_tokens": asked + answered,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
            },
            "service_tier": "default",
            "system_fingerprint": "fp_world",
        }

    def embeddings(self, body: Mapping[str, Any], request: Request | None = None) -> dict[str, Any]:
        """Answer an embeddings request."""
        model = _model(body, EMBEDDING_MODELS)
        texts = _inputs(body)
        try:
            refuse(self._llm.behaviour.refuses_to_embed, texts)
        except PromptRefused as refusal:
            raise OpenAiError(400, str(refusal), "input", "invalid_prompt") from None
        most, can_shorten = EMBEDDING_MODELS[model]
        dimensions = body.get("dimensions", most)
        if "dimensions" in body and not can_shorten:
            raise OpenAiError(400, "This model does not support specifying dimensions.", "dimensions")
        if not isinstance(dimensions, int) or not 1 <= dimensions <= most:
            raise OpenAiError(400, f"Invalid value for 'dimensions' = {dimensions}. Must be 1 to {most}.", "dimensions")
        encoding = body.get("encoding_format", "float")
        if encoding not in ("float", "base64"):
            raise OpenAiError(400, f"Invalid encoding_format: {encoding}", "encoding_format")
        if request is not None:
            request.state.inputs = len(texts)
        used = sum(count_tokens(text) for text in texts)
        vectors = self.embed(texts, dimensions).astype("<f4")
        data = []
        for index, vector in enumerate(vectors):
            value: Any
            if encoding == "base64":
                value = base64.b64encode(vector.tobytes()).decode()
            else:
                value = np.round(vector.astype(float), 8).tolist()
            data.append({"object": "embedding", "index": index, "embedding": value})
        usage = {"prompt_tokens": used, "total_tokens": used}
        return {"object": "list", "data": data, "model": model, "usage": usage}


def error(status: int) -> Any:
    """What OpenAI says with a status."""
    if status == 429:
        message = (
            "Rate limit reached for gpt-4o in organization org-world on tokens per min (TPM): Limit 30000, Used 30000, "
            "Requested 100. Please try again in 200ms."
        )
        return OpenAiError(429, message, code="rate_limit_exceeded", kind="tokens").body
    if status == 401:
        return OpenAiError(401, "Incorrect API key provided: sk-********.", code="invalid_api_key").body
    if status >= 500:
        message = "The server had an error while processing your request. Sorry about that!"
        return OpenAiError(status, message, kind="server_error").body
    return OpenAiError(status, f"The request was refused with status {status}.").body


def quota_exceeded() -> Any:
    """The body of the 429 that no waiting heals."""
    message = "You exceeded your current quota, please check your plan and billing details."
    return OpenAiError(429, message, code="insufficient_quota", kind="insufficient_quota").body


async def json_body(request: Request) -> Mapping[str, Any]:
    """The object that a request carries."""
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise OpenAiError(400, "We could not parse the JSON body of your request.")
    return body


def _model(body: Mapping[str, Any], known: Mapping[str, object]) -> str:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise OpenAiError(400, "you must provide a model parameter")
    if model not in known:
        message = f"The model `{model}` does not exist or you do not have access to it."
        raise OpenAiError(404, message, code="model_not_found")
    return model


def _messages(body: Mapping[str, Any]) -> list[dict[str, str]]:
    """The messages, their texts joined."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise OpenAiError(400, "Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    found = []
    for index, message in enumerate(messages):
        role, content = message.get("role"), message.get("content")
        if role not in ("system", "developer", "user", "assistant"):
            raise OpenAiError(400, f"Invalid value: '{role}'.", f"messages[{index}].role", "invalid_value")
        if isinstance(content, list):
            content = "".join(part.get("text", "") for part in content)
        if not isinstance(content, str):
            raise OpenAiError(400, f"Invalid value for 'content': {content!r}.", f"messages.[{index}].content")
        found.append({"role": role, "content": content})
    return found


def _check_sampling(body: Mapping[str, Any], model: str) -> None:
    temperature = body.get("temperature", 1)
    if not isinstance(temperature, int | float) or not 0 <= temperature <= 2:
        raise OpenAiError(400, f"Invalid 'temperature': expected 0 to 2, got {temperature}.", "temperature")
    if model not in THINKING_MODELS:
        return
    if temperature != 1:
        raise OpenAiError(
            400,
            f"Unsupported value: 'temperature' does not support {temperature} with this model. Only the default (1) "
            "value is supported.",
            "temperature",
            "unsupported_value",
        )
    if "max_tokens" in body:
        raise OpenAiError(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        )


def _check_format(response_format: Any, messages: Sequence[Mapping[str, str]]) -> None:
    if response_format is None:
        return
    kind = response_format.get("type") if isinstance(response_format, dict) else None
    if kind not in ("text", "json_object", "json_schema"):
        raise OpenAiError(400, f"Invalid value: '{kind}'.", "response_format.type", "invalid_value")
    if kind == "json_object" and not any("json" in message["content"].lower() for message in messages):
        raise OpenAiError(
            400,
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            "messages",
        )


def _inputs(body: Mapping[str, Any]) -> list[str]:
    """The texts to embed, inside all limits."""
    value = body.get("input")
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        message = (
            "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference."
        )
        raise OpenAiError(400, message)
    if len(texts) > MAX_INPUTS:
        raise OpenAiError(
            400,
            f"Invalid 'input': array too long. Expected an array with maximum length {MAX_INPUTS}, but got an array "
            f"with length {len(texts)} instead.",
            "input",
            "array_above_max_length",
        )
    counted = [count_tokens(text) for text in texts]
    for index, tokens in enumerate(counted):
        if tokens > MAX_INPUT_TOKENS:
            message = f"Invalid 'input[{index}]': maximum input length is {MAX_INPUT_TOKENS} tokens."
            raise OpenAiError(400, message, "input")
    if sum(counted) > MAX_REQUEST_TOKENS:
        raise OpenAiError(
            400,
            f"Requested {sum(counted)} tokens, max {MAX_REQUEST_TOKENS} tokens per request",
            code="max_tokens_per_request",
            kind="max_tokens_per_request",
        )
    return texts
