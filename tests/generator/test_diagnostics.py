"""Broken specs and what is said about them: one mistake, one finding, with its place and the way out.

Each test is one kind of check; its snapshot lists every mistake with the finding.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from generator.checks import check_spec
from generator.diagnostics import SpecError
from generator.spec.load import load_spec
from tests.generator.spec_folder import TEMPLATES, SpecFolder

Mistake = Callable[[SpecFolder], object]
NOTE = {"id": "integer", "title": "text", "body": "text?"}
SELECT = "SELECT id, title, body FROM notes"


def note(spec: SpecFolder, sql: str | list[str], result: str | None = "Note[]", **more: object) -> None:
    """A method that reads notes into the entity `Note`."""
    spec.database["entities"]["Note"] = {"columns": dict(NOTE)}
    spec.method("readNotes", sql, **({"result": result} if result else {}), **more)


def column(type_: str, expression: str) -> Mistake:
    """A method whose one result column has a type and an expression."""

    def mistake(spec: SpecFolder) -> None:
        spec.database["entities"]["Note"] = {"columns": {"value": type_}}
        spec.method("readNotes", f"SELECT {expression} AS value FROM notes", result="Note[]")

    return mistake


def phase(**changes: object) -> Mistake:
    return lambda spec: spec.jobs["phases"][0].update(changes)


def add_phase(name: str, next_: str, **changes: object) -> Mistake:
    """A phase `name` behind `scan`."""

    def mistake(spec: SpecFolder) -> None:
        first = spec.jobs["phases"][0]
        spec.jobs["phases"].append({**first, "name": name, "next": next_, **changes})
        first["next"] = name

    return mistake


def field(name: str, constraints: object) -> Mistake:
    return lambda spec: spec.routes["models"]["Health"]["fields"].update({name: constraints})


def scalar(name: str, **constraints: object) -> Mistake:
    return lambda spec: spec.routes["scalars"].update({name: {"type": "text", **constraints}})


def error(code: str, **changes: object) -> Mistake:
    """An error that every request can end with."""
    declared = {"status": 404, "brought_by": ["any"], "doc": "Not there.", **changes}
    return lambda spec: spec.routes["errors"].update({code: declared})


def record(**fields: str) -> dict[str, dict[str, dict[str, str]]]:
    return {"Entry": {"fields": fields}}


def with_records(spec: SpecFolder, type_: str, sql: str, **fields: str) -> None:
    spec.database["records"] = record(**fields)
    spec.method("store", sql, params={"entry": type_}, result="changes")


NAMES: dict[str, Mistake] = {
    "a scalar in camelCase": scalar("cityName"),
    "a scalar like a model": scalar("Health"),
    "a scalar that the generated code uses": scalar("TypeAdapter"),
    "a method in snake_case": lambda spec: spec.method("count_notes", "DELETE FROM notes"),
    "a method that is a word of TypeScript": lambda spec: spec.method("delete", "DELETE FROM notes"),
    "a method that every database has": lambda spec: spec.method("batch", "DELETE FROM notes"),
    "a method that every database of the core has": lambda spec: spec.method("commit", "DELETE FROM notes"),
    "two methods that are one in Python": lambda spec: [
        spec.method("clearPRs", "DELETE FROM notes"),
        spec.method("clearPrs", "DELETE FROM notes"),
    ],
    "a parameter in camelCase": lambda spec: spec.method(
        "clear", "DELETE FROM notes WHERE id = :noteId", params={"noteId": "integer"}
    ),
    "a parameter that is a keyword": lambda spec: spec.method(
        "clear", "DELETE FROM notes WHERE title = :class", params={"class": "text"}
    ),
    "two parameters that are one in TypeScript": lambda spec: spec.method(
        "clear", "DELETE FROM notes WHERE id IN (:a1, :a_1)", params={"a1": "integer", "a_1": "integer"}
    ),
    "a type in snake_case": lambda spec: spec.database["enums"].update({"note_state": {"values": ["open"]}}),
    "a type that TypeScript has": lambda spec: spec.database["enums"].update({"Promise": {"values": ["open"]}}),
    "a type in both files": lambda spec: spec.routes["models"].update({"Account": {"fields": {"id": "integer"}}}),
    "a column in camelCase": lambda spec: spec.database["entities"].update(
        {"Note": {"columns": {"noteId": "integer"}}}
    ),
    "a column that pydantic has": lambda spec: spec.database["entities"].update(
        {"Note": {"columns": {"copy": "text"}}}
    ),
    "two columns that are one in JSON": lambda spec: spec.database["entities"].update(
        {"Note": {"columns": {"part_1": "text", "part1": "text"}}}
    ),
    "a column that pydantic spells otherwise": lambda spec: spec.database["entities"].update(
        {"Note": {"columns": {"sha2sum": "text"}}}
    ),
    "an enum value twice": lambda spec: spec.database["enums"]["ScanStatus"]["values"].append("done"),
    "a model in two spellings": lambda spec: spec.routes["models"].update(
        {"Body": {"fields": {"note_id": "integer", "noteTitle": "text"}}}
    ),
    "a route named like its module": lambda spec: spec.route(name="health"),
    "a route's name twice": lambda spec: spec.route(name="getHealth"),
    "a phase called done": phase(name="done"),
}

TYPES: dict[str, Mistake] = {
    "an unknown entity": lambda spec: spec.database["methods"]["getAccount"].update({"result": "Acount?"}),
    "an unknown type of a column": lambda spec: spec.database["entities"]["Account"]["columns"].update(
        {"label": "txt"}
    ),
    "an unknown type of a parameter": lambda spec: spec.method(
        "clear", "DELETE FROM notes WHERE id = :id", params={"id": "Integer"}
    ),
    "an unknown type of a patch's field": lambda spec: spec.method(
        "edit",
        "UPDATE notes SET title = :changes ->> '$.title'",
        params={"changes": {"patch": {"title": "string"}}},
    ),
    "a model as a column": lambda spec: spec.database["entities"]["Account"]["columns"].update({"label": "Health"}),
    "an entity as a parameter": lambda spec: spec.method(
        "clear", "DELETE FROM notes WHERE id = :account", params={"account": "Account"}
    ),
    "a list that may be null as a result": lambda spec: note(spec, SELECT, "Note[]?"),
    "a boolean as a result": lambda spec: spec.method("any", "SELECT 1 AS value", result="boolean"),
    "an enum as a result": lambda spec: spec.method("state", "SELECT state FROM notes", result="ScanStatus?"),
    "not a type at all": lambda spec: spec.database["entities"]["Account"]["columns"].update({"label": "text!"}),
    "an unknown type in a model": field("since", "date"),
    "a record that contains itself": lambda spec: spec.database.update(
        records={"Tree": {"fields": {"left": "Branch?"}}, "Branch": {"fields": {"tree": "Tree?"}}}
    ),
    "an unknown type of a phase's cursor": phase(cursor={"page": "int"}),
}

FIELDS: dict[str, Mistake] = {
    "a length of a number": field("age", {"type": "integer", "max_length": 3}),
    "a smallest over the largest": field("age", {"type": "integer", "min": 3, "max": 1}),
    "a pattern that Rust does not know": field("code", {"type": "text", "pattern": "(?<!a)b"}),
    "a default of another type": field("age", {"type": "integer", "default": "three"}),
    "a default of a list": field("tags", {"type": "text[]", "default": "a"}),
    "a default by another field of what is no URL": field(
        "code", {"type": "text", "default_by": {"status": {"a": "b"}}}
    ),
    "a default by no enum": field("url", {"type": "text", "format": "url", "default_by": {"status": {"a": "b"}}}),
    "a default by an enum that lacks a value": lambda spec: spec.routes["models"]["Health"]["fields"].update(
        {"scan": "ScanStatus", "url": {"type": "text", "format": "url", "default_by": {"scan": {"queued": "http://a"}}}}
    ),
    "a scalar for some hosts only": field("size", {"type": "integer", "hosts_with": "sizes"}),
    "a trimmed number": field("age", {"type": "integer", "trim": True}),
    "an infinite limit": field("age", {"type": "real", "max": float("inf")}),
    "a secret number": field("pin", {"type": "integer", "secret": True}),
    "a number that is not some text": field("pin", {"type": "integer", "but_not": ["0"]}),
    "constraints of a scalar": field("city", {"type": "City", "max_length": 3}),
    "a scalar that is not a text": scalar("City", type="integer"),
    "a scalar that no value fits": scalar("City", min_length=9, max_length=3),
    "a scalar with a broken pattern": scalar("City", pattern="["),
}

ROUTES: dict[str, Mistake] = {
    "a handler module that is missing": lambda spec: spec.route(handler="healht.get_health"),
    "a handler function that is missing": lambda spec: spec.route(handler="health.get_helth"),
    "a handler that takes something else": lambda spec: spec.route(
        path="/things/{thingId}", params={"thingId": "integer"}
    ),
    "a parameter that is not declared": lambda spec: spec.route(path="/things/{id}"),
    "a parameter that the path lacks": lambda spec: spec.route(params={"id": "integer"}),
    "parameters in another order": lambda spec: spec.route(
        path="/repos/{owner}/{name}", params={"name": "text", "owner": "text"}
    ),
    "a parameter in a segment": lambda spec: spec.route(path="/things.{id}", params={"id": "integer"}),
    "a route twice": lambda spec: spec.route(path="/health"),
    "a route in the shadow of another": lambda spec: [
        spec.route(
            path="/scans/{scanId}",
            params={"scanId": "integer"},
            handler="scans.get_scan",
            auth="account",
            name="getScan",
        ),
        spec.route(path="/scans/latest"),
    ],
    "an unknown model of a body": lambda spec: spec.route(method="POST", body="Helth"),
    "a body of a GET": lambda spec: spec.route(body="Health"),
    "a lenient body without defaults": lambda spec: spec.route(
        method="POST", body={"model": "Health", "lenient": True}
    ),
    "an unknown response": lambda spec: spec.route(responses={200: "Helath"}),
    "a response without content that is not 204": lambda spec: spec.route(responses={200: "none"}),
    "a scalar response": lambda spec: spec.route(responses={200: "text"}),
    "an unknown kind of parameter": lambda spec: spec.route(path="/things/{id}", params={"id": "intger"}),
    "a parameter that is a model": lambda spec: spec.route(path="/things/{id}", params={"id": "Health"}),
    "a parameter that is a real": lambda spec: spec.route(path="/things/{id}", params={"id": "real"}),
    "a method that is misspelt": lambda spec: spec.route(method="Get"),
}

ERRORS: dict[str, Mistake] = {
    "a code that is not declared": lambda spec: spec.route(errors=["INVALID_REQEST"]),
    "a status in place of a code": lambda spec: spec.route(errors=[404]),
    "a code in small letters": error("thing_gone"),
    "a code that no route can end with": error("THING_GONE", brought_by=[]),
    "a code twice": lambda spec: [error("GONE", brought_by=[])(spec), spec.route(errors=["GONE", "GONE"])],
    "a code that comes with the account": lambda spec: spec.route(auth="account", errors=["UNAUTHORIZED"]),
    "a code that comes with the body": lambda spec: spec.route(
        method="POST", body="Health", handler="repos.create_repo", errors=["INVALID_REQUEST"]
    ),
    "a code that Python cannot have": error("MRO"),
    "a status that HTTP lacks": error("GONE", status=444),
    "a status of success": error("GONE", status=200),
    "a part that no request has": error("GONE", brought_by=["query"]),
    "an error that is not explained": error("GONE", doc=" "),
}

PHASES: dict[str, Mistake] = {
    "an unknown next phase": phase(next="ingets"),
    "phases in a circle": add_phase("ingest", "scan"),
    "a phase that no scan reaches": lambda spec: [
        add_phase("ingest", "done")(spec),
        spec.jobs["phases"][0].update({"next": "done"}),
    ],
    "a phase twice": add_phase("scan", "done"),
    "a status that the enum lacks": phase(status="scanning"),
    "a status of a scan that has ended": phase(status="done"),
    "a processor that is missing": add_phase("triage", "done"),
    "batches of an unknown service": phase(batch="github"),
    "a message field that the runner needs": lambda spec: spec.jobs["message"]["fields"].pop("step"),
    "a first poll after the longest wait": lambda spec: spec.jobs["polling"].update(first_seconds=121),
    "a sweep that deletes too much": lambda spec: spec.jobs["retention"].update(scans_a_sweep=100),
    "groups of no scan are kept": lambda spec: spec.jobs["retention"].update(scans_with_groups=0),
    "a wait over the longest": lambda spec: spec.jobs["retries"].update({"base_seconds": 4000}),
}

BINDINGS: dict[str, Mistake] = {
    "too many dimensions": lambda spec: spec.bindings["vectors"].update(dimensions=3072),
    "both signals in one index": lambda spec: spec.bindings["vectors"]["intent"].update(collection="notes-code"),
    "a binding twice": lambda spec: spec.bindings["vectors"]["code"].update(binding="DB"),
    "a binding like a variable": lambda spec: spec.bindings.update(vars={"BATCH_POLLER": {"default": "x"}}),
    "a queue that is its own dead-letter queue": lambda spec: spec.bindings["dead_letter"].update(
        name="notes-pipeline"
    ),
    "too many retries": lambda spec: spec.bindings["queue"].update(max_retries=101),
    "fewer retries than the runner": lambda spec: spec.bindings["queue"].update(max_retries=2),
    "too large a batch": lambda spec: spec.bindings["dead_letter"].update(max_batch_size=101),
    "too much CPU": lambda spec: spec.bindings["worker"].update(cpu_ms=400_000),
    "an unknown plan": lambda spec: spec.bindings["worker"].update(plan="payed"),
    "a date that is none": lambda spec: spec.bindings["worker"].update(compatibility_date="2026-09-31"),
    "a date before this Python": lambda spec: spec.bindings["worker"].update(compatibility_date="2026-01-01"),
    "no Python": lambda spec: spec.bindings["worker"].update(compatibility_flags=["python_worker"]),
    "a schedule of four fields": lambda spec: spec.bindings["worker"].update(crons=["* * * *"]),
    "a schedule out of range": lambda spec: spec.bindings["worker"].update(crons=["*/15 25 * * *"]),
    "a delay over the queue's": lambda spec: spec.jobs["retries"].update(longest_seconds=50_000),
    "more consumers than the queue has": lambda spec: spec.bindings["queue"].update(max_concurrency=251),
    "a longer retry delay than the queue's": lambda spec: spec.bindings["queue"].update(retry_delay=50_000),
    "more jobs for an account than there are": lambda spec: spec.bindings["local"].update(jobs_per_account=7),
    "errors of polls within the patience": lambda spec: spec.jobs["polling"].update(max_errors=4),
}

BUDGETS: dict[str, Mistake] = {
    "a slice with too many calls": phase(
        slice={"of": "pull requests", "size": 400},
        budget={
            "statements": 2,
            "round_trips": 1,
            "calls": [{"to": "github", "count": 1, "per": 1, "attempts": 3}, {"to": "github", "count": 4}],
        },
    ),
    "a phase that no slice size saves": phase(budget={"statements": 2000, "round_trips": 1}),
    "a batch of messages": lambda spec: spec.bindings["queue"].update(max_batch_size=100)
    or phase(budget={"statements": 2, "round_trips": 7})(spec),
    "a smaller plan": lambda spec: spec.bindings["worker"].update(plan="free"),
    "a message that carries data": lambda spec: spec.jobs["message"]["fields"].update(title="text"),
    "a message that is too large": lambda spec: spec.bindings["limits"].update(queue_message_bytes=150),
}

STATEMENTS: dict[str, Mistake] = {
    "a type behind a parameter": lambda spec: note(spec, f"{SELECT} WHERE id = :id::integer", params={"id": "integer"}),
    "a type behind a column": lambda spec: note(spec, f"{SELECT} WHERE id::text = 'x'"),
    "a parameter with a letter that cannot be seen": lambda spec: note(spec, f"{SELECT} WHERE id = :id\ufeff"),
    "a migration that begins a transaction": lambda spec: spec.migrations.update(
        {"0002_more.sql": "CREATE TABLE tags (id INTEGER);\nBEGIN;\nDROP TABLE tags;\nCOMMIT;\n"}
    ),
    "a column that old rows lack": lambda spec: spec.migrations.update(
        {"0002_more.sql": "-- More.\nALTER TABLE notes ADD COLUMN size INTEGER NOT NULL;\n"}
    ),
    "a column whose default old rows cannot have": lambda spec: spec.migrations.update(
        {"0002_more.sql": "ALTER TABLE comments ADD COLUMN at TEXT DEFAULT (datetime('now'));\n"}
    ),
    "a migration that does not end": lambda spec: spec.migrations.update(
        {"0002_more.sql": "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n;"}
    ),
    "a compound of six": lambda spec: spec.method("count", " UNION ALL ".join(["SELECT 1"] * 6), result="integer[]"),
    "a function that D1 lacks": lambda spec: note(spec, "SELECT id, title, body FROM notes\nWHERE Power(id, 2) > 4"),
    "a quoted function that D1 lacks": lambda spec: note(spec, f'{SELECT} WHERE "log10"(id) > 4'),
    "fewer arguments than D1 asks for": lambda spec: note(
        spec, "SELECT id, title, iif(id > max(1, 2), body) AS body FROM notes"
    ),
    "more arguments than D1 takes": lambda spec: note(
        spec, "SELECT id, title, iif(id > 1, body, id > 2, title, '') AS body FROM notes"
    ),
    "33 arguments": lambda spec: note(spec, f"{SELECT} WHERE id < max({', '.join(['id'] * 33)})"),
    "101 columns": lambda spec: note(spec, f"{SELECT} WHERE EXISTS (SELECT {', '.join(['1'] * 101)})"),
    "an expression of depth 101": lambda spec: note(spec, f"{SELECT} WHERE {' OR '.join(['id = 1'] * 101)}"),
    "a pattern of 51 bytes": lambda spec: note(spec, f"{SELECT} WHERE title LIKE '%{'ä' * 25}'"),
    "a computed pattern of 60 bytes": lambda spec: note(
        spec, f"{SELECT} WHERE title GLOB '*{'a' * 29}' || '{'b' * 30}'"
    ),
    "a view with a function that D1 lacks": lambda spec: spec.migrations.update(
        {"0002_more.sql": "-- More.\nCREATE VIEW sizes AS\nSELECT account_id, median(stars) AS size FROM notes;\n"}
    ),
    "a trigger with fewer arguments than D1 asks for": lambda spec: spec.migrations.update(
        {
            "0002_more.sql": "CREATE TRIGGER more AFTER INSERT ON notes BEGIN\n"
            "    UPDATE notes SET body = iif(stars > 1, 'x') WHERE id = new.id;\nEND;\n"
        }
    ),
    "a view of six": lambda spec: spec.migrations.update(
        {"0002_more.sql": f"CREATE TABLE six AS {' UNION '.join(['SELECT 1 AS one'] * 6)};\n"}
    ),
    "a field of a record that nothing reads": lambda spec: with_records(
        spec,
        "Entry",
        "INSERT INTO comments (note_id, number, body) VALUES (:entry ->> '$.noteId', :entry ->> '$.number', 'x')",
        note_id="integer",
        number="integer",
        body="text",
    ),
    "a field of a listed record that nothing reads": lambda spec: with_records(
        spec,
        "Entry[]",
        "INSERT INTO comments (note_id, number, body)\n"
        "SELECT json_extract(value, '$.noteId'), value ->> '$.number', ''\n"
        "FROM json_each(:entry)\n",
        note_id="integer",
        number="integer",
        body="text",
    ),
    "an unknown table": lambda spec: spec.method("clear", "DELETE FROM note"),
    "an unknown column": lambda spec: note(spec, "SELECT id, titel AS title,\n       body\nFROM notes\n"),
    "an unknown function": lambda spec: note(spec, "SELECT id, upcase(title) AS title, body FROM notes"),
    "not SQL": lambda spec: note(spec, "SELECT id title FROM WHERE notes"),
    "a pragma": lambda spec: spec.method("tune", "PRAGMA journal_mode = WAL"),
    "a transaction": lambda spec: spec.method("clear", ["BEGIN", "DELETE FROM notes"]),
    "a table": lambda spec: spec.method("prepare", "CREATE TABLE more (id INTEGER)"),
    "two statements in one text": lambda spec: spec.method("clear", "DELETE FROM comments; DELETE FROM notes"),
    "an empty statement": lambda spec: spec.method("clear", "-- to be written\n"),
    "a statement that is too long": lambda spec: spec.method(
        "clear", f"DELETE FROM notes WHERE title = '{'x' * 100_000}'"
    ),
    "too many parameters": lambda spec: spec.method(
        "clear",
        f"DELETE FROM notes WHERE id IN ({', '.join(f':p{number}' for number in range(101))})",
        params={f"p{number}": "integer" for number in range(101)},
    ),
    "a parameter without a name": lambda spec: spec.method("clear", "DELETE FROM notes WHERE id = ?"),
    "a parameter that is misspelt": lambda spec: spec.method(
        "clear", "DELETE FROM notes WHERE id = :nte_id", params={"note_id": "integer"}
    ),
    "a parameter that is not used": lambda spec: spec.method("clear", "DELETE FROM notes", params={"id": "integer"}),
    "an account outside an account's method": lambda spec: spec.method(
        "clear", "DELETE FROM notes WHERE account_id = :account_id"
    ),
    "an account that is declared": lambda spec: spec.database["methods"]["getAccount"].update(
        params={"account_id": "integer"}
    ),
    "an account's method that does not mention it": lambda spec: spec.method(
        "clear", "DELETE FROM notes WHERE id = :id", scope="account", params={"id": "integer"}, result="changes"
    ),
    "a page outside a paged method": lambda spec: note(spec, f"{SELECT} WHERE id > :after ORDER BY id"),
    "a list as a value": lambda spec: spec.method(
        "clear", "DELETE FROM notes WHERE id IN (:ids)", params={"ids": "integer[]"}
    ),
    "a patch's field that is misspelt": lambda spec: spec.method(
        "edit",
        "UPDATE notes\nSET title = ifnull(:changes ->> '$.titel', title)\n",
        params={"changes": {"patch": {"title": "text"}}},
    ),
    "a patch's field in snake_case": lambda spec: spec.method(
        "edit",
        "UPDATE notes SET title = ifnull(:changes ->> '$.new_title', title)",
        params={"changes": {"patch": {"new_title": "text"}}},
    ),
    "a patch's field that is not used": lambda spec: spec.method(
        "edit",
        "UPDATE notes SET title = ifnull(:changes ->> '$.title', title)",
        params={"changes": {"patch": {"title": "text", "body": "text?"}}},
    ),
    "a record's field that is misspelt": lambda spec: with_records(
        spec, "Entry", "UPDATE notes SET title = json_extract(:entry, '$.titel')", title="text"
    ),
    "a field of a list of records that is misspelt": lambda spec: with_records(
        spec,
        "Entry[]",
        "INSERT INTO comments (note_id, number, body)\n"
        "SELECT value ->> '$.noteId', value ->> '$.nummer', 'x' FROM json_each(:entry)\n",
        note_id="integer",
        number="integer",
    ),
    "a migration that fails": lambda spec: spec.migrations.update(
        {"0002_more.sql": "-- More.\nCREATE TABLE tags (id INTEGER);\n\nCREATE INDEX tags_by_name\n  ON tags (name);\n"}
    ),
    "a migration without an end": lambda spec: spec.migrations.update(
        {"0002_more.sql": "CREATE TABLE tags (id INTEGER)"}
    ),
    "a migration out of order": lambda spec: spec.migrations.update(
        {"0003_more.sql": "CREATE TABLE tags (id INTEGER);"}
    ),
}


def listed(sql: str, result: str = "Note[]") -> Mistake:
    """A method that takes a list of ids."""
    return lambda spec: note(spec, sql, result, params={"ids": "integer[]"})


def derived(join: str) -> Mistake:
    """A list of numbers, each of which is a column of what is joined as `c`."""
    sql = f"SELECT c.number\nFROM notes {join} ON c.note_id = notes.id\n"
    return lambda spec: spec.method("read", sql, result="integer[]")


RESULTS: dict[str, Mistake] = {
    "a column that the entity lacks": lambda spec: note(spec, "SELECT id, title, body, state FROM notes"),
    "a column that is missing": lambda spec: note(spec, "SELECT id, title FROM notes"),
    "a column of another name": lambda spec: note(spec, "SELECT id, title AS titel, body FROM notes"),
    "a column twice": lambda spec: note(
        spec, "SELECT notes.id, comments.id, title, notes.body FROM notes JOIN comments ON note_id = notes.id"
    ),
    "a column of another type": column("integer", "title"),
    "a number as JSON": column("json", "id"),
    "a column that may be null": column("text", "body"),
    "a column of an outer join": lambda spec: [
        spec.database["entities"].update({"Note": {"columns": {"id": "integer", "number": "integer"}}}),
        spec.method(
            "readNotes",
            "SELECT notes.id, comments.number\nFROM notes LEFT JOIN comments ON comments.note_id = notes.id\n",
            result="Note[]",
        ),
    ],
    "an expression that can be null": column("text", "body || '!'"),
    "an expression of another type": column("text", "length(title)"),
    "a scalar of two columns": lambda spec: spec.method("read", "SELECT id, title FROM notes", result="integer?"),
    "a scalar that may be null": lambda spec: spec.method("read", "SELECT body FROM notes", result="text"),
    "a result without rows": lambda spec: note(spec, "DELETE FROM notes"),
    "rows without a result": lambda spec: note(spec, "DELETE FROM notes RETURNING id", None),
    "rows where changes are counted": lambda spec: note(spec, "DELETE FROM notes RETURNING id", "changes"),
    "changes of what only reads": lambda spec: note(
        spec, ["DELETE FROM notes", "DELETE FROM notes RETURNING id"], "changes"
    ),
    "two statements that return rows": lambda spec: note(spec, [SELECT, SELECT]),
    "a page of a scalar": lambda spec: spec.method(
        "read",
        "SELECT id FROM notes WHERE id > :after ORDER BY id LIMIT :page_size",
        result="integer[]",
        page={"by": "id", "size": 10},
    ),
    "a page by an unknown column": lambda spec: note(
        spec, f"{SELECT} WHERE id > :after ORDER BY id LIMIT :page_size", page={"by": "di", "size": 10}
    ),
    "a page by a text": lambda spec: note(
        spec, f"{SELECT} WHERE title > :after ORDER BY title LIMIT :page_size", page={"by": "title", "size": 10}
    ),
    "a page in another order": lambda spec: note(
        spec, f"{SELECT} WHERE id > :after ORDER BY title LIMIT :page_size", page={"by": "id", "size": 10}
    ),
    "a page that uses no size": lambda spec: note(
        spec, f"{SELECT} WHERE id > :after ORDER BY id", page={"by": "id", "size": 10}
    ),
    "a walk without an end": lambda spec: spec.method(
        "walk", "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n", result="integer[]"
    ),
    "a walk that an account's method does not end": lambda spec: spec.method(
        "walk",
        "WITH RECURSIVE n (i) AS (SELECT id FROM notes WHERE account_id = :account_id UNION ALL SELECT i + 1 FROM n) "
        "SELECT count(*) AS i FROM n",
        scope="account",
        result="integer",
    ),
    "a text that doubles": lambda spec: spec.method(
        "walk",
        "WITH RECURSIVE n (t) AS (SELECT 'ab' UNION ALL SELECT t || t FROM n) SELECT t FROM n",
        result="text[]",
    ),
    "all but a list": listed(f"{SELECT} WHERE id NOT IN (SELECT value FROM json_each(:ids))"),
    "what a list excludes": listed(f"{SELECT} EXCEPT {SELECT} WHERE id IN (SELECT value FROM json_each(:ids))"),
    "what no item of a list matches": listed(
        f"{SELECT} WHERE NOT EXISTS (SELECT 1 FROM json_each(:ids) WHERE value = notes.id)"
    ),
    "a list or something else": listed(f"{SELECT} WHERE id IN (SELECT value FROM json_each(:ids)) OR id > 0"),
    "the first of a list": listed(f"{SELECT} WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id LIMIT 9"),
    "a count of a list": listed(
        "SELECT count(*) AS count FROM notes WHERE id IN (SELECT value FROM json_each(:ids))", "integer"
    ),
    "all but a list is deleted": listed(
        "DELETE FROM notes WHERE id NOT IN (SELECT value FROM json_each(:ids))", "changes"
    ),
    "a list's positions": listed(
        "UPDATE notes SET body = (SELECT key FROM json_each(:ids) WHERE value = notes.id)", "changes"
    ),
    "a sum of nothing": lambda spec: spec.method("read", "SELECT sum(stars) AS value FROM notes", result="real"),
    "a largest of an account without notes": lambda spec: spec.method(
        "read", "SELECT max(id) AS value FROM notes WHERE account_id = :account_id", scope="account", result="integer"
    ),
    "a column of an outer join with a query": derived("LEFT JOIN (SELECT note_id, number FROM comments) AS c"),
    "a sum of an outer join with a query": derived(
        "LEFT JOIN (SELECT note_id, sum(number) AS number FROM comments GROUP BY note_id) AS c"
    ),
    "a column of an outer join with a common table": lambda spec: spec.method(
        "read",
        "WITH c AS (SELECT note_id, number FROM comments) "
        "SELECT c.number FROM notes LEFT JOIN c ON c.note_id = notes.id",
        result="integer[]",
    ),
    "a column of a query that finds nothing": lambda spec: spec.method(
        "read",
        "SELECT (SELECT number FROM comments WHERE note_id = notes.id) AS number FROM notes",
        result="integer[]",
    ),
    "a column behind a query that can be null": lambda spec: spec.method(
        "read", "SELECT upper(meta) AS meta FROM (SELECT meta FROM notes)", result="text[]"
    ),
    "a statement that fails when it runs": lambda spec: spec.method(
        "read", "SELECT json_extract(title || '{', '$.a') AS value FROM notes", result="text?"
    ),
}


def table(sql: str, **loose: object) -> Mistake:
    """One more table, and what is said of its keys."""

    def mistake(spec: SpecFolder) -> None:
        spec.migrations["0002_more.sql"] = f"-- More.\n{sql}\n"
        spec.database["loose_keys"] = {name.replace("__", "."): said for name, said in loose.items()}

    return mistake


LINES = "CREATE TABLE lines (id INTEGER PRIMARY KEY, note_id INTEGER NOT NULL);"


def reading(sql: str, read: str, **shared: str) -> Mistake:
    """One more table, and two methods of an account that read it."""

    def mistake(spec: SpecFolder) -> None:
        spec.migrations["0002_more.sql"] = sql
        spec.database["shared_tables"] = dict(shared)
        for number in (1, 2):
            spec.method(f"read{number}", read, scope="account", result="text[]")

    return mistake


OWNERSHIP: dict[str, Mistake] = {
    "an account_id without a foreign key": reading(
        "CREATE TABLE words (\n  id INTEGER PRIMARY KEY,\n  account_id INTEGER NOT NULL,\n  text TEXT NOT NULL\n);",
        "SELECT text FROM words WHERE account_id = :account_id",
    ),
    "a key of another table without a foreign key": table(LINES),
    "a key that is called after a part it plays": table(
        "CREATE TABLE links (first_note_id INTEGER NOT NULL REFERENCES notes (id), secondNoteId INTEGER NOT NULL);"
    ),
    "a key that was added later": table(
        "CREATE TABLE lines (id INTEGER PRIMARY KEY);\nALTER TABLE lines\n  ADD COLUMN comment_id INTEGER;"
    ),
    "a key to a table that is missing": table("CREATE TABLE lines (note INTEGER NOT NULL REFERENCES note (id));"),
    "a primary key that is another table's": table(
        "CREATE TABLE settings (account_id INTEGER PRIMARY KEY, mode TEXT);"
    ),
    "a table that leads nowhere": reading(
        "CREATE TABLE plans (name TEXT NOT NULL);", "SELECT name FROM plans WHERE :account_id > 0"
    ),
    "a table that leads nowhere, behind a view": reading(
        "CREATE TABLE plans (name TEXT NOT NULL);\nCREATE VIEW offers AS SELECT name FROM plans;",
        "SELECT name FROM offers WHERE :account_id > 0",
    ),
    "the table of tables": reading(
        "CREATE TABLE plans (name TEXT);", "SELECT name FROM sqlite_schema WHERE :account_id > 0"
    ),
    "a shared table that is missing": lambda spec: spec.database.update(shared_tables={"plan": "The same for all."}),
    "a shared table that belongs to accounts": lambda spec: spec.database.update(
        shared_tables={"comments": "The same for all."}
    ),
    "a loose key of a table that is missing": table(
        LINES, line__note_id={"reason": "x"}, lines__note_id={"reason": "x"}
    ),
    "a loose key that is missing": table(LINES, lines__note={"reason": "x"}, lines__note_id={"reason": "x"}),
    "a loose key of what is missing": table(LINES, lines__note_id={"table": "note", "reason": "It outlives it."}),
    "a loose key that is none": table("", comments__note_id={"table": "notes", "reason": "It outlives it."}),
    "a loose key of a table with two": table(
        f"{LINES}\nCREATE TABLE pairs (a TEXT, b TEXT, PRIMARY KEY (a, b));",
        lines__note_id={"table": "pairs", "reason": "It outlives it."},
    ),
}


def state(sql: str) -> Mistake:
    """Notes whose state is an enum, and a statement that is about it."""

    def mistake(spec: SpecFolder) -> None:
        spec.database["enums"]["NoteState"] = {"values": ["open", "closed"]}
        spec.database["entities"]["Note"] = {"columns": {"id": "integer", "state": "NoteState"}}
        spec.method("readNotes", "SELECT id, state FROM notes", result="Note[]")
        spec.method("other", sql, result="integer[]" if sql.startswith("SELECT") else "changes")

    return mistake


ENUMS: dict[str, Mistake] = {
    "a comparison": state("SELECT id FROM notes WHERE state = 'opne'"),
    "a comparison from the right": state("SELECT id FROM notes WHERE 'close' <> notes.state"),
    "a list": state(
        "SELECT notes.id FROM notes JOIN comments ON note_id = notes.id WHERE state NOT IN ('open', 'done')"
    ),
    "an assignment": state("UPDATE notes SET title = 'x', state = 'Closed' WHERE state IS NOT 'open'"),
}


# What is replaced in the text of a file: file, old text, new text.
TEXTS: dict[str, tuple[str, str, str]] = {
    "an unknown key": ("database", "scope: account", "scop: account"),
    "an unknown key of a route": ("routes", "auth: none", "auth: none\n  auht: none"),
    "a key that is missing": ("database", "    doc: The account itself.\n", ""),
    "a section that is missing": ("bindings", "poller:\n  binding: BATCH_POLLER\n", ""),
    "a choice that is none": ("bindings", "  dimensions: 768", "  dimensions: 768\n  metric: euclidean"),
    "a key twice": ("database", "result: Account?", "result: Account?\n    result: Account"),
    "a value that is not one of several": ("database", "scope: account", "scope: acount"),
    "a value of another type": ("jobs", "size: 1", "size: one"),
    "a number out of range": ("bindings", "port: 3400", "port: 340000"),
    "no value": ("routes", "title: notes", "title:"),
    "a list for a mapping": ("routes", "      status: text", "      - text"),
    "a mapping for a list": ("database", "    - queued\n    - done\n    - failed", "      queued: done"),
    "a date that is no text": ("bindings", "'2026-09-08'", "2026-09-08"),
    "a flag for a text": ("database", "    - queued", "    - on"),
    "a name that is none": ("database", "getAccount:", "get account:"),
    "a name that is a number": ("database", "  getAccount:", "  12:"),
    "a type that YAML reads otherwise": ("database", "      label: text?", "      label: ? text"),
    "a text that holds a comma in brackets": (
        "jobs",
        "doc: Open the scan.",
        "cursor: {page: integer, of all}\n  doc: Open the scan.",
    ),
    "a tab": ("jobs", "- name: scan", "\t- name: scan"),
    "an unfinished text": ("routes", "title: notes", "title: 'notes"),
    "an unknown tag": ("routes", "title: notes", "title: !env NAME"),
    "a tag that does not fit": ("routes", "title: notes", "title: !!int notes"),
    "a control character": ("routes", "title: notes", 'title: "no\\0tes"'),
    "half a character": ("routes", "title: notes", 'title: "\\uD800"'),
    "an alias in its own anchor": ("routes", "title: notes", "title: &a [*a]"),
}


def test_broken_texts(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    parts = []
    for name, (file, old, new) in TEXTS.items():
        spec = SpecFolder(tmp_path / name.replace(" ", "-"))
        path = spec.write() / f"{file}.yaml"
        assert path.read_text().count(old) == 1, name
        path.write_text(path.read_text().replace(old, new))
        with pytest.raises(SpecError) as caught:
            load_spec(spec.project / "spec")
        parts.append(f"# {name}\n{caught.value}\n")
    assert "\n".join(parts) == snapshot


def test_independent_mistakes_are_all_found_in_one_run(spec: SpecFolder, snapshot: SnapshotAssertion) -> None:
    spec.database["methods"]["getAccount"]["result"] = "Acount?"
    spec.method("clearNotes", "DELETE FROM note")
    spec.method("readNotes", "SELECT body FROM notes", result="text")
    spec.method("leakNotes", "SELECT title FROM notes WHERE :account_id > 0", scope="account", result="text[]")
    spec.route(handler="health.get_helth")
    spec.jobs["phases"][0]["next"] = "ingets"
    spec.bindings["worker"]["plan"] = "payed"
    assert spec.diagnostics() == snapshot


def report(tmp_path: Path, mistakes: dict[str, Mistake]) -> str:
    """Every mistake with the finding."""
    parts, surprises = [], []
    for name, mistake in mistakes.items():
        spec = SpecFolder(tmp_path / name.replace(" ", "-"))
        mistake(spec)
        spec.write()
        try:
            check_spec(load_spec(spec.project / "spec"), TEMPLATES)
        except SpecError as error:
            if len(error.diagnostics) != 1:
                surprises.append(f"{name}: {len(error.diagnostics)} findings:\n{error}")
            text = "\n".join(line if len(line) < 200 else f"{line[:160]} ..." for line in str(error).splitlines())
            parts.append(f"# {name}\n{text}\n")
        else:
            surprises.append(f"{name}: nothing was found")
    assert not surprises, "\n\n".join(surprises)
    return "\n".join(parts)


@pytest.mark.parametrize(
    "mistakes",
    [NAMES, TYPES, FIELDS, ROUTES, ERRORS, PHASES, BINDINGS, BUDGETS, STATEMENTS, RESULTS, OWNERSHIP, ENUMS],
    ids=[
        "names",
        "types",
        "fields",
        "routes",
        "errors",
        "phases",
        "bindings",
        "budgets",
        "statements",
        "results",
        "ownership",
        "enums",
    ],
)
def test_broken(tmp_path: Path, snapshot: SnapshotAssertion, mistakes: dict[str, Mistake]) -> None:
    assert report(tmp_path, mistakes) == snapshot


@pytest.mark.parametrize(
    ("sql", "result"),
    [
        ("SELECT ifnull(sum(stars), 0.0) AS value FROM notes", "real"),
        ("SELECT body FROM notes WHERE body IS NOT NULL", "text[]"),
        # A foreign key that is never null has its partner.
        ("SELECT (SELECT title FROM notes WHERE notes.id = note_id) AS title FROM comments", "text[]"),
        ("SELECT n.title FROM comments LEFT JOIN (SELECT id, title FROM notes) AS n ON n.id = note_id", "text[]"),
        (
            "SELECT count(c.id) AS count FROM notes LEFT JOIN (SELECT * FROM comments) AS c ON note_id = notes.id",
            "integer",
        ),
    ],
)
def test_what_is_never_null_is_accepted(spec: SpecFolder, sql: str, result: str) -> None:
    spec.method("read", sql, result=result)
    assert spec.diagnostics() == ""


@pytest.mark.parametrize(
    ("type_", "sql"),
    [
        ("Entry", "UPDATE notes SET meta = :entry"),
        ("Entry", "UPDATE notes SET meta = json_set(:entry, '$.number', 1)"),
        ("Entry", "UPDATE notes SET meta = json_extract(:entry, '$.number', '$.body')"),
        ("Entry", "UPDATE notes SET meta = (SELECT json_group_array(key) FROM json_each(:entry))"),
        ("Entry", "UPDATE notes SET title = :entry ->> '$.number', body = :entry ->> '$.body'"),
        ("Entry[]", "INSERT INTO notes (account_id, title, meta) SELECT 1, 'x', value FROM json_each(:entry)"),
    ],
)
def test_records_that_are_stored_whole_are_accepted(spec: SpecFolder, type_: str, sql: str) -> None:
    with_records(spec, type_, sql, number="integer", body="text")
    assert spec.diagnostics() == ""


@pytest.mark.parametrize(
    ("sql", "pieces"),
    [
        (f"{SELECT} WHERE id IN (SELECT value FROM json_each(:ids))", True),
        ("SELECT notes.id, title, body FROM json_each(:ids) JOIN notes ON notes.id = value ORDER BY notes.id", True),
        (f"{SELECT} WHERE id NOT IN (SELECT value FROM json_each(:ids))", False),
    ],
)
def test_lists_whose_pieces_mean_the_same_are_accepted(spec: SpecFolder, sql: str, pieces: bool) -> None:
    note(spec, sql, params={"ids": "integer[]"}, pieces=pieces)
    assert spec.diagnostics() == ""


def test_each_of_several_methods_may_read_a_part_of_a_record(spec: SpecFolder) -> None:
    with_records(spec, "Entry", "UPDATE notes SET body = :entry ->> '$.body'", number="integer", body="text")
    assert "'$.number' of 'Entry'" in spec.diagnostics()
    spec.method("mark", "UPDATE notes SET stars = :entry -> 'number'", params={"entry": "Entry"}, result="changes")
    assert spec.diagnostics() == ""


@pytest.mark.parametrize(
    "sql",
    [
        " UNION ALL ".join(["SELECT id FROM notes"] * 5),
        f"SELECT id FROM notes WHERE {' OR '.join(['id = 1'] * 98)}",
        f"SELECT id FROM notes WHERE title LIKE ('%{'a' * 49}') AND title NOT LIKE '%''{'b' * 48}'",
        # Names of functions that are something else here.
        "WITH power (id, rank) AS (SELECT id, stars FROM notes) SELECT power.id FROM power",
        "SELECT iif(id > 1, length(pow(2, 3)), iif(stars = ',', 1, 2)) AS id FROM notes WHERE title = 'power(1)'",
        "SELECT rank() OVER (ORDER BY id) + lag(id, 1, 2) OVER (ORDER BY id) AS id FROM notes",
    ],
)
def test_what_d1_takes_is_accepted(spec: SpecFolder, sql: str) -> None:
    spec.migrations["0002_more.sql"] = (
        "CREATE TABLE log10 (id INTEGER PRIMARY KEY);\nCREATE INDEX by_id ON log10 (id);\n"
        "INSERT INTO log10 (id) VALUES (1);\nALTER TABLE log10 ADD COLUMN power INTEGER;\nDROP TABLE log10;\n"
    )
    spec.method("read", sql, result="integer[]")
    assert spec.diagnostics() == ""
