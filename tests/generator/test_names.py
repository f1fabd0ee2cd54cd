"""Names in their spellings, and that the lists of names which the generated code uses itself are complete."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic.alias_generators import to_camel

from generator.checks.names import USED_TYPES
from generator.spec.names import SNAKE_NAME, camel, constant, pascal, snake

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("getPR", "get_pr"),
        ("getPRs", "get_prs"),
        ("getPRsByIds", "get_prs_by_ids"),
        ("updatePREmbedHash", "update_pr_embed_hash"),
        ("countPRs", "count_prs"),
        ("PRsOfRepo", "prs_of_repo"),
        ("getAccountByApiKey", "get_account_by_api_key"),
        ("sumTop10", "sum_top10"),
    ],
)
def test_methods_are_the_same_in_both_spellings(name: str, expected: str) -> None:
    assert snake(name, ["PR"]) == expected
    assert constant(name, ["PR"]) == expected.upper()


@given(st.from_regex(r"[a-z]{2,}[0-9]?(_[a-z]{2,}[0-9]?)*", fullmatch=True))
def test_a_name_of_words_comes_back_from_camel_case(name: str) -> None:
    assert SNAKE_NAME.fullmatch(name)
    assert snake(camel(name)) == name
    assert snake(pascal(name)) == name


@given(st.from_regex(r"[a-z]+(_[a-z]+)*[0-9]?", fullmatch=True))
def test_names_without_inner_digits_are_spelled_as_pydantic_spells_them(name: str) -> None:
    assert camel(name) == to_camel(name)


def test_every_type_that_generated_python_imports_is_reserved() -> None:
    """What the templates import could otherwise be shadowed by a type of the spec."""
    core = PROJECT / "generated" / "worker" / "src" / "ossgard"
    imported = set()
    for name in ("entities", "models", "database", "sql_database", "writes"):
        for node in ast.parse((core / "spec" / f"{name}.py").read_text()).body:
            if isinstance(node, ast.ImportFrom) and node.module != "ossgard.spec.entities":
                imported |= {alias.name for alias in node.names if alias.name[:1].isupper()}
            if isinstance(node, ast.ClassDef) and name in ("database", "sql_database"):
                imported.add(node.name)
    assert imported <= USED_TYPES
