"""A method whose SQL forgets the account is refused, whatever kind of statement it is; one that keeps to it is not."""

import re
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from generator.checks.context import Context
from generator.checks.isolation import check
from generator.spec.database import MethodSpec
from generator.spec.load import LoadedSpec, load_spec
from tests.generator.spec_folder import TEMPLATES, SpecFolder

PROJECT = Path(__file__).parents[2]
# It mentions :account_id, which the plainer check asks for, and compares nothing with it.
ANY = ":account_id IS NOT NULL"
NOTES = "SELECT id FROM notes WHERE account_id = :account_id"

FORGETFUL: dict[str, tuple[str | list[str], dict[str, str], str | None]] = {
    "a row by id": (f"SELECT title FROM notes WHERE id = :id AND {ANY}", {"id": "integer"}, "text?"),
    "rows by a list of ids": (
        f"SELECT title FROM notes WHERE id IN (SELECT value FROM json_each(:ids)) AND {ANY}",
        {"ids": "integer[]"},
        "text[]",
    ),
    "rows of a parent": (
        f"SELECT comments.body FROM comments JOIN notes ON notes.id = note_id WHERE note_id = :id AND {ANY}",
        {"id": "integer"},
        "text[]",
    ),
    "rows in one state": (f"SELECT title FROM notes WHERE state = 'closed' AND {ANY}", {}, "text[]"),
    "a count": (f"SELECT count(*) AS number FROM notes WHERE {ANY}", {}, "integer"),
    "whether a row exists": (
        f"SELECT EXISTS (SELECT 1 FROM notes WHERE title = :title) AS found WHERE {ANY}",
        {"title": "text"},
        "integer",
    ),
    "the newest row": (f"SELECT title FROM notes WHERE {ANY} ORDER BY id DESC LIMIT 1", {}, "text?"),
    "the oldest row": (f"SELECT title FROM notes WHERE {ANY} ORDER BY id LIMIT 1", {}, "text?"),
    "an update of the newest row": (
        f"UPDATE notes SET stars = 1 WHERE id = (SELECT max(id) FROM notes) AND {ANY}",
        {},
        None,
    ),
    "a subquery": (
        "SELECT (SELECT max(title) FROM notes) AS title FROM accounts WHERE id = :account_id",
        {},
        "text?",
    ),
    "an outer join": (
        "SELECT ifnull(comments.body, '') AS body FROM notes LEFT JOIN comments ON comments.number = notes.id OR 1 "
        "WHERE notes.account_id = :account_id",
        {},
        "text[]",
    ),
    "an update by id": (f"UPDATE notes SET stars = 1 WHERE id = :id AND {ANY}", {"id": "integer"}, "changes"),
    "an update of all": (f"UPDATE notes SET stars = 1 WHERE {ANY}", {}, "changes"),
    "an update that takes rows over": (
        "UPDATE notes SET account_id = :account_id WHERE id = :id",
        {"id": "integer"},
        "changes",
    ),
    "an update that gives rows away": (
        "UPDATE notes SET account_id = :other WHERE account_id = :account_id",
        {"other": "integer"},
        "changes",
    ),
    "a deletion by id": (f"DELETE FROM comments WHERE id = :id AND {ANY}", {"id": "integer"}, "changes"),
    "a deletion that cascades": (f"DELETE FROM notes WHERE id = :id AND {ANY}", {"id": "integer"}, None),
    "an insertion under a foreign parent": (
        f"INSERT INTO comments (note_id, number, body) SELECT :note_id, 1, 'x' WHERE {ANY}",
        {"note_id": "integer"},
        "changes",
    ),
    "an insertion of what another has": (
        "INSERT INTO notes (account_id, title) SELECT :account_id, title FROM notes WHERE id = :id RETURNING title",
        {"id": "integer"},
        "text?",
    ),
    "a replacement": (
        "INSERT INTO comments (note_id, number, body) SELECT note_id, number, :body FROM comments "
        f"WHERE comments.id = :id AND {ANY} ON CONFLICT (note_id, number) DO UPDATE SET body = excluded.body",
        {"id": "integer", "body": "text"},
        "changes",
    ),
    "a title of another": (
        "UPDATE notes SET title = (SELECT title FROM notes AS other WHERE other.id = :id) "
        "WHERE account_id = :account_id AND EXISTS (SELECT 1 FROM notes AS other WHERE other.id = :id)",
        {"id": "integer"},
        None,
    ),
    "an insertion into a table of nobody": (
        f"INSERT INTO log (line) SELECT title FROM notes WHERE id = :id AND {ANY}",
        {"id": "integer"},
        None,
    ),
    "the second of two statements": (
        ["UPDATE notes SET stars = 0 WHERE account_id = :account_id", f"DELETE FROM comments WHERE {ANY}"],
        {},
        "changes",
    ),
}

