"""The providers of an account, made from its configuration for the host that it is on."""

from dataclasses import replace
from typing import Literal

from ossgard.concurrency import MAX_AT_ONCE
from ossgard.config import unserved
from ossgard.errors import PermanentError
from ossgard.outgoing import CHAT, EMBEDDING, LOCAL_CHAT, LOCAL_EMBEDDING
from ossgard.providers.anthropic import AnthropicChat, anthropic_api
from ossgard.providers.batch.api import BatchApi, BatchChatModel, BatchEmbeddingModel
from ossgard.providers.chat import ChatModel
from ossgard.providers.embeddings import EmbeddingModel
from ossgard.providers.gateway import cache_headers, gateway_url
from ossgard.providers.github import GitHub
from ossgard.providers.http_api import ModelAccess
from ossgard.providers.ollama import OllamaChat, OllamaEmbeddings, ollama_api
from ossgard.providers.openai import OpenAIChat, OpenAIEmbeddings, openai_api
from ossgard.services import Services
from ossgard.spec.models import Config, EmbeddingConfig, LlmConfig


class Providers:
    """What an account uses beside the host's own ports.

    Raises:
        PermanentError: the host cannot serve the configuration.
    """

    def __init__(self, services: Services, config: Config) -> None:
        check_served(services, config)
        self._services = services
        self._config = config

    @property
    def at_once(self) -> int:
        """How many requests may be under way together."""
        scan = self._config.scan
        return min(scan.concurrency if scan and scan.concurrency else MAX_AT_ONCE, MAX_AT_ONCE)

    def github(self) -> GitHub:
        """GitHub with the account's token."""
        services = self._services
        return GitHub(services.http, services.clock, services.settings.github_api_url, self._config.github.token)

    def chat_model(self) -> ChatModel:
        """The model that verifies and ranks."""
        llm = self._config.llm
        return self._hosted_chat() or OllamaChat(ollama_api(self._access(llm), LOCAL_CHAT), llm.context_tokens)

    def embedding_model(self) -> EmbeddingModel:
        """The model that embeds, with vectors of the size that the host's indexes have."""
        access, dimensions = self._access(self._config.embedding), self._services.host.vector_dimensions
        return self._hosted_embeddings() or OllamaEmbeddings(ollama_api(access, LOCAL_EMBEDDING), dimensions)

    def batch_chat_model(self) -> BatchChatModel | None:
        """The chat model, if its provider has batches; whether the account wants them is not asked here."""
        return self._hosted_chat()

    def batch_embedding_model(self) -> BatchEmbeddingModel | None:
        """The embedding model, if its provider has batches; whether the account wants them is not asked here."""
        return self._hosted_embeddings()

    def batches(self, service: Literal["llm", "embedding"]) -> BatchApi | None:
        """A service's batch interface, if its provider has one.

        Also when batch mode is off: a batch that is under way ends, whatever the account's configuration says now.
        """
        model = self._hosted_chat() if service == "llm" else self._hosted_embeddings()
        return model.batches if model else None

    def _hosted_chat(self) -> AnthropicChat | OpenAIChat | None:
        """The chat model, unless it is on the user's own computer."""
        llm, gateway, base_url = self._config.llm, self._config.ai_gateway, self._services.settings.ai_gateway_url
        if llm.provider == "ollama":
            return None
        direct, headers = self._access(llm), cache_headers(llm.url, gateway, base_url)
        access = replace(direct, url=gateway_url(llm.url, gateway, base_url))
        if llm.provider == "anthropic":
            return AnthropicChat(anthropic_api(access, headers), anthropic_api(direct), llm.context_tokens)
        return OpenAIChat(openai_api(access, CHAT, headers), openai_api(direct, CHAT), llm.context_tokens)

    def _hosted_embeddings(self) -> OpenAIEmbeddings | None:
        """The embedding model, unless it is on the user's own computer."""
        services, embedding = self._services, self._config.embedding
        if embedding.provider == "ollama":
            return None
        direct = self._access(embedding)
        url = gateway_url(embedding.url, self._config.ai_gateway, services.settings.ai_gateway_url)
        api = openai_api(replace(direct, url=url), EMBEDDING)
        return OpenAIEmbeddings(api, openai_api(direct, EMBEDDING), services.host.vector_dimensions)

    def _access(self, service: LlmConfig | EmbeddingConfig) -> ModelAccess:
        """What a model is called with at its provider itself."""
        services = self._services
        return ModelAccess(
            services.http, services.clock, service.url, service.model, service.api_key, services.refusals
        )


def check_served(services: Services, config: Config) -> None:
    """Make sure that a host can serve a configuration.

    Raises:
        PermanentError: it cannot, or a key cannot be sent; the text names what to use instead.
    """
    problems = unserved(config, services.host)
    if problems:
        raise PermanentError(
            f"The account's configuration does not fit this host: {'; '.join(problems)}. "
            "Change it, then start the scan again"
        )
