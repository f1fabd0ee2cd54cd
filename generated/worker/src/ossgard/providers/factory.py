"""The providers of an account, made from its configuration for the host that it is on."""

from typing import Literal

from ossgard.concurrency import MAX_AT_ONCE
from ossgard.config import unserved
from ossgard.errors import PermanentError
from ossgard.providers.anthropic import AnthropicChat
from ossgard.providers.batch.api import BatchApi, BatchChatModel, BatchEmbeddingModel
from ossgard.providers.chat import ChatModel
from ossgard.providers.embeddings import EmbeddingModel
from ossgard.providers.gateway import cache_headers, gateway_url
from ossgard.providers.github import GitHub
from ossgard.providers.ollama import OllamaChat, OllamaEmbeddings
from ossgard.providers.openai import OpenAIChat, OpenAIEmbeddings
from ossgard.services import Services
from ossgard.spec.models import Config


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
        services, llm = self._services, self._config.llm
        return self._hosted_chat() or OllamaChat(
            services.http,
            services.clock,
            llm.url,
            llm.model,
            llm.api_key,
            context_tokens=llm.context_tokens,
            refusals=services.refusals,
        )

    def embedding_model(self) -> EmbeddingModel:
        """The model that embeds, with vectors of the size that the host's indexes have."""
        services, embedding = self._services, self._config.embedding
        return self._hosted_embeddings() or OllamaEmbeddings(
            services.http,
            services.clock,
            embedding.url,
            embedding.model,
            embedding.api_key,
            services.host.vector_dimensions,
            refusals=services.refusals,
        )

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
        services, llm, gateway = self._services, self._config.llm, self._config.ai_gateway
        if llm.provider == "ollama":
            return None
        kind = AnthropicChat if llm.provider == "anthropic" else OpenAIChat
        base_url = services.settings.ai_gateway_url
        url, headers = gateway_url(llm.url, gateway, base_url), cache_headers(llm.url, gateway, base_url)
        return kind(
            services.http,
            services.clock,
            url,
            llm.model,
            llm.api_key,
            headers,
            batch_url=llm.url,
            context_tokens=llm.context_tokens,
            refusals=services.refusals,
        )

    def _hosted_embeddings(self) -> OpenAIEmbeddings | None:
        """The embedding model, unless it is on the user's own computer."""
        services, embedding = self._services, self._config.embedding
        if embedding.provider == "ollama":
            return None
        url = gateway_url(embedding.url, self._config.ai_gateway, services.settings.ai_gateway_url)
        return OpenAIEmbeddings(
            services.http,
            services.clock,
            url,
            embedding.model,
            embedding.api_key,
            services.host.vector_dimensions,
            batch_url=embedding.url,
            refusals=services.refusals,
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
