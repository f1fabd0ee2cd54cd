"""`database.yaml` as data: entities, and the methods that store and find them."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from generator.spec.base import ColumnName, EnumValue, Line, Name, PositiveInt, SpecModel, SqlName, TypeText
from generator.spec.types import TypeExpression, parse_type


class EnumSpec(SpecModel):
    """A closed set of texts."""

    doc: Line = Field(default="", description="What it stands for.")
    values: Annotated[list[EnumValue], Field(min_length=1)] = Field(description="The values, in order.")


class RecordSpec(SpecModel):
    """A structured value inside a JSON column or parameter."""

    doc: Line = Field(default="", description="What it stands for.")
    fields: Annotated[dict[Name, TypeText], Field(min_length=1)] = Field(description="name: type")


class EntitySpec(SpecModel):
    """What a row of a result is."""

    doc: Line = Field(default="", description="What it stands for.")
    columns: Annotated[dict[Name, TypeText], Field(min_length=1)] = Field(description="Result column: type")


class PatchSpec(SpecModel):
    """A parameter whose absent fields stay as they are."""

    patch: Annotated[dict[Name, TypeText], Field(min_length=1)] = Field(description="Field: type; each may be absent.")


class PageSpec(SpecModel):
    """How a long list is read: `size` rows a query, each continuing after the last row's `by`."""

    by: Name = Field(description="The result column that :after continues from; an integer.")
    size: PositiveInt = Field(description="Rows a query.")


def _kind_of_parameter(value: Any) -> str:
    return "(patch)" if isinstance(value, dict | PatchSpec) else "(type)"


def _statements(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


# The tags stand in the places of errors, and are none that a file can have.
ParameterSpec = Annotated[
    Annotated[TypeText, Tag("(type)")] | Annotated[PatchSpec, Tag("(patch)")], Discriminator(_kind_of_parameter)
]
Scope = Literal["account", "internal", "public"]


class MethodSpec(SpecModel):
    """A question or command to the database."""

    scope: Scope = Field(description="Who may call it: account (sees only the account's rows), internal or public.")
    doc: Annotated[Line, Field(min_length=1)] = Field(description="What it does; becomes the docstring.")
    params: dict[Name, ParameterSpec] = Field(
        default_factory=dict, description="name: type, in order; or name: {patch: {field: type}}."
    )
    sql: Annotated[
        list[str],
        Field(min_length=1),
        BeforeValidator(_statements, json_schema_input_type=str | Annotated[list[str], Field(min_length=1)]),
    ] = Field(description="One statement, or a list that runs as one transaction; parameters are written :name.")
    result: TypeText | None = Field(default=None, description="T, T?, T[], `changes`, or nothing.")
    pieces: bool = Field(
        default=True, description="Whether a list too long for one value is sent in several; otherwise it is an error."
    )
    page: PageSpec | None = Field(default=None, description="For long lists: how they are paged.")

    @property
    def result_type(self) -> TypeExpression | None:
        """The type of the rows it returns, None when it returns none."""
        return None if self.result in (None, "changes") else parse_type(str(self.result))

    def parameters(self) -> Iterator[tuple[str, TypeExpression | PatchSpec]]:
        for name, spec in self.params.items():
            yield name, parse_type(spec) if isinstance(spec, str) else spec


class LooseKeySpec(SpecModel):
    """A column that is named like a key, and has no foreign key."""

    table: SqlName | None = Field(default=None, description="The table whose rows it names; none: nothing of ours.")
    reason: Annotated[Line, Field(min_length=1)] = Field(description="Why it has no foreign key.")


class DatabaseSpec(SpecModel):
    """Entities, and the methods that store and find them."""

    acronyms: list[Annotated[str, Field(pattern=r"^[A-Z]{2,16}$")]] = Field(
        default_factory=list, description="Words that stay in capitals inside camelCase names."
    )
    enums: dict[Name, EnumSpec] = Field(default_factory=dict, description="Closed sets of texts, by name.")
    records: dict[Name, RecordSpec] = Field(
        default_factory=dict, description="Structured values inside JSON columns and parameters, by name."
    )
    entities: Annotated[dict[Name, EntitySpec], Field(min_length=1)] = Field(
        description="What the methods return, by name."
    )
    shared_tables: dict[SqlName, Annotated[Line, Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Tables that belong to no account and that account methods may name: the reason, by table.",
    )
    loose_keys: dict[ColumnName, LooseKeySpec] = Field(
        default_factory=dict,
        description="Columns that are named like keys and have no foreign key, by table.column.",
    )
    methods: Annotated[dict[Name, MethodSpec], Field(min_length=1)] = Field(
        description="Every question and command to the database, by its camelCase name."
    )
