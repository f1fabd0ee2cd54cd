"""The fields of cursors as the templates see them: lines of a class, each with what it is when it is not there."""

from collections.abc import Mapping

from generator.output.http_views import STRICT
from generator.spec.names import snake
from generator.spec.types import TypeExpression, parse_type

_ZEROS = {"text": '""', "integer": "0", "real": "0.0", "boolean": "False"}


def cursor_fields(fields: Mapping[str, str]) -> list[str]:
    """The fields of a cursor (name: type) as lines of a class body."""
    return [f"{snake(name)}: {_field(parse_type(text))}" for name, text in fields.items()]


def _field(type_: TypeExpression) -> str:
    """The annotation and the default. Nothing takes a wrong type, and nothing can be changed."""
    item = STRICT.get(type_.name, type_.item.python)
    annotation = f"tuple[{item}, ...]" if type_.is_list else item
    if type_.nullable:
        return f"{annotation} | None = None"
    return f"{annotation} = {'()' if type_.is_list else _ZEROS[type_.name]}"
