"""What the models of the spec's files are made of: the forms of names, types, numbers and texts.

What pydantic can say about a single value is said in these models; contradictions between values are found in `checks`.
"""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from generator.spec.types import TYPE_PATTERN, parse_type


def _check_type(text: str) -> str:
    parse_type(text)
    return text


# What the patterns of names ask for, in words.
PATTERNS = {
    r"^[A-Za-z][A-Za-z0-9_]*$": "letters, digits and _, beginning with a letter",
    r"^[A-Za-z][A-Za-z0-9_]*\??$": "letters, digits and _, beginning with a letter; `?` at the end: may be absent",
    r"^[a-z][a-z0-9_]*$": "small letters, digits and _, beginning with a letter",
    r"^([a-z][a-z0-9_]*|[A-Z][A-Z0-9_]*)$": "small letters or capitals, digits and _, beginning with a letter",
    r"^[A-Z]{2,16}$": "2 to 16 capital letters",
    r"^/[A-Za-z0-9_.\-/{}]*$": "a path beginning with /, like /repos/{owner}",
    r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$": "module.function, both in snake_case",
    r"^[A-Z][A-Z0-9_]*$": "capital letters, digits and _, beginning with a letter",
    r"^[a-z0-9][a-z0-9-]{0,62}$": "small letters, digits and -, 63 characters at most",
    r"^[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*$": "table.column",
    r"^[A-Za-z_][A-Za-z0-9_]*$": "letters, digits and _",
    r"^\d{4}-\d{2}-\d{2}$": "a date in quotes: YYYY-MM-DD",
}
TypeText = Annotated[str, AfterValidator(_check_type), Field(json_schema_extra={"pattern": TYPE_PATTERN})]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)]
ErrorCode = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=64)]
SqlName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]
ColumnName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*$", max_length=129)]
EnumValue = Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]*|[A-Z][A-Z0-9_]*)$", max_length=64)]
OptionalName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*\??$", max_length=65)]
Number = int | Annotated[float, Field(allow_inf_nan=False)]
PositiveInt = Annotated[int, Field(gt=0, le=2**53 - 1)]
NaturalInt = Annotated[int, Field(ge=0, le=2**53 - 1)]
Line = Annotated[str, AfterValidator(str.strip)]


class SpecModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
