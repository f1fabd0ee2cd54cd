"""Validates the input file of a batch of OpenAI's: what makes the whole batch fail, line by line."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.outside.batches import Batch, Batches, Item, Problem
from tests.outside.openai_api import CHAT_MODELS, EMBEDDING_MODELS
from tests.outside.tokens import count_tokens

# endpoint -> the models it knows, and what a request must have besides its model
_ENDPOINTS: Mapping[str, tuple[Mapping[str, object], str]] = {
    "/v1/chat/completions": (CHAT_MODELS, "messages"),
    "/v1/embeddings": (EMBEDDING_MODELS, "input"),
}
ENDPOINTS = tuple(_ENDPOINTS)


@dataclass
class Validated:
    """What a file holds: its requests, their model, and all that is wrong with them."""

    items: list[Item] = field(default_factory=list)
    model: str = ""
    problems: list[Problem] = field(default_factory=list)


def validated(content: bytes | None, endpoint: str, file_id: str, limits: Batches) -> Validated:
    """Look through a file; there is none when `content` is None."""
    found = Validated()
    if content is None:
        message = f"Cannot find file {file_id}, or organization org-world does not have access to it."
        found.problems.append(Problem("invalid_request", message, "file_id"))
        return found
    known: set[str] = set()
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        checked = _checked(line, number, endpoint, found.model, known)
        if isinstance(checked, Problem):
            found.problems.append(checked)
            continue
        found.model = found.model or checked.body["model"]
        found.items.append(checked)
    found.problems += _problems_of_all(found, endpoint, limits)
    return found


def enqueued(batch: Batch, earlier: Iterable[Batch], limits: Batches) -> tuple[int, Problem | None]:
    """The tokens of a new batch, and whether they are too many beside those of earlier batches that did not end."""
    limit = limits.enqueued_tokens.get(batch.model)
    if limit is None:
        return 0, None
    waiting = 0
    for one in earlier:
        limits.advance(one)
        if one.model == batch.model and not one.has_ended and not one.problems:
            waiting += one.tokens or _tokens(one)
    tokens = _tokens(batch)
    if waiting + tokens <= limit:
        return tokens, None
    message = (
        f"Enqueued token limit reached for {batch.model} in organization org-world. Limit: {limit:,} enqueued tokens. "
        "Please try again once some in_progress batches have been completed."
    )
    return tokens, Problem("token_limit_exceeded", message)


def _checked(line: bytes, number: int, endpoint: str, model: str, known: set[str]) -> Item | Problem:
    """One request, or what is wrong with it."""
    try:
        request = json.loads(line)
    except ValueError:
        request = None
    if not isinstance(request, dict):
        return Problem("invalid_json_line", "This line is not parseable as valid JSON.", None, number)
    for name in ("custom_id", "method", "url", "body"):
        if not request.get(name):
            return Problem("missing_required_parameter", f"Missing required parameter: '{name}'.", name, number)
    custom_id, body = str(request["custom_id"]), request["body"]
    if custom_id in known:
        message = f"The custom_id '{custom_id}' is a duplicate of another request's. It must be unique in a batch."
        return Problem("duplicate_custom_id", message, "custom_id", number)
    known.add(custom_id)
    if request["method"] != "POST":
        return Problem("invalid_method", "The HTTP method of a request must be POST.", "method", number)
    if request["url"] != endpoint:
        message = "The URL provided for this request does not match the batch endpoint."
        return Problem("invalid_url", message, "url", number)
    if not isinstance(body, dict):
        return Problem("invalid_request", "Body must be an object.", "body", number)
    return _problem_of_body(body, number, endpoint, model) or Item(custom_id, body)


def _problem_of_body(body: Mapping[str, Any], number: int, endpoint: str, model: str) -> Problem | None:
    models, content = _ENDPOINTS[endpoint]
    for name in ("model", content):
        if not body.get(name):
            message = f"{name.capitalize()} parameter is required."
            return Problem("invalid_request", message, f"body.{name}", number)
    if body["model"] not in models:
        message = f"The provided model '{body['model']}' is not supported by the Batch API."
        return Problem("model_not_found", message, "body.model", number)
    if model and body["model"] != model:
        message = "The model of this request differs from the rest. A batch must contain requests for a single model."
        return Problem("mismatched_model", message, "body.model", number)
    if body.get("stream"):
        message = "Chat Completions: Streaming is not supported in the Batch API."
        return Problem("streaming_unsupported", message, "body.stream", number)
    return None


def _problems_of_all(found: Validated, endpoint: str, limits: Batches) -> list[Problem]:
    if not found.items and not found.problems:
        return [Problem("empty_file", "The input file is empty. Please ensure that it has at least one request.")]
    most, problems = limits.openai_requests, []
    if len(found.items) > most:
        message = f"The batch input file contains too many requests. The maximum is {most}."
        problems.append(Problem("too_many_tasks", message))
    inputs = sum(len(_texts(item.body)) for item in found.items) if endpoint == "/v1/embeddings" else 0
    if inputs > limits.openai_inputs:
        message = f"The batch input file contains too many embedding inputs. The maximum is {limits.openai_inputs}."
        problems.append(Problem("too_many_tasks", message))
    return problems


def _tokens(batch: Batch) -> int:
    return sum(count_tokens(text) for item in batch.items for text in _texts(item.body))


def _texts(body: Mapping[str, Any]) -> list[str]:
    """The texts that a request sends to its model."""
    if "input" in body:
        given = body["input"]
        texts = given if isinstance(given, list) else [given]
        return [text for text in texts if isinstance(text, str)]
    contents = [message.get("content") for message in body.get("messages", ())]
    return [content for content in contents if isinstance(content, str)]