CAREFUL: dict[str, tuple[str | list[str], dict[str, str], str | None]] = {
    "a row by id": ("SELECT title FROM notes WHERE id = :id AND account_id = :account_id", {"id": "integer"}, "text?"),
    "a count": ("SELECT count(*) AS number FROM notes WHERE account_id = :account_id", {}, "integer"),
    "an insertion": (
        "INSERT INTO notes (account_id, title) SELECT id, :title FROM accounts WHERE id = :account_id RETURNING id",
        {"title": "text"},
        "integer?",
    ),
    "an insertion under an own parent": (
        f"INSERT INTO comments (note_id, number, body) SELECT id, :number, 'x' FROM ({NOTES}) WHERE id = :id "
        "ON CONFLICT DO NOTHING",
        {"id": "integer", "number": "integer"},
        "changes",
    ),
    "a deletion that cascades": ("DELETE FROM notes WHERE account_id = :account_id", {}, "changes"),
    "the time of day": (
        "UPDATE notes SET body = datetime('now') || random() WHERE account_id = :account_id RETURNING body",
        {},
        "text?",
    ),
}


@pytest.mark.parametrize("kind", FORGETFUL)
def test_a_statement_that_forgets_the_account_is_refused(spec: SpecFolder, kind: str) -> None:
    sql, params, result = FORGETFUL[kind]
    spec.migrations["0002_log.sql"] = "CREATE TABLE log (line TEXT NOT NULL);\n"
    spec.method("leak", sql, scope="account", params=params, **({"result": result} if result else {}))
    found = spec.diagnostics()
    assert "of another account" in found
    assert "'leak'" in found
    assert found.count("error:") == 1


@pytest.mark.parametrize("kind", CAREFUL)
def test_a_statement_that_keeps_to_the_account_passes(spec: SpecFolder, kind: str) -> None:
    sql, params, result = CAREFUL[kind]
    spec.method("keep", sql, scope="account", params=params, **({"result": result} if result else {}))
    assert spec.diagnostics() == ""


def test_methods_of_other_scopes_may_see_everything(spec: SpecFolder) -> None:
    for scope in ("internal", "public"):
        spec.method(f"read{scope.title()}", "SELECT title FROM notes", scope=scope, result="text[]")
    assert spec.diagnostics() == ""


def test_the_finding_names_what_leaked_and_the_way_to_the_account(
    spec: SpecFolder, snapshot: SnapshotAssertion
) -> None:
    leaks = ("a row by id", "rows of a parent", "a count", "a deletion that cascades", "an update by id")
    for number, kind in enumerate(leaks):
        sql, params, result = FORGETFUL[kind]
        spec.method(f"leak{number}", sql, scope="account", params=params, **({"result": result} if result else {}))
    assert spec.diagnostics() == snapshot


def test_a_table_that_cannot_be_filled_is_not_taken_for_safe(spec: SpecFolder, snapshot: SnapshotAssertion) -> None:
    spec.migrations["0002_more.sql"] = (
        "CREATE TABLE codes (account_id INTEGER NOT NULL REFERENCES accounts (id), code TEXT NOT NULL\n"
        "  CHECK (code GLOB '[A-Z][A-Z]-[0-9][0-9]'));\n"
    )
    spec.method("listCodes", "SELECT code FROM codes WHERE account_id = :account_id", scope="account", result="text[]")
    assert spec.diagnostics() == snapshot


@pytest.mark.parametrize(
    "condition",
    [
        "state TEXT NOT NULL CHECK (state IN ('draft', 'sent'))",
        "amount INTEGER NOT NULL CHECK (amount > 0 AND amount < 100)",
        "kind TEXT NOT NULL UNIQUE",
        "parent_id INTEGER REFERENCES invoices (id)",
        "total INTEGER GENERATED ALWAYS AS (id * 2) STORED",
        "flag INTEGER NOT NULL DEFAULT 0 CHECK (flag IN (0, 1)), other TEXT NOT NULL CHECK (length(other) > 0)",
    ],
)
def test_tables_of_any_shape_are_filled(spec: SpecFolder, condition: str) -> None:
    spec.migrations["0002_more.sql"] = (
        "CREATE TABLE invoices (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts (id), "
        f"{condition});\n"
    )
    spec.method(
        "listInvoices", "SELECT id FROM invoices WHERE account_id = :account_id", scope="account", result="integer[]"
    )
    assert spec.diagnostics() == ""
    spec.method("leakInvoices", f"SELECT id FROM invoices WHERE {ANY}", scope="account", result="integer[]")
    assert "'leakInvoices' returns rows of another account" in spec.diagnostics()


@pytest.fixture(scope="module")
def real() -> LoadedSpec:
    return load_spec(PROJECT / "spec")


def forgetful(method: MethodSpec, index: int) -> MethodSpec | None:
    """The method with one statement that no longer compares anything with the account."""
    changed = re.sub(r"(\w+\.)?(account_id|id) = :account_id", ANY, method.sql[index])
    if changed == method.sql[index]:
        return None
    return method.model_copy(update={"sql": [*method.sql[:index], changed, *method.sql[index + 1 :]]})


def test_every_statement_of_the_real_spec_is_guarded(real: LoadedSpec) -> None:
    """Each `account` statement, made forgetful in turn, is found."""
    methods = real.spec.database.methods
    guarded = 0
    for name, method in methods.items():
        for index in range(len(method.sql)) if method.scope == "account" else ():
            changed = forgetful(method, index)
            assert changed is not None, f"{name} has another way to compare the account: extend this test"
            database = real.spec.database.model_copy(update={"methods": {name: changed}})
            spec = real.spec.model_copy(update={"database": database})
            context = Context(LoadedSpec(spec, real.sources), TEMPLATES)
            check(context)
            assert [finding for finding in context.diagnostics if "of another account" in finding.message], name
            guarded += 1
    assert guarded >= 28
