"""Remembers the last successful run by content, so that a run which would change nothing ends at once.

The record is a shortcut, never a source: it says that inputs of one digest gave outputs of certain digests. A changed
byte on either side makes the run a full one, and so does a missing or damaged record.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

_LIBRARIES = ("apsw", "black", "jinja2", "pydantic", "pyyaml")


def inputs_digest(spec: Path, templates: Path, template_names: Iterable[str]) -> str:
    """The digest of all that the output depends on: spec, templates, the generator itself and its libraries."""
    digest = hashlib.sha256(repr([sys.version, *((name, version(name)) for name in _LIBRARIES)]).encode())
    generator = Path(__file__).parent
    files = [
        *(path for path in sorted(spec.rglob("*")) if path.suffix in (".yaml", ".sql")),
        *(templates / name for name in sorted(template_names)),
        *sorted(generator.rglob("*.py")),
    ]
    for path in files:
        try:
            content = path.read_bytes()
        except OSError:
            # Reading the spec says what is wrong with it.
            content = b""
        digest.update(f"\0{path.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def is_current(record: Path, inputs: str, folders: Mapping[str, Path]) -> int | None:
    """The number of files, when the record holds these inputs and every output stands on disk as they gave it."""
    try:
        content = json.loads(record.read_bytes())
        if content["inputs"] != inputs:
            return None
        for name, folder in folders.items():
            for path, expected in content["outputs"][name].items():
                if hashlib.sha256((folder / path).read_bytes()).hexdigest() != expected:
                    return None
        return len(content["outputs"]["generated"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def remember(record: Path, inputs: str, outputs: Mapping[str, Mapping[str, bytes]]) -> None:
    """Write the record of a successful run."""
    digests = {
        name: {path: hashlib.sha256(content).hexdigest() for path, content in output.items()}
        for name, output in outputs.items()
    }
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"inputs": inputs, "outputs": digests}))
