"""What a deployment would break, by changes of a small spec that is committed to Git."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from generator.compat import Comparison, spec_at
from generator.findings import KINDS
from generator.spec.load import load_spec
from tests.generator.mistakes import change
from tests.generator.output_folder import command
from tests.generator.spec_folder import SpecFolder

# What has to be there before it can change.
BASE: Mapping[str, Any] = {
    "database/enums/ScanStatus/values": ["queued", "running", "done", "failed"],
    "database/entities/Note": {"columns": {"id": "integer", "title": "text", "body": "text?"}},
    "database/methods/readNotes": {
        "scope": "internal",
        "doc": "All.",
        "sql": "SELECT id, title, body FROM notes",
        "result": "Note[]",
    },
    "database/methods/addComment": {
        "scope": "internal",
        "doc": "Adds one.",
        "sql": "INSERT INTO comments (note_id, number, body) VALUES (1, 2, 'x')",
    },
    "routes/models/Options": {
        "fields": {
            "label": {"type": "text", "max_length": 50},
            "status?": "ScanStatus",
            "limit": {"type": "integer", "max": 100, "default": 10},
        }
    },
    "routes/models/Health/fields": {"status": "text", "scan": "ScanStatus", "hint?": "text", "notes": "Note[]"},
    "routes/routes/0/responses": {200: "Health"},
    "routes/routes/1": {
        "name": "putThing",
        "method": "POST",
        "path": "/things/{id}",
        "params": {"id": "text"},
        "body": "Options",
        "auth": "none",
        "doc": "x",
        "handler": "health.get_health",
        "responses": {200: "json", 202: "Health"},
    },
    "jobs/message/fields/deep": "boolean?",
    "jobs/phases/0/cursor": {"page": "integer", "of": "text?"},
    "bindings/vectors/dimensions": 1536,
}

# What changes: what it breaks, by code and name.
BREAKS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a column that the old version reads": (
        {"migrations/0002_more.sql": "-- reason: x\nALTER TABLE notes DROP COLUMN body;\n"},
        ["COMPAT001 readNotes"],
    ),
    "a column that the old version leaves out": (
        {
            "migrations/0002_more.sql": "-- reason: x\nDROP TABLE comments;\nCREATE TABLE comments (id INTEGER "
            "PRIMARY KEY, note_id INTEGER, number INTEGER, body TEXT, at TEXT NOT NULL);"
        },
        ["COMPAT001 addComment"],
    ),
    "a phase with another name": ({"jobs/phases/0/name": "read"}, ["COMPAT002 scan"]),
    "a message's field that is gone": ({"jobs/message/fields/deep": None}, ["COMPAT002 the message.deep"]),
    "a message's field of another type": ({"jobs/message/fields/deep": "integer?"}, ["COMPAT002 the message.deep"]),
    "a new field of messages": ({"jobs/message/fields/repoId": "integer"}, ["COMPAT002 the message.repoId"]),
    "a cursor's field of another type": ({"jobs/phases/0/cursor/page": "text"}, ["COMPAT002 scan.cursor.page"]),
    "a cursor's field that is never null now": ({"jobs/phases/0/cursor/of": "text"}, ["COMPAT002 scan.cursor.of"]),
    "a status that is gone": (
        {"database/enums/ScanStatus/values": ["queued", "done", "failed"]},
        ["COMPAT003 ScanStatus.running", "COMPAT008 POST /things/{id} body.status"],
    ),
    "a Worker with another name": ({"bindings/worker/name": "notes2"}, ["COMPAT004 notes"]),
    "a queue with another name": ({"bindings/queue/name": "notes-jobs"}, ["COMPAT004 notes-pipeline"]),
    "a dead-letter queue with another name": ({"bindings/dead_letter/name": "notes-dead"}, ["COMPAT004 notes-dlq"]),
    "a database with another name": ({"bindings/database/name": "notes2"}, ["COMPAT004 notes"]),
    "an index with another name": ({"bindings/vectors/code/collection": "notes-c"}, ["COMPAT004 notes-code"]),
    "vectors of another size": ({"bindings/vectors/dimensions": 768}, ["COMPAT005 dimensions"]),
    "a route that is gone": ({"routes/routes/1": None}, ["COMPAT006 POST /things/{id}"]),
    "a route with another method": ({"routes/routes/1/method": "PUT"}, ["COMPAT006 POST /things/{id}"]),
    "a route that asks for an account": ({"routes/routes/0/auth": "account"}, ["COMPAT006 GET /health"]),
    "an answer's field that is gone": (
        {"routes/models/Health/fields/hint?": None},
        ["COMPAT007 GET /health answer.hint", "COMPAT007 POST /things/{id} answer.hint"],
    ),
    "an answer's field of another type, deep down": (
        {"database/entities/Note/columns/title": "integer"},
        ["COMPAT007 GET /health answer.notes[].title", "COMPAT007 POST /things/{id} answer.notes[].title"],
    ),
    "an answer's field that may be null": (
        {"routes/models/Health/fields/status": "text?"},
        ["COMPAT007 GET /health answer.status", "COMPAT007 POST /things/{id} answer.status"],
    ),
    "a value that an answer never had": (
        {"database/enums/ScanStatus/values": ["queued", "running", "done", "failed", "paused"]},
        ["COMPAT007 GET /health answer.scan", "COMPAT007 POST /things/{id} answer.scan"],
    ),
    "a status of success that nobody expects": (
        {"routes/routes/0/responses": {200: "Health", 204: "none"}},
        ["COMPAT007 GET /health 204"],
    ),
    "a new field that is required": (
        {"routes/models/Options/fields/owner": "text"},
        ["COMPAT008 POST /things/{id} body.owner"],
    ),
    "a bound that is narrower": (
        {"routes/models/Options/fields/limit/max": 99},
        ["COMPAT008 POST /things/{id} body.limit"],
    ),
    "a length that is new": (
        {"routes/models/Options/fields/label/min_length": 2},
        ["COMPAT008 POST /things/{id} body.label"],
    ),
    "a field that is passed over": (
        {"routes/models/Options/fields/limit": None},
        ["COMPAT008 POST /things/{id} body.limit"],
    ),
    "a parameter of another type": (
        {"routes/routes/1/params/id": "integer"},
        ["COMPAT008 POST /things/{id} path.id"],
    ),
    "a body that is new": (
        {"routes/routes/0/method": "POST", "routes/routes/0/body": "Options"},
        ["COMPAT006 GET /health"],
    ),
    "an edited migration": (
        {"migrations/0001_initial.sql": ("label TEXT", "label TEXT DEFAULT 'x'")},
        ["COMPAT009 0001_initial.sql"],
    ),
    "a route that is gone, with a reason": (
        {"routes/routes/1": None, "bindings/accepted": {"COMPAT006 POST /things/{id}": "Nobody calls it."}},
        [],
    ),
    "a reason for nothing": ({"bindings/accepted": {"COMPAT006 GET /old": "Nobody calls it."}}, ["COMPAT010"]),
    # What breaks nothing.
    "more of everything": (
        {
            "migrations/0002_more.sql": "ALTER TABLE notes ADD COLUMN size INTEGER NOT NULL DEFAULT 0;\n",
            "database/enums/Colour": {"values": ["red"]},
            "database/entities/Note/columns/size": "integer",
            "database/methods/readNotes/sql": "SELECT id, title, body, size FROM notes",
            "jobs/message/fields/again": "boolean?",
            "jobs/phases/0/cursor/count": "integer",
            "routes/models/Options/fields/owner?": "text",
            "routes/models/Options/fields/limit/max": 1000,
            "routes/models/Health/fields/colour": "Colour",
            "routes/routes/1/name": "changeThing",
            "routes/routes/1/path": "/things/{thingId}",
            "routes/routes/1/params": {"thingId": "text"},
            "bindings/queue/binding": "JOBS_QUEUE",
        },
        [],
    ),
}


def commit(project: Path) -> None:
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "The version that runs")):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", "-C", project, *identity, *arguments], check=True)


@pytest.fixture
def released(spec: SpecFolder) -> SpecFolder:
    """The small spec, committed."""
    for place, value in BASE.items():
        change(spec, place, value)
    spec.write()
    commit(spec.project)
    return spec


@pytest.mark.parametrize("name", BREAKS)
def test_what_breaks_is_named(released: SpecFolder, name: str) -> None:
    edits, expected = BREAKS[name]
    for place, value in edits.items():
        file, _, path = place.partition("/")
        if file != "migrations":
            change(released, place, value)
        elif isinstance(value, str):
            released.migrations[path] = value
        else:
            released.migrations[path] = released.migrations[path].replace(*value)
    comparison = Comparison(spec_at(released.project, "HEAD"), load_spec(released.write()))
    found = comparison.findings()
    names = [said for said, finding in comparison.found if finding in found]
    assert sorted([*names, *("COMPAT010" for one in found if one.code == "COMPAT010")]) == expected


def test_every_kind_is_tried() -> None:
    tried = {name.split()[0] for _, expected in BREAKS.values() for name in expected}
    assert tried == {code for code in KINDS if code.startswith("COMPAT")}


def test_the_command_line_says_what_breaks_and_where(spec: SpecFolder) -> None:
    spec.write()
    commit(spec.project)
    (spec.project / "templates").symlink_to(Path(__file__).parents[2] / "templates")
    arguments = ("compat", "--against", "HEAD", "-p", str(spec.project))
    assert "nothing that HEAD has would break" in command(*arguments).output
    spec.bindings["database"]["name"] = "other"
    spec.write()
    result = command(*arguments)
    assert result.exit_code == 1
    assert "spec/bindings.yaml:" in result.output
    assert "error COMPAT004: the database 'notes' is 'other' now, and what it holds stays behind" in result.output
    assert "accepted` of bindings.yaml takes it: 'COMPAT004 notes': why" in result.output
    found = json.loads(command(*arguments, "--format", "json").stdout)
    assert "COMPAT004" in {one["code"] for one in found}
    spec.bindings["accepted"] = {"COMPAT004 notes": "It is empty."}
    spec.write()
    assert command(*arguments).exit_code == 0


def test_a_revision_that_is_none_is_explained(spec: SpecFolder) -> None:
    spec.write()
    (spec.project / "templates").symlink_to(Path(__file__).parents[2] / "templates")
    result = command("compat", "--against", "HEAD", "-p", str(spec.project))
    assert result.exit_code == 1
    assert "the spec of 'HEAD' cannot be had from Git" in result.output
