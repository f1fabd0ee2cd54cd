"""Remembers the last run by content: so a run that would change nothing ends at once, and an edit by hand is noticed.

The record is a shortcut, never a source: it says that inputs of one digest gave outputs of certain digests. A changed
byte on either side makes the run a full one, and so does a missing or damaged record.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

_LIBRARIES = ("apsw", "black", "jinja2", "ossgard-gen", "pydantic", "pyyaml")
# What spec/migrations/ keeps beside the migrations.
LOCK = "lock.json"
# What the inputs of a run are called that has begun to write, and has not ended: the name of no digest.
_UNFINISHED = ""


@dataclass(frozen=True)
class Record:
    """What runs have written.

    Args:
        inputs: the digest of what the last one read.
        outputs: by folder and path, the digest of what it wrote; while it writes, that of the run before, too.
    """

    inputs: str = _UNFINISHED
    outputs: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)

    def written(self, folder: str) -> Mapping[str, list[str]]:
        """The digests that the files of a folder may have, by path; none when nothing is known."""
        return self.outputs.get(folder, {})


def digest(content: bytes) -> str:
    """What stands for a content in the record."""
    return hashlib.sha256(content).hexdigest()


def inputs_digest(spec: Path, templates: Path, template_names: Iterable[str]) -> str:
    """The digest of all that the output depends on: spec, templates, the generator itself and its libraries."""
    digest = hashlib.sha256(repr([sys.version, *((name, version(name)) for name in _LIBRARIES)]).encode())
    generator = Path(__file__).parent
    files = [
        *(path for path in sorted(spec.rglob("*")) if path.suffix in (".yaml", ".sql") or path.name == LOCK),
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


def is_current(record: Record, inputs: str, folders: Mapping[str, Path]) -> bool:
    """Whether the record holds these inputs, and every output stands on disk as they gave it."""
    if record.inputs != inputs:
        return False
    try:
        return all(
            digest((folder / path).read_bytes()) in known
            for name, folder in folders.items()
            for path, known in record.written(name).items()
        )
    except OSError:
        return False


def read_record(path: Path) -> Record:
    """What is remembered; nothing when there is no record, or a damaged one."""
    try:
        content = json.loads(path.read_bytes())
        outputs = {
            folder: {str(file): [str(one) for one in digests] for file, digests in files.items()}
            for folder, files in content["outputs"].items()
        }
        return Record(str(content["inputs"]), outputs)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Record()


def remember(path: Path, inputs: str, outputs: Mapping[str, Mapping[str, bytes]]) -> None:
    """Write the record of a successful run."""
    _write(path, inputs, _digests(Record(), outputs))


def remember_start(path: Path, before: Record, outputs: Mapping[str, Mapping[str, bytes]]) -> None:
    """Write the record of a run that begins to write.

    Should it be killed, each file is as it was before, or as it was to become.
    """
    _write(path, _UNFINISHED, _digests(before, outputs))


def _digests(before: Record, outputs: Mapping[str, Mapping[str, bytes]]) -> dict[str, dict[str, list[str]]]:
    """The digests of outputs, by folder and path, behind those that were recorded before."""
    both: dict[str, dict[str, list[str]]] = {}
    for name, output in outputs.items():
        known = both[name] = {file: list(digests) for file, digests in before.written(name).items()}
        for file, content in output.items():
            known.setdefault(file, []).append(digest(content))
    return both


def _write(path: Path, inputs: str, outputs: Mapping[str, Mapping[str, list[str]]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"inputs": inputs, "outputs": outputs}))
