"""Settings of the service, the same names on both hosts."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class VectorIndex:
    """A collection of vectors: its name, its binding on Cloudflare, and the shape of its vectors."""

    collection: str
    binding: str
    dimensions: int
    metric: str


VECTOR_INDEXES = (
    VectorIndex("ossgard-code", "CODE_INDEX", 1536, "cosine"),
    VectorIndex("ossgard-intent", "INTENT_INDEX", 1536, "cosine"),
)

# The longest delay of a queue message, in seconds.
MAX_DELAY_SECONDS = 43200

# The names that LOG_LEVEL may have, each with the level that it stands for.
LOG_LEVELS: Mapping[str, str] = {
    "debug": "debug",
    "trace": "debug",
    "verbose": "debug",
    "info": "info",
    "notice": "info",
    "warning": "warning",
    "warn": "warning",
    "error": "error",
    "err": "error",
    "critical": "error",
    "fatal": "error",
}


@dataclass(frozen=True)
class Settings:
    """What an operator can set."""

    github_api_url: str = "https://api.github.com"
    ai_gateway_url: str = "https://gateway.ai.cloudflare.com/v1"
    log_level: str = "info"

    @classmethod
    def from_mapping(cls, values: Mapping[str, str]) -> "Settings":
        """Settings from variables by name; what is absent or empty has its default."""
        default = cls()
        return cls(
            github_api_url=values.get("GITHUB_API_URL") or default.github_api_url,
            ai_gateway_url=values.get("AI_GATEWAY_URL") or default.ai_gateway_url,
            log_level=values.get("LOG_LEVEL") or default.log_level,
        )
