"""What one feature of the spec adds to the output.

Each test changes the small spec by one feature; its snapshot is the difference from the small spec's own output
(without the OpenAPI document), so that a reviewer of a template change sees what it means in every file and language.
"""

import difflib
from collections.abc import Iterator

import pytest
from syrupy.assertion import SnapshotAssertion

from generator.version import VERSION
from tests.generator.spec_folder import SpecFolder

NOTE = {"id": "integer", "title": "text", "body": "text?"}
SELECT = "SELECT id, title, body FROM notes"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The output for the small spec."""
    return SpecFolder(tmp_path_factory.mktemp("plain")).generate()


def difference(before: dict[str, str], after: dict[str, str], *, context: int = 1) -> Iterator[str]:
    for path in sorted(after.keys() | before.keys()):
        if path.endswith("spec/openapi.py"):
            continue
        old, new = before.get(path, "").splitlines(), after.get(path, "").splitlines()
        lines = list(difflib.unified_diff(old, new, n=context, lineterm=""))[2:]
        if lines:
            yield f"=== {path}"
            yield from ("..." if line.startswith("@@") else line for line in lines)
            yield ""


def added(spec: SpecFolder, plain: dict[str, str]) -> str:
    return "\n".join(difference(plain, spec.generate()))


def note(spec: SpecFolder, **columns: str) -> None:
    spec.database["entities"]["Note"] = {"doc": "A note.", "columns": {**NOTE, **columns}}


def test_enum(spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion) -> None:
    spec.database["enums"]["NoteState"] = {"doc": "Whether it is done with.", "values": ["open", "closed"]}
    spec.database["entities"]["Account"]["columns"]["state"] = "NoteState?"
    spec.database["methods"]["getAccount"]["sql"] = (
        "SELECT accounts.id, label, (SELECT state FROM notes WHERE account_id = :account_id) AS state FROM accounts "
        "WHERE accounts.id = :account_id"
    )
    assert added(spec, plain) == snapshot


def test_record_column(spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion) -> None:
    spec.database["records"] = {
        "Meta": {"doc": "About a note.", "fields": {"word_count": "integer", "source": "text?"}}
    }
    note(spec, meta="Meta?", tags="text[]")
    spec.method("listNotes", "SELECT id, title, body, meta, tags FROM notes", result="Note[]")
    assert added(spec, plain) == snapshot


def test_record_that_names_a_later_record(spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion) -> None:
    spec.database["records"] = {
        "Meta": {"fields": {"author": "Author"}},
        "Author": {"fields": {"name": "text"}},
    }
    note(spec, meta="Meta?")
    spec.method("listNotes", "SELECT id, title, body, meta FROM notes", result="Note[]")
    assert added(spec, plain) == snapshot


def test_patch_parameter(spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion) -> None:
    spec.method(
        "editNote",
        "UPDATE notes\n"
        "SET title = ifnull(:changes ->> '$.title', title),\n"
        "    body = iif(json_type(:changes, '$.body') IS NULL, body, :changes ->> '$.body')\n"
        "WHERE id = :id\n",
        params={"id": "integer", "changes": {"patch": {"title": "text", "body": "text?"}}},
        result="changes",
    )
    assert added(spec, plain) == snapshot


def test_list_parameter(spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion) -> None:
    note(spec)
    spec.method(
        "getNotesByIds",
        f"{SELECT} WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id",
        params={"ids": "integer[]"},
        result="Note[]",
    )
    assert added(spec, plain) == snapshot


def test_list_of_records(spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion) -> None:
    spec.database["records"] = {"NewComment": {"fields": {"number": "integer", "body": "text"}}}
    spec.method(
        "insertComments",
        "INSERT INTO comments (note_id, number, body)\n"
        "SELECT :note_id, value ->> '$.number', value ->> '$.body' FROM json_each(:comments)\n",
        params={"note_id": "integer", "comments": "NewComment[]"},
        result="changes",
    )
    assert added(spec, plain) == snapshot


def test_page(spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion) -> None:
    note(spec)
    spec.method(
        "listNotes",
        f"{SELECT} WHERE account_id = :account_id AND id > :after ORDER BY id LIMIT :page_size",
        scope="account",
        page={"by": "id", "size": 500},
        result="Note[]",
    )
    assert added(spec, plain) == snapshot


def test_several_statements(spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion) -> None:
    spec.method(
        "closeNotes",
        [
            "DELETE FROM comments WHERE note_id IN (SELECT id FROM notes WHERE account_id = :account_id)",
            "UPDATE notes SET state = 'closed' WHERE account_id = :account_id",
        ],
        scope="account",
        result="changes",
    )
    assert added(spec, plain) == snapshot


@pytest.mark.parametrize(
    "result",
    ["Note", "Note?", "Note[]", "integer", "text?", "real[]", "changes", None],
    ids=["one", "first", "list", "value", "first_value", "values", "changes", "nothing"],
)
def test_result(spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion, result: str | None) -> None:
    note(spec)
    scalars = {"integer": "count(*)", "text?": "body", "real[]": "stars"}
    sql = f"SELECT {scalars[result]} AS value FROM notes" if result in scalars else SELECT
    if result in ("changes", None):
        sql = "DELETE FROM notes"
    spec.method("askNotes", sql, **({"result": result} if result else {}))
    without = SpecFolder(spec.project / "without")
    note(without)
    assert "\n".join(difference(without.generate(), spec.generate(), context=0)) == snapshot


def test_acronym(spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion) -> None:
    spec.method("getPRsByIds", "SELECT id FROM notes", result="integer[]")
    assert added(spec, plain) == snapshot


def test_long_signature(spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion) -> None:
    names = [f"a_rather_long_parameter_{letter}" for letter in "abcde"]
    spec.method(
        "clearNotes",
        f"DELETE FROM notes WHERE title IN ({', '.join(f':{name}' for name in names)})",
        doc='Delete "notes" by one of many titles, with a \\ backslash.\n\nThe second paragraph says */ more.',
        params=dict.fromkeys(names, "text"),
    )
    assert added(spec, plain) == snapshot


def test_route_with_parameter_and_body(spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion) -> None:
    spec.routes["models"] |= {
        "ScanOptions": {
            "doc": "How to scan.",
            "fields": {
                "full": {"type": "boolean", "default": False, "doc": "Read everything again."},
                "maxPrs?": {"type": "integer", "min": 1, "max": 100},
            },
        },
    }
    spec.route(
        name="startScan",
        method="POST",
        path="/repos/{owner}/{name}/scan",
        auth="account",
        handler="scans.start_scan",
        params={"owner": "text", "name": "text"},
        body={"model": "ScanOptions", "lenient": True},
        responses={202: "json", 200: "json"},
    )
    assert added(spec, plain) == snapshot


def test_scalar(spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion) -> None:
    spec.routes["scalars"]["RepoName"] = {
        "type": "text", "min_length": 1, "pattern": "^[^/\\s]+$", "but_not": [".", ".."], "doc": "Without its owner."
    }  # fmt: skip
    spec.routes["models"]["Health"]["fields"]["repo?"] = "RepoName"
    spec.route(name="getDupes", path="/repos/{owner}/{name}/dupes", auth="account", handler="dupes.get_dupes",
               params={"owner": "text", "name": "RepoName"})  # fmt: skip
    assert added(spec, plain) == snapshot


def test_error(spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion) -> None:
    spec.routes["errors"]["THING_GONE"] = {"status": 410, "doc": "The thing was there once."}
    spec.route(errors=["THING_GONE"])
    assert added(spec, plain) == snapshot


def test_model_constraints(spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion) -> None:
    spec.routes["models"]["Health"]["fields"] |= {
        "token": {"type": "text", "min_length": 1, "max_length": 9, "secret": True},
        "code": {"type": "text", "pattern": "^[a-z\\s]+$"},
        "url": {"type": "text", "format": "url"},
        "ratio?": {"type": "real", "min": 0, "max": 1},
        "tags": {"type": "text[]", "max_length": 3},
        "note": "text?",
        "label": {"type": "text", "default": 'a "quoted" text'},
        "name": {"type": "text", "trim": True, "max_length": 5},
        "site?": {"type": "text", "format": "url"},
    }
    assert added(spec, plain) == snapshot


def test_what_other_fields_and_hosts_decide(
    spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion
) -> None:
    spec.routes["enums"] = {"Maker": {"doc": "Who makes it.", "values": ["acme", "other"]}}
    spec.routes["models"]["Part"] = {"fields": {"size": "integer"}}
    spec.routes["models"]["Health"]["fields"] |= {
        "maker": "Maker",
        "url": {
            "type": "text",
            "format": "url",
            "default_by": {"maker": {"acme": "https://acme.example", "other": "http://localhost"}},
            "doc": "Where it is.",
        },
        "part?": {"type": "Part", "hosts_with": "parts"},
    }
    assert added(spec, plain) == snapshot


def test_openapi(spec: SpecFolder, snapshot: SnapshotAssertion) -> None:
    spec.routes["models"]["Health"]["fields"]["since?"] = {"type": "integer?", "min": 0, "doc": "Seconds."}
    assert spec.generate()["worker/src/ossgard/spec/openapi.py"].replace(VERSION, "VERSION") == snapshot


def test_phase(spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion) -> None:
    first = spec.jobs["phases"][0]
    spec.jobs["phases"].append(
        {
            **first,
            "name": "ingest",
            "doc": "Read everything.",
            "slice": {"of": "pages", "size": 3},
            "cursor": {"page": "integer"},
            "budget": {
                "statements": 4,
                "round_trips": 2,
                "calls": [{"to": "github", "count": 2, "per": 1, "attempts": 3}],
            },
        }
    )
    first["next"] = "ingest"
    assert added(spec, plain) == snapshot


def test_names_of_bindings(spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion) -> None:
    for section in ("database", "queue", "poller"):
        spec.bindings[section]["binding"] = f"OUR_{section.upper()}"
    spec.bindings["vectors"] = {
        "dimensions": 1024,
        "code": {"binding": "OUR_CODE", "collection": "our-code"},
        "intent": {"binding": "OUR_INTENT", "collection": "our-intent"},
    }
    spec.bindings["dead_letter"]["name"] = "our-dead-letters"
    assert added(spec, plain) == snapshot


def test_variable_and_secret(spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion) -> None:
    spec.bindings["vars"] = {"LOG_LEVEL": {"default": 'in"fo', "doc": "How much is logged."}}
    spec.bindings["secrets"] = {"ADMIN_KEY": {"doc": "Opens everything."}}
    assert added(spec, plain) == snapshot


def test_migration(spec: SpecFolder, plain: dict[str, str], snapshot: SnapshotAssertion) -> None:
    spec.migrations["0002_tags.sql"] = (
        "-- Tags; a comment; with semicolons.\n"
        "CREATE TABLE tags (name TEXT NOT NULL DEFAULT ';');\n"
        "CREATE TRIGGER tags_are_lower AFTER INSERT ON tags BEGIN\n"
        "  UPDATE tags SET name = lower(name) WHERE rowid = new.rowid;\n"
        "END;\n"
    )
    assert added(spec, plain) == snapshot
