"""Ollama as documented: embeddings, chat and the list of models, with its habit of cutting long prompts silently."""

import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.outside.llm import Llm, PromptRefused
from tests.outside.text_vectors import embed
from tests.outside.tokens import count_tokens, cut_to_tokens

PREFIX = "/ollama"

# model -> dimensions, tokens of an input
EMBEDDING_MODELS = {
    "nomic-embed-text": (768, 2_048),
    "mxbai-embed-large": (1_024, 512),
    "all-minilm": (384, 256),
}
# model -> tokens of context
CHAT_MODELS = {"llama3.2": 131_072, "qwen2.5-coder": 32_768}
DEFAULT_CONTEXT = 4_096


class OllamaError(Exception):
    """An error answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class OllamaApi:
    """The state of the stand-in; `models` are those that were pulled."""

    def __init__(self, llm: Llm) -> None:
        self.models = {*EMBEDDING_MODELS, *CHAT_MODELS}
        self._llm = llm

    def app(self) -> Starlette:
        """The HTTP application."""
        return Starlette(
            routes=[
                Route("/", self._alive),
                Route("/api/version", self._version),
                Route("/api/tags", self._tags),
                Route("/api/show", self._show, methods=["POST"]),
                Route("/api/embed", self._embed, methods=["POST"]),
                Route("/api/chat", self._chat, methods=["POST"]),
                Route("/{path:path}", self._unknown),
            ]
        )

    async def _alive(self, request: Request) -> Response:
        return PlainTextResponse("Ollama is running")

    async def _unknown(self, request: Request) -> Response:
        return PlainTextResponse("404 page not found", 404)

    async def _version(self, request: Request) -> Response:
        return JSONResponse({"version": "0.12.6"})

    async def _tags(self, request: Request) -> Response:
        return JSONResponse({"models": [_description(name) for name in sorted(self.models)]})

    async def _show(self, request: Request) -> Response:
        try:
            name = self._model(await _body(request))
        except OllamaError as failure:
            return JSONResponse(error(failure.status, failure.message), failure.status)
        family = "nomic-bert" if name in EMBEDDING_MODELS else "llama"
        context = EMBEDDING_MODELS[name][1] if name in EMBEDDING_MODELS else CHAT_MODELS.get(name, DEFAULT_CONTEXT)
        information: dict[str, Any] = {"general.architecture": family, f"{family}.context_length": context}
        if name in EMBEDDING_MODELS:
            information[f"{family}.embedding_length"] = EMBEDDING_MODELS[name][0]
        capabilities = ["embedding"] if name in EMBEDDING_MODELS else ["completion"]
        details = _description(name)["details"]
        return JSONResponse({"details": details, "model_info": information, "capabilities": capabilities})

    async def _embed(self, request: Request) -> Response:
        try:
            body = await _body(request)
            name = self._model(body)
            if name not in EMBEDDING_MODELS:
                raise OllamaError(501, "this model does not support embeddings")
            value = body.get("input", "")
            texts = [value] if isinstance(value, str) and value else value or []
            if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                raise OllamaError(400, "invalid input type")
            dimensions, longest = EMBEDDING_MODELS[name]
            counted = [count_tokens(text) for text in texts]
            if max(counted, default=0) > longest:
                if body.get("truncate") is False:
                    raise OllamaError(400, "the input length exceeds the context length")
                texts = [cut_to_tokens(text, longest) for text in texts]
        except OllamaError as failure:
            return JSONResponse(error(failure.status, failure.message), failure.status)
        request.state.inputs = len(texts)
        wanted = min(int(body.get("dimensions") or dimensions), dimensions)
        vectors = embed(texts, dimensions)[:, :wanted] if texts else np.zeros((0, wanted))
        if wanted < dimensions and texts:
            vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return JSONResponse(
            {
                "model": body["model"],
                "embeddings": np.round(vectors, 7).tolist(),
                "total_duration": 14_143_917,
                "load_duration": 1_019_500,
                "prompt_eval_count": sum(min(count, longest) for count in counted),
            }
        )

    async def _chat(self, request: Request) -> Response:
        try:
            body = await _body(request)
            name = self._model(body)
            if name not in CHAT_MODELS:
                raise OllamaError(400, f'"{name}" does not support chat')
            messages = body.get("messages") or []
            options = body.get("options") or {}
            expected = body.get("format", "")
            if expected not in ("", "json") and not isinstance(expected, dict):
                raise OllamaError(400, f'invalid format: "{expected}"; expected "json" or a valid JSON Schema object')
        except OllamaError as failure:
            return JSONResponse(error(failure.status, failure.message), failure.status)
        if not messages:
            return JSONResponse(_message(body["model"], "", 0, "load"))
        context = min(int(options.get("num_ctx") or DEFAULT_CONTEXT), CHAT_MODELS[name])
        kept = _fit(messages, context)
        system = "\n".join(message["content"] for message in kept if message["role"] == "system")
        try:
            text, reason = self._llm.answer(system, kept), "stop"
        except PromptRefused as refusal:
            return JSONResponse(error(400, str(refusal)), 400)
        limit = int(options.get("num_predict") or -1)
        if 0 < limit < count_tokens(text):
            text, reason = cut_to_tokens(text, limit), "length"
        asked = sum(count_tokens(message["content"]) for message in kept)
        whole = _message(body["model"], text, asked, reason)
        if body.get("stream", True):
            return StreamingResponse(_stream(whole), media_type="application/x-ndjson")
        return JSONResponse(whole)

    def _model(self, body: Mapping[str, Any]) -> str:
        name = str(body.get("model") or "")
        if not name:
            raise OllamaError(400, "model is required")
        if name.removesuffix(":latest") not in self.models:
            raise OllamaError(404, f'model "{name}" not found, try pulling it first')
        return name.removesuffix(":latest")


def error(status: int, message: str = "") -> Any:
    """What Ollama says with a status."""
    busy = "server busy, please try again. maximum pending requests exceeded"
    return {"error": message or (busy if status == 503 else "llama runner process has terminated")}


async def _body(request: Request) -> dict[str, Any]:
    content = await request.body()
    if not content:
        raise OllamaError(400, "missing request body")
    try:
        body = json.loads(content)
    except ValueError as problem:
        raise OllamaError(400, str(problem)) from None
    if not isinstance(body, dict):
        raise OllamaError(400, "json: cannot unmarshal the body into an object")
    return body


def _fit(messages: list[dict[str, str]], context: int) -> list[dict[str, str]]:
    """The messages that fit the context: system messages and the last one stay, old ones go, then the last is cut."""
    kept = list(messages)
    while sum(count_tokens(message["content"]) for message in kept) > context:
        old = next((message for message in kept[:-1] if message["role"] != "system"), None)
        if old is None:
            last = kept[-1]
            room = max(0, context - sum(count_tokens(message["content"]) for message in kept[:-1]))
            # The end of a prompt is what stays.
            content = last["content"][len(last["content"]) - len(cut_to_tokens(last["content"], room)) :]
            return [*kept[:-1], {**last, "content": content}]
        kept.remove(old)
    return kept


def _message(model: str, text: str, asked: int, reason: str) -> dict[str, Any]:
    return {
        "model": model,
        "created_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "message": {"role": "assistant", "content": text},
        "done": True,
        "done_reason": reason,
        "total_duration": 4_883_583_458,
        "load_duration": 1_334_875,
        "prompt_eval_count": asked,
        "prompt_eval_duration": 342_546_000,
        "eval_count": count_tokens(text),
        "eval_duration": 4_535_599_000,
    }


def _stream(whole: Mapping[str, Any]) -> Iterator[bytes]:
    """The answer as Ollama sends it unless told otherwise: a line for each piece."""
    text = whole["message"]["content"]
    for start in range(0, len(text), 200):
        piece = {"role": "assistant", "content": text[start : start + 200]}
        line = {"model": whole["model"], "created_at": whole["created_at"], "message": piece, "done": False}
        yield json.dumps(line).encode() + b"\n"
    yield json.dumps({**whole, "message": {"role": "assistant", "content": ""}}).encode() + b"\n"


def _description(name: str) -> dict[str, Any]:
    family = "nomic-bert" if name in EMBEDDING_MODELS else "llama"
    return {
        "name": f"{name}:latest",
        "model": f"{name}:latest",
        "modified_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_750_000_000)),
        "size": 274_302_450,
        "digest": sha256(name.encode()).hexdigest(),
        "details": {
            "parent_model": "",
            "format": "gguf",
            "family": family,
            "families": [family],
            "parameter_size": "137M",
            "quantization_level": "F16",
        },
    }
