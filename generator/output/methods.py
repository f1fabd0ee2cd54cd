"""Database methods as the templates see them: typed objects that know how they look in each language."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from generator.spec.database import DatabaseSpec, MethodSpec, PatchSpec, Scope
from generator.spec.names import camel, constant, pascal, snake
from generator.spec.sql import Statement, number
from generator.spec.types import SCALARS, TypeExpression, parse_type

ACCOUNT_PARAMETER = "account_id"
PAGE_PARAMETERS = ("after", "page_size")


@dataclass(frozen=True)
class Patch:
    """A record whose absent fields stay as they are."""

    name: str
    fields: tuple[tuple[str, TypeExpression], ...]

    @property
    def typescript_fields(self) -> list[tuple[str, str]]:
        return [(camel(name), type_.typescript) for name, type_ in self.fields]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a method."""

    name: str
    type: TypeExpression | Patch

    @property
    def python(self) -> str:
        annotation = self.type.name if isinstance(self.type, Patch) else self.type.python_parameter
        return f"{self.name}: {annotation}"

    @property
    def camel(self) -> str:
        return camel(self.name)

    @property
    def typescript(self) -> str:
        annotation = self.type.name if isinstance(self.type, Patch) else self.type.typescript
        return f"{self.camel}: {annotation}"

    @property
    def is_list(self) -> bool:
        return isinstance(self.type, TypeExpression) and self.type.is_list


@dataclass(frozen=True)
class Method:
    """A database method."""

    name: str
    python_name: str
    constant: str
    scope: Scope
    doc: str
    parameters: tuple[Parameter, ...]
    statements: tuple[Statement, ...]
    result: TypeExpression | None
    counts_changes: bool
    page_by: str | None
    page_size: int | None
    pieces: bool

    @cached_property
    def indexes(self) -> list[list[int]]:
        """For each statement, the position in the call of each of its numbered parameters."""
        names = [parameter.name for parameter in self.parameters]
        if self.page_by:
            names += PAGE_PARAMETERS
        return [[names.index(name) for name in statement.order] for statement in self.statements]

    @property
    def rows_from(self) -> int | None:
        """Which statement returns the rows."""
        rows = [index for index, statement in enumerate(self.statements) if statement.returns_rows]
        return rows[0] if rows else None

    @property
    def is_write(self) -> bool:
        return any(statement.is_write for statement in self.statements)

    @property
    def list_parameter(self) -> int | None:
        """The position of the only list parameter that is sent in chunks when it is long."""
        lists = [index for index, parameter in enumerate(self.parameters) if parameter.is_list]
        return lists[0] if len(lists) == 1 and self.pieces else None

    @property
    def is_account(self) -> bool:
        return self.scope == "account"

    @property
    def own_parameters(self) -> tuple[Parameter, ...]:
        """The parameters after the account."""
        return self.parameters[1:] if self.is_account else self.parameters

    # ---- Python

    @property
    def python_result(self) -> str:
        if self.counts_changes:
            return "int"
        return self.result.python if self.result else "None"

    def python_signature(self, *first: str, own: bool = False) -> str:
        parameters = self.own_parameters if own else self.parameters
        return ", ".join([*first, *(parameter.python for parameter in parameters)])

    def python_arguments(self, *first: str, own: bool = False) -> str:
        parameters = self.own_parameters if own else self.parameters
        return ", ".join([*first, *(parameter.name for parameter in parameters)])

    def python_call(self, arguments: str) -> str:
        """The call of the base class that carries the method out."""
        if self.result is None:
            return f"self._run({arguments})"
        kind = self.result_kind
        item = SCALARS[self.result.name][0] if self.result.name in SCALARS else self.result.name
        return f"self._{kind}({item}, {arguments})"

    def bridge_call(self, arguments: str) -> str:
        """The call of the local host's bridge that carries the method out."""
        arguments = ", ".join(part for part in (f'"{self.name}"', arguments) if part)
        if self.result is None:
            return f"self._bridge.run({arguments})"
        kind = "many" if self.result_kind in ("pages", "list") else self.result_kind
        item = SCALARS[self.result.name][0] if self.result.name in SCALARS else self.result.name
        return f"self._bridge.{kind}({item}, {arguments})"

    @property
    def result_kind(self) -> str:
        assert self.result is not None
        if self.page_by:
            return "pages"
        scalar = self.result.name in SCALARS
        if self.result.is_list:
            return "values" if scalar else "list"
        if scalar:
            return "first_value" if self.result.nullable else "value"
        return "first" if self.result.nullable else "one"

    # ---- TypeScript

    @property
    def typescript_result(self) -> str:
        if self.counts_changes:
            return "number"
        return self.result.typescript if self.result else "void"

    @property
    def typescript_parameters(self) -> list[str]:
        return [parameter.typescript for parameter in self.parameters]

    @property
    def typescript_call(self) -> str:
        arguments = f"queries.{self.constant}, [{', '.join(parameter.camel for parameter in self.parameters)}]"
        if self.result is None:
            return f"this.run({arguments})"
        kind = camel(self.result_kind)
        if self.result.name in SCALARS:
            return f"this.{kind}<{SCALARS[self.result.name][1]}>({arguments})"
        return f"this.{kind}({arguments}, to{self.result.name})"


def build_methods(database: DatabaseSpec) -> list[Method]:
    """The methods of a checked spec, in its order."""
    return [_build(name, method, database.acronyms) for name, method in database.methods.items()]


def _build(name: str, method: MethodSpec, acronyms: Sequence[str]) -> Method:
    parameters = [Parameter(ACCOUNT_PARAMETER, TypeExpression("integer"))] if method.scope == "account" else []
    for parameter, spec in method.parameters():
        if isinstance(spec, PatchSpec):
            fields = tuple((field, parse_type(text)) for field, text in spec.patch.items())
            parameters.append(Parameter(parameter, Patch(pascal(name) + pascal(parameter), fields)))
        else:
            parameters.append(Parameter(parameter, spec))
    return Method(
        name=name,
        python_name=snake(name, acronyms),
        constant=constant(name, acronyms),
        scope=method.scope,
        doc=method.doc,
        parameters=tuple(parameters),
        statements=tuple(number(sql) for sql in method.sql),
        result=method.result_type,
        counts_changes=method.result == "changes",
        page_by=method.page.by if method.page else None,
        page_size=method.page.size if method.page else None,
        pieces=method.pieces,
    )
