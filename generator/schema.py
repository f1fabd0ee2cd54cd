"""JSON Schemas of the spec files, for completion and hover in editors."""

import json
from typing import Any

from generator.spec.spec import SPEC_FILES


def schemas() -> dict[str, bytes]:
    """The schema of each spec file, by file name."""
    output = {}
    for name, model in SPEC_FILES.items():
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(by_alias=True)}
        output[f"{name}.schema.json"] = (json.dumps(_closed(schema), indent=2, ensure_ascii=False) + "\n").encode()
    return output


def _closed(schema: Any) -> Any:
    """The schema with names that fit no pattern refused, as the loader refuses them."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("title") == "Responses":
        # YAML has numbers as keys here, and JSON Schema sees them as texts.
        return {
            **{key: value for key, value in schema.items() if key != "additionalProperties"},
            "patternProperties": {"^2[0-9][0-9]$": schema["additionalProperties"]},
            "additionalProperties": False,
        }
    closed = {key: _closed(value) for key, value in schema.items()}
    return {**closed, "additionalProperties": False} if "patternProperties" in schema else closed
