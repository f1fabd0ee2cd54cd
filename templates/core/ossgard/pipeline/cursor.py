"""Reads what a slice left to the next one out of the scan's cursor."""

from ossgard.model import JsonObject


def number(cursor: JsonObject, key: str, default: int = 0) -> int:
    """A whole number, or the default where the cursor has none."""
    value = cursor.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def text(cursor: JsonObject, key: str) -> str | None:
    """A text, or None where the cursor has none."""
    value = cursor.get(key)
    return value if isinstance(value, str) else None


def flag(cursor: JsonObject, key: str) -> bool:
    """Whether the cursor says yes."""
    return cursor.get(key) is True
