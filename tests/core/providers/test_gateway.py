"""Where provider calls go when an account has an AI Gateway."""

import pytest

from ossgard.providers.gateway import cache_headers, gateway_url
from ossgard.spec.models import AiGatewayConfig

BASE = "https://gateway.ai.cloudflare.com/v1"
GATEWAY = AiGatewayConfig(account_id="acc", gateway_name="gate")
THERE = f"{BASE}/acc/gate"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.anthropic.com", f"{THERE}/anthropic"),
        ("https://api.anthropic.com/", f"{THERE}/anthropic"),
        ("https://api.openai.com/v1", f"{THERE}/openai"),
        ("https://API.OpenAI.com:443/v1/", f"{THERE}/openai"),
        ("https://eu.api.openai.com/v1", "https://eu.api.openai.com/v1"),
        ("http://api.openai.com/v1", "http://api.openai.com/v1"),
        ("https://api.openai.com.example.org/v1", "https://api.openai.com.example.org/v1"),
        ("https://api.openai.com:8443/v1", "https://api.openai.com:8443/v1"),
        ("http://localhost:11434", "http://localhost:11434"),
    ],
)
def test_only_the_providers_own_urls_are_replaced(url: str, expected: str) -> None:
    assert gateway_url(url, GATEWAY, BASE) == expected
    assert gateway_url(url, GATEWAY, BASE + "/") == expected
    assert gateway_url(url, None, BASE) == url


def test_the_cache_lifetime_is_sent_to_the_gateway_alone() -> None:
    caching = AiGatewayConfig(account_id="acc", gateway_name="gate", cache_ttl=600)
    assert cache_headers("https://api.openai.com/v1", caching, BASE) == {"cf-aig-cache-ttl": "600"}
    assert cache_headers("http://localhost:1234/v1", caching, BASE) == {}
    assert cache_headers("https://api.openai.com/v1", GATEWAY, BASE) == {}
    assert cache_headers("https://api.openai.com/v1", None, BASE) == {}
