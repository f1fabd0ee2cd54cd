"""The world outside in one server: GitHub, OpenAI, Anthropic, Ollama, AI Gateway and Qdrant, faked once for all tests.

Run it with `python -m tests.outside.world --prs 200`, or hold it open with `with world() as it:`.
"""

import argparse
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount

from tests.outside import anthropic_api, control, gateway, github_api, github_documents, ollama_api, openai_api, qdrant
from tests.outside.anthropic_api import AnthropicApi
from tests.outside.anthropic_batches import AnthropicBatches
from tests.outside.batches import Batches
from tests.outside.faults import Fault, Watch
from tests.outside.gateway import Gateway
from tests.outside.github_api import GitHubApi
from tests.outside.llm import Llm
from tests.outside.ollama_api import OllamaApi
from tests.outside.openai_api import OpenAiApi
from tests.outside.openai_batches import OpenAiBatches
from tests.outside.planting import Plan, plant
from tests.outside.qdrant import Qdrant
from tests.outside.recorded import Count, Recorded
from tests.outside.repository import Repository
from tests.support.server import serve

Provider = Literal["openai", "anthropic", "ollama"]

OWNER, NAME = "acme", "widgets"
GATEWAY_ACCOUNT, GATEWAY_NAME = "world-account", "world-gateway"


