"""Ollama's own interface, for models on one's own computer."""

from collections.abc import Sequence

from ossgard.model import JsonObject
from ossgard.outgoing import LOCAL_CHAT, CallKind
from ossgard.providers.chat import ChatAnswer, ChatLimits, ask_model, chat_limits, count
from ossgard.providers.embeddings import Embedder, RawVectors, embedding_limits, vector
from ossgard.providers.http_api import ModelAccess, ModelApi, malformed
from ossgard.refusals import Option, Options


def ollama_api(access: ModelAccess, kind: CallKind) -> ModelApi:
    """Ollama's interface at `http://localhost:11434`, say; `kind` is `LOCAL_CHAT` or `LOCAL_EMBEDDING`."""
    return ModelApi(
        access,
        provider="Ollama",
        role="llm" if kind is LOCAL_CHAT else "embedding",
        base_url=access.url,
        # Ollama itself asks for no key, a proxy in front of it may.
        headers={"Authorization": f"Bearer {access.api_key}"} if access.api_key else {},
        kind=kind,
    )


class OllamaChat:
    """A chat model at an Ollama server.

    Args:
        api: answers questions.
        context_tokens: how much the model is to hold, when the account's configuration tells.
    """

    def __init__(self, api: ModelApi, context_tokens: int | None = None) -> None:
        self._api = api
        self._limits = chat_limits("ollama", api.model, context_tokens)

    @property
    def name(self) -> str:
        """Provider and model, for messages."""
        return self._api.name

    @property
    def limits(self) -> ChatLimits:
        """How much text the model takes."""
        return self._limits

    async def complete(self, system: str, user: str, max_tokens: int) -> ChatAnswer:
        """Ask a question; the answer is a JSON object."""
        question: JsonObject = {
            "model": self._api.model,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
            "stream": False,
        }
        options = [
            [Option(("format", "json mode", "grammar"), {"format": "json"})],
            # Without `num_ctx` Ollama silently forgets the beginning of what is longer than a few thousand tokens.
            *_settings(temperature=0, num_ctx=self.limits.context_tokens, num_predict=max_tokens),
        ]
        answer = await ask_model(self._api, "/api/chat", question, options)
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
        api: answers requests.
        dimensions: the size that vectors have to have; None for the model's own.
    """

    def __init__(self, api: ModelApi, dimensions: int | None = None) -> None:
        super().__init__(api, embedding_limits("ollama", api.model), dimensions)

    async def _embed_request(self, texts: Sequence[str]) -> RawVectors:
        content: JsonObject = {"model": self._api.model, "input": list(texts)}
        options = [[Option(("truncate",), {"truncate": True})], *_settings(num_ctx=self.limits.text_tokens)]
        answer = await self._api.ask("/api/embed", content, options)
        items = answer.get("embeddings")
        if not isinstance(items, list):
            raise malformed(self.name, "a list of embeddings")
        return RawVectors([vector(item, self.name) for item in items], count(answer, "prompt_eval_count"))


def _settings(**values: int) -> Options:
    """Settings of the model itself, each of which a server may refuse, or all of them."""
    return [[Option((name, "options"), {"options": {name: value}})] for name, value in values.items()]
