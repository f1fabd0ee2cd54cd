"""JSON Schemas of the spec files, for completion and hover in editors."""

import json

from generator.spec import SPEC_FILES


def schemas() -> dict[str, bytes]:
    """The schema of each spec file, by file name."""
    output = {}
    for name, model in SPEC_FILES.items():
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(by_alias=True)}
        output[f"{name}.schema.json"] = (json.dumps(schema, indent=2, ensure_ascii=False) + "\n").encode()
    return output
