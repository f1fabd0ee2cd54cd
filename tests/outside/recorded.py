"""What is written down and counted of the requests to the world."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True)
class Recorded:
    """A request, as it arrived."""

    at: float
    endpoint: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def key(self) -> str:
        """The credential it carries."""
        for name in ("x-api-key", "api-key"):
            if name in self.headers:
                return self.headers[name]
        return self.headers.get("authorization", "").rpartition(" ")[2]

    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    def is_at(self, patterns: str) -> bool:
        """Whether it went to one of these endpoints."""
        return any(fnmatchcase(self.endpoint, pattern.strip()) for pattern in patterns.split(","))


@dataclass
class Count:
    """What an endpoint, or a whole provider, was asked so far."""

    calls: int = 0
    active: int = 0
    max_active: int = 0
    inputs: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    faults: int = 0
    statuses: dict[int, int] = field(default_factory=dict)

    def reset(self) -> None:
        """Start anew; what is under way stays, since it will end."""
        self.__dict__.update(Count(active=self.active, max_active=self.active).__dict__)
