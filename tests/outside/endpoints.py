"""Names the endpoints of the world, so that faults, counters and tests speak of `github.diff` and not of paths."""

import re

CHAT = "*.chat,*.messages"
EMBEDDINGS = "*.embeddings,*.embed"
GITHUB = "github.*"
# What accepts a batch, tells its status, and hands out its results.
BATCH_CREATE = "*.batches.create"
BATCH_STATUS = "openai.batch,anthropic.batch"
BATCH_RESULTS = "openai.content,anthropic.batch.results"

_REPOSITORY = r"/github/(?:repos/[^/]+/[^/]+|repositories/\d+)"
_POINTS = r"(?:/qdrant)?/collections/[^/]+/points"

_NAMES: tuple[tuple[str, str, str], ...] = tuple(
    (method, rf"{pattern}/?", name)
    for method, pattern, name in (
        ("*", r"/github/user", "github.user"),
        ("*", _REPOSITORY, "github.repository"),
        ("*", rf"{_REPOSITORY}/pulls", "github.pulls"),
        ("*", rf"{_REPOSITORY}/pulls/\d+", "github.pull"),
        ("*", rf"{_REPOSITORY}/pulls/\d+/files", "github.files"),
        ("*", r"/github/.*", "github.other"),
        ("*", r"/openai/v1/chat/completions", "openai.chat"),
        ("*", r"/openai/v1/embeddings", "openai.embeddings"),
        ("*", r"/openai/v1/models(?:/.*)?", "openai.models"),
        ("*", r"/openai/v1/files", "openai.files"),
        ("*", r"/openai/v1/files/[^/]+", "openai.file"),
        ("*", r"/openai/v1/files/[^/]+/content", "openai.content"),
        ("POST", r"/openai/v1/batches", "openai.batches.create"),
        ("GET", r"/openai/v1/batches", "openai.batches.list"),
        ("*", r"/openai/v1/batches/[^/]+", "openai.batch"),
        ("*", r"/openai/v1/batches/[^/]+/cancel", "openai.batch.cancel"),
        ("*", r"/openai(?:/.*)?", "openai.other"),
        ("*", r"/anthropic/v1/messages", "anthropic.messages"),
        ("POST", r"/anthropic/v1/messages/batches", "anthropic.batches.create"),
        ("GET", r"/anthropic/v1/messages/batches", "anthropic.batches.list"),
        ("*", r"/anthropic/v1/messages/batches/[^/]+", "anthropic.batch"),
        ("*", r"/anthropic/v1/messages/batches/[^/]+/(results|cancel)", r"anthropic.batch.\1"),
        ("*", r"/anthropic(?:/.*)?", "anthropic.other"),
        ("*", r"/gateway/v1/[^/]+/[^/]+/anthropic/v1/messages", "gateway.anthropic.messages"),
        ("*", r"/gateway/v1/[^/]+/[^/]+/openai/chat/completions", "gateway.openai.chat"),
        ("*", r"/gateway/v1/[^/]+/[^/]+/openai/embeddings", "gateway.openai.embeddings"),
        ("*", r"/gateway(?:/.*)?", "gateway.other"),
        ("*", r"/ollama/api/(embed|chat|tags|show|version)", r"ollama.\1"),
        ("*", r"/ollama(?:/.*)?", "ollama.other"),
        ("PUT", _POINTS, "qdrant.upsert"),
        ("POST", _POINTS, "qdrant.retrieve"),
        ("*", rf"{_POINTS}/(query|search|scroll|delete|count|payload|batch)(?:/.*)?", r"qdrant.\1"),
        ("GET", rf"{_POINTS}/[^/]+", "qdrant.retrieve"),
        ("*", r"(?:/qdrant)?/collections(?:/.*)?", "qdrant.collections"),
        ("GET", r"/|/qdrant/?", "qdrant.root"),
        ("*", r"/qdrant(?:/.*)?", "qdrant.other"),
    )
)


def endpoint_name(method: str, path: str, accept: str = "") -> str:
    """`provider.endpoint`; `other` for what has no name."""
    for wanted, pattern, name in _NAMES:
        if wanted in ("*", method) and (match := re.fullmatch(pattern, path)):
            if name == "github.pull" and ".diff" in accept:
                return "github.diff"
            return match.expand(name)
    return "other"
