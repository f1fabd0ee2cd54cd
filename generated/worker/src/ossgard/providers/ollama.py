"""Ollama's own interface, for models on one's own computer."""

from collections.abc import Sequence

from ossgard.model import JsonObject
from ossgard.ports import Clock, HttpClient
from ossgard.providers.chat import ChatAnswer, ChatLimits, UnusableAnswer, chat_limits, count
from ossgard.providers.embeddings import Embedder, EmbeddingLimits, RawVectors, embedding_limits, vector
from ossgard.providers.http_api import ModelApi, RequestRefused, malformed

# A computer without a graphics card takes minutes, and loads the model first.
TIMEOUT_SECONDS = 600.0


def _api(http: HttpClient, clock: Clock, role: str, url: str, model: str, api_key: str) -> ModelApi:
    return ModelApi(
        http,
        clock,
        provider="Ollama",
        role=role,
        model=model,
        base_url=url,
        # Ollama itself asks for no key, a proxy in front of it may.
        headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
        secret=api_key,
        timeout_seconds=TIMEOUT_SECONDS,
    )


class OllamaChat:
    """A chat model at an Ollama server.

    Args:
        http: speaks HTTP.
        clock: tells the time.
        url: `http://localhost:11434`, say.
        model: the model's name.
        api_key: mostly empty.
    """

    def __init__(self, http: HttpClient, clock: Clock, url: str, model: str, api_key: str = "") -> None:
        self._model = model
        self._api = _api(http, clock, "llm", url, model, api_key)

    @property
    def name(self) -> str:
        """Provider and model, for messages."""
        return self._api.name

    @property
    def limits(self) -> ChatLimits:
        """How much text the model takes."""
        return chat_limits("ollama", self._model)

    async def complete(self, system: str, user: str, max_tokens: int) -> ChatAnswer:
        """Ask a question; the answer is a JSON object."""
        question: JsonObject = {
            "model": self._model,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
            "format": "json",
            "stream": False,
            # Without `num_ctx` Ollama silently forgets the beginning of what is longer than a few thousand tokens.
            "options": {"temperature": 0, "num_ctx": self.limits.context_tokens, "num_predict": max_tokens},
        }
        try:
            answer = await self._api.post("/api/chat", question)
        except RequestRefused as refusal:
            if 400 <= refusal.status < 500:
                raise UnusableAnswer(str(refusal)) from refusal
            raise
        message = answer.get("message")
        text = message.get("content") if isinstance(message, dict) else None
        if not isinstance(text, str):
            raise malformed(self.name, "a message")
        cut_off = answer.get("done_reason") == "length"
        return ChatAnswer(
            text=text,
            # Left out when the whole prompt was still in Ollama's cache.
            input_tokens=count(answer, "prompt_eval_count"),
            output_tokens=count(answer, "eval_count"),
            problem="the answer was cut off, since it was too long" if cut_off else None,
        )


class OllamaEmbeddings(Embedder):
    """An embedding model at an Ollama server.

    Args:
        http: speaks HTTP.
        clock: tells the time.
        url: `http://localhost:11434`, say.
        model: the model's name.
        api_key: mostly empty.
        dimensions: the size that vectors have to have; None for the model's own.
    """

    def __init__(
        self,
        http: HttpClient,
        clock: Clock,
        url: str,
        model: str,
        api_key: str = "",
        dimensions: int | None = None,
    ) -> None:
        self._model = model
        self._api = _api(http, clock, "embedding", url, model, api_key)
        super().__init__(model, dimensions)

    @property
    def name(self) -> str:
        """Provider and model, for messages."""
        return self._api.name

    @property
    def limits(self) -> EmbeddingLimits:
        """How much text the model takes."""
        return embedding_limits("ollama", self._model)

    async def _embed_request(self, texts: Sequence[str]) -> RawVectors:
        content: JsonObject = {
            "model": self._model,
            "input": list(texts),
            "truncate": True,
            "options": {"num_ctx": self.limits.text_tokens},
        }
        answer = await self._api.post("/api/embed", content)
        items = answer.get("embeddings")
        if not isinstance(items, list):
            raise malformed(self.name, "a list of embeddings")
        return RawVectors([vector(item, self.name) for item in items], count(answer, "prompt_eval_count"))
