"""What a user must never read: the internals of Python, pydantic, the hosts and their databases."""

import re

from tests.whole.scans.client import Watched

_INTERNALS = re.compile(
    r"Traceback|[Pp]ydantic|[Pp]yodide|\b[A-Z]\w*(?:Error|Exception)\b|\bobject at 0x|\b[Ii]nput should"
    r"|<class |NoneType|\bNone\b|SQLITE_|\b[Ee]rrno\b|JsProxy|\[object |\bundefined\b|\bNaN\b"
    r"|not subscriptable|has no attribute",
)


def leaks(watched: Watched) -> list[str]:
    """The texts of a scan, at any moment of it, that say what only its programmers understand."""
    texts: set[str] = set()
    for scan in watched.seen:
        texts.add(scan["error"] or "")
        texts.add((scan["progress"] or {}).get("note") or "")
        texts.update(warning["message"] for warning in scan["warnings"])
    return sorted(text for text in texts if _INTERNALS.search(text))
