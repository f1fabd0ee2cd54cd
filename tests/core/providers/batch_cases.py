"""What the tests of both providers' batches share: models over a scripted client, and descriptions of batches."""

import asyncio
from contextlib import aclosing
from typing import Any

from ossgard.outgoing import CHAT, EMBEDDING
from ossgard.ports import HttpResponse
from ossgard.providers.anthropic import AnthropicChat, anthropic_api
from ossgard.providers.batch.api import BatchApi, BatchItemResult
from ossgard.providers.batch.openai import OpenAIBatches
from ossgard.providers.openai import OpenAIChat, OpenAIEmbeddings, openai_api
from tests.core.providers.scripted import CLOCK, Pieces, ScriptedClient, access

KEY = "sk-0123456789abcdef"
CLAIM = "0123456789abcdef"
OTHER_CLAIM = "fedcba9876543210"
NOW = CLOCK.now()

OPENAI = "https://api.openai.com/v1"
ANTHROPIC = "https://api.anthropic.com"


def openai_chat(client: ScriptedClient, model: str = "gpt-4o-mini") -> OpenAIChat:
    return OpenAIChat(openai_api(access(client, OPENAI, model, KEY), CHAT))


def openai_embeddings(client: ScriptedClient) -> OpenAIEmbeddings:
    return OpenAIEmbeddings(openai_api(access(client, OPENAI, "text-embedding-3-small", KEY), EMBEDDING), dimensions=2)


def anthropic_chat(client: ScriptedClient, model: str = "claude-haiku-4-5") -> AnthropicChat:
    return AnthropicChat(anthropic_api(access(client, ANTHROPIC, model, KEY)))


def read_all(api: BatchApi, batch_id: str = "batch_1", claim: str = CLAIM) -> list[BatchItemResult]:
    async def read() -> list[BatchItemResult]:
        async with aclosing(api.results(claim, batch_id)) as results:
            return [result async for result in results]

    return asyncio.run(read())


def read_some(api: BatchApi, number: int, batch_id: str = "batch_1") -> list[BatchItemResult]:
    """The first results, as far as they come before an error."""
    found: list[BatchItemResult] = []

    async def read() -> None:
        async with aclosing(api.results(CLAIM, batch_id)) as results:
            async for result in results:
                found.append(result)
                if len(found) == number:
                    return

    asyncio.run(read())
    return found


def openai_batch(status: str = "completed", completed: int = 0, failed: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "id": "batch_1",
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file-in",
        "completion_window": "24h",
        "status": status,
        "errors": None,
        "output_file_id": None,
        "error_file_id": None,
        "created_at": int(NOW.timestamp()),
        "expires_at": int(NOW.timestamp()) + 86_400,
        "request_counts": {"total": max(completed + failed, 3), "completed": completed, "failed": failed},
        "metadata": {"ossgard_claim": CLAIM},
        **more,
    }


def anthropic_batch(status: str = "ended", counts: dict[str, int] | None = None, **more: Any) -> dict[str, Any]:
    none = {"processing": 0, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    return {
        "id": "msgbatch_1",
        "type": "message_batch",
        "processing_status": status,
        "request_counts": {**none, **(counts or {})},
        "created_at": "2026-11-23T10:00:00.100435Z",
        "expires_at": "2026-11-24T10:00:00.100435Z",
        "ended_at": None,
        "results_url": "https://elsewhere.example/results",
        **more,
    }


def openai_batches(*answers: HttpResponse | Pieces | Exception) -> tuple[ScriptedClient, OpenAIBatches]:
    client = ScriptedClient(*answers)
    return client, openai_chat(client).batches


def openai_error(message: str, code: str = "") -> dict[str, Any]:
    return {"error": {"message": message, "type": "some_error", "param": None, "code": code or None}}
