"""The JSON Schemas: editors get them, they accept the spec, refuse what the loader refuses, and explain every key."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from generator.schema import schemas
from generator.spec.spec import SPEC_FILES
from tests.generator.spec_folder import SpecFolder

SPEC = Path(__file__).parents[2] / "spec"
SCHEMAS = {name.split(".")[0]: json.loads(content) for name, content in schemas().items()}


def as_json(data: Any) -> Any:
    """YAML as editors see it: keys are texts."""
    return json.loads(json.dumps(data))


def problems(file: str, data: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMAS[file]).iter_errors(as_json(data))]


def definitions(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield schema["title"], schema
    yield from schema["$defs"].items()


@pytest.mark.parametrize("file", SPEC_FILES)
def test_every_spec_file_points_editors_to_its_schema(file: str) -> None:
    first = (SPEC / f"{file}.yaml").read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema=schema/{file}.schema.json"
    assert json.loads((SPEC / "schema" / f"{file}.schema.json").read_text()) == SCHEMAS[file]


@pytest.mark.parametrize("file", SPEC_FILES)
def test_schemas_are_valid_and_accept_the_spec(file: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[file])
    assert problems(file, yaml.load((SPEC / f"{file}.yaml").read_text(), yaml.CSafeLoader)) == []


@pytest.mark.parametrize("file", SPEC_FILES)
def test_every_key_is_explained_and_no_other_is_allowed(file: str) -> None:
    for name, definition in definitions(SCHEMAS[file]):
        assert definition["description"], name
        assert definition["additionalProperties"] is False, name
        for key, value in definition["properties"].items():
            described = value.get("description") or SCHEMAS[file]["$defs"][value["$ref"].split("/")[-1]]["description"]
            assert described, f"{name}.{key}"


def test_choices_are_offered() -> None:
    assert SCHEMAS["database"]["$defs"]["MethodSpec"]["properties"]["scope"]["enum"] == [
        "account",
        "internal",
        "public",
    ]
    assert "PATCH" in SCHEMAS["routes"]["$defs"]["RouteSpec"]["properties"]["method"]["enum"]


def accepted(spec: SpecFolder, file: str) -> tuple[bool, bool]:
    """Whether the schema and the loader's model accept a file."""
    data = getattr(spec, file)
    try:
        SPEC_FILES[file].model_validate(data)
    except ValueError:
        return not problems(file, data), False
    return not problems(file, data), True


SHORT_FORMS: list[tuple[str, list[str | int], Any, bool]] = [
    ("database", ["methods", "getAccount", "sql"], ["SELECT 1", "SELECT 2"], True),
    ("database", ["methods", "getAccount", "sql"], [], False),
    ("database", ["methods", "getAccount", "sql"], 1, False),
    ("database", ["methods", "getAccount", "params"], {"a": "text?"}, True),
    ("database", ["methods", "getAccount", "params"], {"a": {"patch": {"b": "text"}}}, True),
    ("database", ["methods", "getAccount", "params"], {"a": {"patch": {}}}, False),
    ("database", ["methods", "getAccount", "params"], {"a": {"match": {"b": "text"}}}, False),
    ("database", ["methods", "getAccount", "params"], {"a b": "text"}, False),
    ("database", ["methods", "getAccount", "result"], "text!", False),
    ("database", ["methods", "getAccount", "scope"], "Account", False),
    ("database", ["methods", "getAccount", "page"], {"by": "id"}, False),
    ("routes", ["models", "Health", "fields"], {"a?": "text[]"}, True),
    ("routes", ["models", "Health", "fields"], {"a?": {"type": "text", "min_length": 1}}, True),
    ("routes", ["models", "Health", "fields"], {"a??": "text"}, False),
    ("routes", ["models", "Health", "fields"], {"a": {"typ": "text"}}, False),
    ("routes", ["models", "Health", "fields"], {"a": None}, False),
    ("routes", ["routes", 0, "body"], "Health", True),
    ("routes", ["routes", 0, "body"], {"model": "Health", "lenient": True}, True),
    ("routes", ["routes", 0, "body"], {"lenient": True}, False),
    ("routes", ["routes", 0, "responses"], {202: "Health", 200: "json"}, True),
    ("routes", ["routes", 0, "responses"], {404: "Health"}, False),
    ("routes", ["routes", 0, "responses"], {}, False),
    ("jobs", ["phases", 0, "budget", "calls"], [{"to": "github", "count": 2}], True),
    ("jobs", ["phases", 0, "budget", "calls"], [{"to": "github", "count": 0}], False),
    ("bindings", ["vectors", "code"], {"binding": "a"}, False),
    ("bindings", ["vars"], {"log_level": {"default": "x"}}, False),
]


@pytest.mark.parametrize(("file", "place", "value", "expected"), SHORT_FORMS)
def test_schema_and_loader_accept_the_same_forms(
    spec: SpecFolder, file: str, place: list[str | int], value: Any, expected: bool
) -> None:
    target = getattr(spec, file)
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    assert accepted(spec, file) == (expected, expected)
