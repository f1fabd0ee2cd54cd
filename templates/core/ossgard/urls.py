"""Addresses of services: which ones may be asked, how paths are added to them, and which of them are one server."""

from urllib.parse import SplitResult, urljoin, urlsplit

_PORTS = {"http": 80, "https": 443}


def problem_of(url: str) -> str | None:
    """What is wrong with an address that a service is to be asked at, in words that follow its name."""
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return "must be an absolute http or https URL"
    # Readers of URLs disagree on what these mean.
    if not usable or any(character <= " " or character in "\\\x7f" for character in url.strip()):
        return "must be an absolute http or https URL"
    if "@" in parts.netloc:
        return "must not hold a user name or a password"
    return None


def with_path(base_url: str, path: str) -> str:
    """An address with a path added, in front of the query (`?api-version=1`) that it may have; so may the path."""
    parts = urlsplit(base_url.strip())
    added, _, query = path.partition("?")
    queries = "&".join(filter(None, (parts.query, query)))
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}{added}" + (f"?{queries}" if queries else "")


def without_query(url: str) -> str:
    """An address as it is shown: a query may hold a key."""
    return url.partition("?")[0]


def redirected(url: str, location: str) -> str | None:
    """Where a redirect leads that stays on its server; None when it leads elsewhere."""
    try:
        here, there = urlsplit(url), urlsplit(urljoin(url, location))
        if "@" in there.netloc or _origin(here) != _origin(there):
            return None
    except ValueError:
        return None
    # The server's name is not taken from the redirect: readers of URLs disagree on what odd ones mean.
    path = there.path if there.path.startswith("/") else f"/{there.path}"
    return f"{here.scheme}://{here.netloc}{path}" + (f"?{there.query}" if there.query else "")


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