class World:
    """Everything outside; its parts may be changed while it serves.

    Args:
        plan: what the first repository, `acme/widgets`, looks like.
        llm: the chat model behind all providers.
    """

    def __init__(self, plan: Plan | None = None, llm: Llm | None = None) -> None:
        self.url = ""
        self._ids = itertools.count(1)
        self.llm = llm or Llm()
        self.github = GitHubApi()
        self.openai = OpenAiApi(self.llm)
        self.anthropic = AnthropicApi(self.llm)
        self.batches = Batches()
        self.ollama = OllamaApi(self.llm)
        self.qdrant = Qdrant()
        self.token = self.github.add_token()
        self.repository = self.add_repository(OWNER, NAME, plan or Plan())
        openai = self.openai.app(*OpenAiBatches(self.openai, self.batches).routes())
        anthropic = self.anthropic.app(*AnthropicBatches(self.anthropic, self.batches).routes())
        self.gateway = Gateway(
            {
                "anthropic/v1/messages": _forward(anthropic, "/v1/messages"),
                "openai/chat/completions": _forward(openai, "/chat/completions"),
                "openai/embeddings": _forward(openai, "/embeddings"),
            }
        )
        app = Starlette(
            routes=[
                *control.routes(self),
                Mount(github_api.PREFIX, self.github.app()),
                Mount(openai_api.PREFIX, openai),
                Mount(anthropic_api.PREFIX, anthropic),
                Mount(ollama_api.PREFIX, self.ollama.app()),
                Mount(gateway.PREFIX, self.gateway.app()),
                Mount(qdrant.PREFIX, self.qdrant.app()),
                *self.qdrant.routes(),
            ]
        )
        self.watch = Watch(
            app,
            {
                "github": github_documents.error,
                "openai": openai_api.error,
                "anthropic": anthropic_api.error,
                "ollama": ollama_api.error,
                "qdrant": qdrant.error,
            },
        )

    # ---- where things are

    @property
    def github_url(self) -> str:
        """What `https://api.github.com` is in the real world."""
        return self.url + github_api.PREFIX

    @property
    def openai_url(self) -> str:
        """What `https://api.openai.com/v1` is in the real world."""
        return self.url + openai_api.PREFIX

    @property
    def anthropic_url(self) -> str:
        """What `https://api.anthropic.com` is in the real world."""
        return self.url + anthropic_api.PREFIX

    @property
    def ollama_url(self) -> str:
        """What `http://localhost:11434` usually is."""
        return self.url + ollama_api.PREFIX

    @property
    def gateway_url(self) -> str:
        """What `https://gateway.ai.cloudflare.com/v1` is in the real world."""
        return self.url + gateway.PREFIX

    @property
    def qdrant_url(self) -> str:
        """What `http://localhost:6333` usually is; the server's root, where every client finds it."""
        return self.url

    def environment(self) -> dict[str, str]:
        """The settings that point a host at this world."""
        return {"GITHUB_API_URL": self.github_url, "AI_GATEWAY_URL": self.gateway_url}

    def config(
        self,
        llm: str = "openai",
        embedding: str = "openai",
        gateway: bool = False,
        qdrant: bool = False,
        batch: bool = False,
        token: str | None = None,
    ) -> dict[str, Any]:
        """An account's configuration, as `POST /accounts` takes it.

        Args:
            llm: openai, anthropic or ollama.
            embedding: openai or ollama.
            gateway: with the providers' real URLs, to be led through AI Gateway.
            qdrant: with this world's Qdrant as vector store.
            batch: with provider batches.
            token: a GitHub token; the usual one when absent.
        """
        real = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}
        urls = {"openai": self.openai_url, "anthropic": self.anthropic_url, "ollama": self.ollama_url}
        keys = {"openai": min(self.openai.keys), "anthropic": min(self.anthropic.keys), "ollama": ""}
        chat = {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5", "ollama": "llama3.2"}
        vectors = {"openai": "text-embedding-3-small", "ollama": "nomic-embed-text"}

        def service(provider: str, model: str) -> dict[str, Any]:
            url = real.get(provider, urls[provider]) if gateway else urls[provider]
            found: dict[str, Any] = {"provider": provider, "url": url, "model": model, "api_key": keys[provider]}
            return {**found, "batch": True} if batch else found

        config: dict[str, Any] = {
            "github": {"token": token or self.token},
            "llm": service(llm, chat[llm]),
            "embedding": service(embedding, vectors[embedding]),
        }
        if gateway:
            config["ai_gateway"] = {"account_id": GATEWAY_ACCOUNT, "gateway_name": GATEWAY_NAME}
        if qdrant:
            config["vector_store"] = {"url": self.qdrant_url, "api_key": self.qdrant.api_key or ""}
        return config

    def describe(self) -> dict[str, Any]:
        """URLs and credentials, as JSON."""
        return {
            "urls": {
                "github": self.github_url,
                "openai": self.openai_url,
                "anthropic": self.anthropic_url,
                "ollama": self.ollama_url,
                "gateway": self.gateway_url,
                "qdrant": self.qdrant_url,
            },
            "environment": self.environment(),
            "token": self.token,
            "repository": self.repository.full_name,
            "openPullRequests": len(self.repository.open_numbers),
            "plantedGroups": len(self.repository.planted_groups),
        }

    # ---- what it holds

    def add_repository(self, owner: str, name: str, plan: Plan) -> Repository:
        """Plant another repository, or a new one in the place of an old one."""
        repository = plant(owner, name, plan, next(self._ids))
        self.github.host(repository)
        return repository

    # ---- what it did, and what goes wrong in it

    def count(self, name: str) -> Count:
        """Counters of an endpoint (`github.diff`) or a provider (`openai`)."""
        return self.watch.count(name)

    def requests(self, endpoint: str = "*") -> list[Recorded]:
        """The requests to these endpoints so far."""
        return [request for request in list(self.watch.requests) if request.is_at(endpoint)]

    def reset(self) -> None:
        """Forget counters, requests and the record of batches."""
        self.watch.reset()
        self.batches.forget()

    def fail(self, endpoint: str, status: int = 500, **more: Any) -> Fault:
        """Answer with a status; see `Fault`."""
        return self.watch.add(Fault(endpoint, status, **more))

    def slow(self, endpoint: str, seconds: float, **more: Any) -> Fault:
        """Answer later."""
        return self.watch.add(Fault(endpoint, delay_seconds=seconds, **more))

    def cut(self, endpoint: str, where: Literal["before", "body"] = "body", **more: Any) -> Fault:
        """Close the connection."""
        return self.watch.add(Fault(endpoint, cut=where, **more))

    def garble(self, endpoint: str, **more: Any) -> Fault:
        """Answer with JSON that breaks off."""
        return self.watch.add(Fault(endpoint, malformed=True, **more))

    def shrink_vectors(self, endpoint: str = "*.embeddings,*.embed", **more: Any) -> Fault:
        """Answer with vectors of half their dimensions."""
        return self.watch.add(Fault(endpoint, wrong_dimensions=True, **more))

    def limit_secondary(self, endpoint: str = "github.*", retry_after: float = 60, **more: Any) -> Fault:
        """GitHub's secondary rate limit."""
        body = github_documents.error(403, "secondary")
        return self.watch.add(Fault(endpoint, 403, body, retry_after=retry_after, **more))

    def when(self, endpoint: str, action: Callable[[], object], skip: int = 0, times: int | None = 1) -> None:
        """Do something just before the (skip + 1)th request to an endpoint is handled."""
        self.watch.when(endpoint, action, skip, times)

    def after(self, endpoint: str, action: Callable[[], object], skip: int = 0, times: int | None = 1) -> None:
        """Do something when the (skip + 1)th request to an endpoint was handled, but before the client is answered."""
        self.watch.when(endpoint, action, skip, times, is_after=True)

    def heal(self) -> None:
        """Take all faults away, and let batches go as they usually do."""
        self.watch.clear()
        self.batches.heal()


def _forward(app: Starlette, path: str) -> gateway.Forward:
    """Hands a request on to a provider's application, and collects its answer."""

    async def forward(request: Request) -> Response:
        content = await request.body()
        scope = {**request.scope, "path": path, "raw_path": path.encode(), "root_path": ""}
        answer = Response()
        pieces: list[bytes] = []
        received = iter([{"type": "http.request", "body": content, "more_body": False}])

        async def receive() -> Any:
            return next(received, {"type": "http.disconnect"})

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status_code = message["status"]
                answer.raw_headers = list(message["headers"])
            else:
                pieces.append(message.get("body", b""))

        await app(scope, receive, send)
        answer.body = b"".join(pieces)
        return answer

    return forward


@contextmanager
def world(plan: Plan | None = None, llm: Llm | None = None) -> Iterator[World]:
    """A running world on a free loopback port; its base URL is `url`."""
    made = World(plan, llm)
    with serve(made.watch) as url:
        made.url = url
        try:
            yield made
        finally:
            made.watch.stopped = True


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.outside.world", description=__doc__)
    parser.add_argument("--port", type=int, default=4400)
    parser.add_argument("--prs", type=int, default=200, help="open pull requests")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--similarity", type=float, default=0.9, help="how much of a text its duplicate keeps, 0 to 1")
    parser.add_argument("--duplicates", type=float, default=0.3, help="share of pull requests that have a duplicate")
    parser.add_argument("--latency", type=float, default=0, help="seconds that every answer takes")
    parser.add_argument("--batch-seconds", type=float, default=0, help="seconds that a batch takes")
    options = parser.parse_args()
    made = World(Plan(options.prs, options.seed, options.duplicates, options.similarity))
    made.url = f"http://127.0.0.1:{options.port}"
    made.batches.seconds = options.batch_seconds
    if options.latency:
        made.slow("*", options.latency)
    print(
        f"the world listens on {made.url}, {made.repository.full_name} has {options.prs} open pull requests", flush=True
    )
    uvicorn.run(made.watch, host="127.0.0.1", port=options.port, log_level="error", lifespan="off", http="h11")


if __name__ == "__main__":
    main()
