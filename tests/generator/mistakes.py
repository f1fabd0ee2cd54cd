"""The folder of mistakes: each file has an edit of the small spec, and the finding that it is to give.

`edit` maps places to values: `database/methods/clear` (null: removed), `migrations/0002_more.sql`,
`latin1/migrations/...` (a file in another encoding), `templates/core/ossgard/...` (a file beside the real ones),
`file/jobs: null` (removed), `text/routes: [old, new]` (in the file's text). `at` is the file that the finding names and
what stands at its place. `fixed` are edits that do not give such a finding.
"""

import copy
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from generator.checks import check_spec
from generator.diagnostics import Diagnostic, SpecError
from generator.layout import PHASES, ROUTES
from generator.spec.load import load_spec
from tests.generator.spec_folder import TEMPLATES, SpecFolder

FOLDER = Path(__file__).parent / "mistakes"
Edits = Mapping[str, Any]


@dataclass(frozen=True)
class Mistake:
    """A mistake, the finding that it gives, and the same change without the mistake."""

    code: str
    what: str
    at: str
    edit: Edits
    fixed: Edits


def mistakes() -> dict[str, Mistake]:
    """Every mistake, by the name of its file."""
    return {path.stem: Mistake(**yaml.safe_load(path.read_text())) for path in sorted(FOLDER.glob("*.yaml"))}


def findings(project: Path, edits: Edits) -> Sequence[Diagnostic]:
    """What is found in the small spec after edits."""
    spec = SpecFolder(project)
    for place, value in edits.items():
        if place.split("/")[0] in ("database", "routes", "jobs", "bindings"):
            change(spec, place, value)
    folder, templates = spec.write(), project / "templates"
    for code in (ROUTES, PHASES):
        shutil.copytree(TEMPLATES / code, templates / code, ignore=shutil.ignore_patterns("__pycache__"))
    for place, value in edits.items():
        kind, _, path = place.partition("/")
        yaml_file = folder / f"{path}.yaml"
        match kind:
            case "migrations":
                (folder / place).write_text(value)
            case "latin1":
                (folder / path).write_bytes(value.encode("latin-1"))
            case "templates":
                (project / place).write_text(value)
            case "file":
                yaml_file.unlink()
            case "text":
                old, new = value
                assert yaml_file.read_text().count(old) == 1, old
                yaml_file.write_text(yaml_file.read_text().replace(old, new))
    try:
        return check_spec(load_spec(folder), templates)
    except SpecError as error:
        return error.diagnostics


def at(finding: Diagnostic) -> str:
    """The file that a finding names, and what stands at its place."""
    return f"{Path(finding.position.file).name}: {finding.text[finding.position.column - 1 :]}"


def change(spec: SpecFolder, place: str, value: Any) -> None:
    """Set what stands at a place of one of the YAML files; null removes it."""
    file, *keys = place.split("/")
    steps: list[Any] = [int(key) if key.isdigit() else key for key in keys]
    *above, last = steps
    data = getattr(spec, file)
    for key in above:
        data = data[key] if isinstance(data, list) else data.setdefault(key, {})
    if value is None:
        del data[last]
    elif isinstance(data, list) and last == len(data):
        data.append(copy.deepcopy(value))
    else:
        data[last] = copy.deepcopy(value)
