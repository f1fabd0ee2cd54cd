"""How long generation takes, next to datamodel-code-generator on OpenAPI documents with as many operations.

An operation is a route or a DB method: the generator writes code for each of them, in two languages.
"""

import copy
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from generator.output.openapi import build_openapi, type_schema
from generator.spec.load import load_spec
from generator.spec.names import camel
from generator.spec.types import parse_type
from tests.bench.table import print_table

ROOT = Path(__file__).parents[2]
TIMES = 5
SCALE = 10


def bench_generation() -> None:
    """Full and no-op runs of the whole command, for this spec and for one ten times as large."""
    rows = []
    full = {}
    with tempfile.TemporaryDirectory() as folder:
        for scale in (1, SCALE):
            project = Path(folder) / str(scale)
            write_project(project, scale)
            document = Path(folder) / f"openapi-{scale}.json"
            content = openapi_document(project)
            operations = sum(map(len, content["paths"].values()))
            document.write_text(json.dumps(content))
            peer = seconds(lambda path=document: run_peer(path))  # type: ignore[misc]
            full[scale] = seconds(lambda at=project: run_generator(at), before=lambda at=project: forget(at))  # type: ignore[misc]
            noop = seconds(lambda at=project: run_generator(at))  # type: ignore[misc]
            label = "this spec" if scale == 1 else f"{scale} times as large"
            rows += [
                [f"{label}: datamodel-code-generator", str(operations), f"{peer:.2f}", "1.00"],
                [f"{label}: full generation", str(operations), f"{full[scale]:.2f}", f"{full[scale] / peer:.2f}"],
                [f"{label}: nothing to do", str(operations), f"{noop:.2f}", f"{noop / peer:.2f}"],
            ]
    print_table(
        f"Generation (median of {TIMES} runs of the command; goals: full at most 2.00, nothing to do at most 1.00)",
        ["run", "operations", "seconds", "ratio"],
        rows,
    )
    print(f"  growth: {SCALE} times the spec takes {full[SCALE] / full[1]:.1f} times as long (at most {SCALE}: linear)")


def seconds(run: Callable[[], None], before: Callable[[], None] = lambda: None) -> float:
    """The median time of several runs, each after `before`."""
    measured = []
    for _ in range(TIMES):
        before()
        start = time.perf_counter()
        run()
        measured.append(time.perf_counter() - start)
    return statistics.median(measured)


def run_generator(project: Path) -> None:
    command: list[str | Path] = [Path(sys.executable).with_name("ossgard-gen"), "generate", "--project", project]
    subprocess.run(command, check=True, capture_output=True)


def forget(project: Path) -> None:
    """Remove all that earlier runs wrote."""
    for name in ("generated", "build"):
        shutil.rmtree(project / name, ignore_errors=True)


def run_peer(document: Path) -> None:
    command = [
        *(Path(sys.executable).with_name("datamodel-codegen"), "--input", document, "--input-file-type", "openapi"),
        *("--output-model-type", "pydantic_v2.BaseModel", "--output", document.with_suffix(".py")),
        # The models of requests and responses, too, as the generator writes them; formatted by Black, as well.
        *("--openapi-scopes", "schemas", "paths", "parameters", "--formatters", "black"),
    ]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


def openapi_document(project: Path) -> dict[str, Any]:
    """A document with an operation for each route and each DB method of a project's spec."""
    spec = load_spec(project / "spec").spec
    document = build_openapi(spec)
    schemas = document["components"]["schemas"]
    for name, record in spec.database.records.items():
        schemas.setdefault(name, _object_schema(record.fields))
    for name, entity in spec.database.entities.items():
        schemas.setdefault(name, _object_schema(entity.columns))
    for name, method in spec.database.methods.items():
        fields = {key: text if isinstance(text, str) else "json" for key, text in method.params.items()}
        result = method.result if method.result_type else "integer"
        document["paths"][f"/database/{name}"] = {
            "post": {
                "operationId": name,
                "requestBody": {"content": {"application/json": {"schema": _object_schema(fields)}}},
                "responses": {
                    "200": {
                        "description": "OK",
                        "content": {"application/json": {"schema": type_schema(parse_type(str(result)))}},
                    }
                },
            }
        }
    return document


def _object_schema(fields: Mapping[str, str]) -> dict[str, Any]:
    properties = {camel(name): type_schema(parse_type(text)) for name, text in fields.items()}
    return {"type": "object", "properties": properties, "required": list(properties)}


def write_project(project: Path, scale: int) -> None:
    """A project whose spec is this one `scale` times over."""
    shutil.copytree(ROOT / "spec", project / "spec")
    (project / "templates").symlink_to(ROOT / "templates")
    database = yaml.safe_load((ROOT / "spec/database.yaml").read_text())
    routes = yaml.safe_load((ROOT / "spec/routes.yaml").read_text())
    if scale > 1:
        types = [*database["enums"], *database["records"], *database["entities"], *routes["enums"], *routes["models"]]
        kept = {name for name in types if name in ("ScanStatus", "PRState", "JobStatus")}
        for number in range(2, scale + 1):
            _repeat(database, routes, set(types) - kept, number)
        (project / "spec/database.yaml").write_text(yaml.safe_dump(database, sort_keys=False))
        (project / "spec/routes.yaml").write_text(yaml.safe_dump(routes, sort_keys=False))


def _repeat(database: dict[str, Any], routes: dict[str, Any], types: set[str], number: int) -> None:
    """Add every type, method and route once more, under names that end in the number."""

    def renamed(value: Any) -> Any:
        if isinstance(value, str):
            base = value.rstrip("?[]")
            return base + str(number) + value[len(base) :] if base in types else value
        if isinstance(value, dict):
            return {key: renamed(item) for key, item in value.items()}
        return [renamed(item) for item in value] if isinstance(value, list) else value

    for part, sections in ((database, ("records", "entities")), (routes, ("enums", "models"))):
        for section in sections:
            first = {name: part[section][name] for name in list(part[section]) if not name[-1].isdigit()}
            part[section] |= {f"{name}{number}": renamed(copy.deepcopy(item)) for name, item in first.items()}
    first = {name: method for name, method in database["methods"].items() if not name[-1].isdigit()}
    database["methods"] |= {f"{name}{number}": renamed(copy.deepcopy(method)) for name, method in first.items()}
    for route in [route for route in routes["routes"] if not route["name"][-1].isdigit()]:
        again = renamed(copy.deepcopy(route))
        routes["routes"].append(again | {"name": f"{route['name']}{number}", "path": f"/v{number}{route['path']}"})
