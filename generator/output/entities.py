"""Entities and records as the templates see them: columns that know how they look in each language."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from generator.spec.database import DatabaseSpec
from generator.spec.names import camel
from generator.spec.types import TypeExpression, definition_order, parse_type


@dataclass(frozen=True)
class Column:
    """A column of an entity, or a field of a record; a column may hold JSON text."""

    name: str
    type: TypeExpression
    is_json: bool = False

    @property
    def python(self) -> str:
        """The annotation of a model's field."""
        return f"Annotated[{self.type.python}, JsonText]" if self.is_json else self.type.python

    @property
    def typescript(self) -> str:
        """The property of an interface."""
        return f"{camel(self.name)}: {self.type.typescript}"

    @property
    def row_helper(self) -> str | None:
        """The function that reads it out of a row; None when it stands there as it is."""
        if self.is_json:
            return "optionalJson" if self.type.nullable else "json"
        if self.type.name == "boolean":
            return "optionalFlag" if self.type.nullable else "flag"
        return None

    @property
    def row_value(self) -> str:
        """The expression that reads it out of a row."""
        value = f"row.{self.name}"
        return f"{self.row_helper}({value})" if self.row_helper else value


@dataclass(frozen=True)
class Entity:
    """An entity or a record."""

    name: str
    doc: str
    columns: tuple[Column, ...]


def build_records(database: DatabaseSpec) -> list[Entity]:
    """The records, each behind those that it names."""
    mentions = {
        name: [parse_type(text).name for text in record.fields.values()] for name, record in database.records.items()
    }
    records = ((name, database.records[name]) for name in definition_order(mentions))
    return [Entity(name, record.doc, _columns(record.fields)) for name, record in records]


def build_entities(database: DatabaseSpec) -> list[Entity]:
    """The entities, in the order of the spec."""
    structured = {"json", *database.records}
    return [
        Entity(name, entity.doc, _columns(entity.columns, structured)) for name, entity in database.entities.items()
    ]


def _columns(types: Mapping[str, str], structured: Collection[str] | None = None) -> tuple[Column, ...]:
    """Columns by name; with the types that are kept as JSON text, as lists are, where they come out of rows."""
    columns = []
    for name, text in types.items():
        type_ = parse_type(text)
        is_json = structured is not None and (type_.is_list or type_.name in structured)
        columns.append(Column(name, type_, is_json))
    return tuple(columns)
