"""Cloudflare AI Gateway: where calls of a provider go when an account has one."""

from urllib.parse import urlsplit

from ossgard.spec.models import AiGatewayConfig
from ossgard.urls import with_path

# Providers by host; the gateway's paths of OpenAI go without its version.
_PROVIDERS = {"api.anthropic.com": "anthropic", "api.openai.com": "openai"}
_VERSION = "/v1"

CACHE_HEADER = "cf-aig-cache-ttl"


def gateway_url(url: str, gateway: AiGatewayConfig | None, base_url: str) -> str:
    """The URL that stands for a provider's base URL; one that is no provider's own stays as it is.

    Args:
        url: the base URL in the account's configuration.
        gateway: the account's gateway, if it has one.
        base_url: where gateways are, `https://gateway.ai.cloudflare.com/v1`.
    """
    parts = urlsplit(url)
    provider = _PROVIDERS.get(parts.hostname or "")
    if gateway is None or provider is None or parts.scheme != "https" or parts.port not in (None, 443):
        return url
    path = parts.path.rstrip("/")
    if provider == "openai":
        path = path.removeprefix(_VERSION)
    query = f"?{parts.query}" if parts.query else ""
    return with_path(base_url, f"/{gateway.account_id}/{gateway.gateway_name}/{provider}{path}{query}")


def is_own_address(url: str) -> bool:
    """Whether a URL is that of a provider that answers nobody without a key."""
    return urlsplit(url).hostname in _PROVIDERS


def cache_headers(url: str, gateway: AiGatewayConfig | None, base_url: str) -> dict[str, str]:
    """The headers that let the gateway answer a question that it has seen before, should the account wish so."""
    if gateway is None or gateway.cache_ttl is None or gateway_url(url, gateway, base_url) == url:
        return {}
    return {CACHE_HEADER: str(gateway.cache_ttl)}
