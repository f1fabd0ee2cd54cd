"""A method whose SQL forgets the account is refused, whatever kind of statement it is; one that keeps to it is not."""

import re
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from generator.checks.context import Context
from generator.checks.isolation import check
from generator.spec.database import MethodSpec
from generator.spec.load import LoadedSpec, load_spec
from generator.spec.sql import number as number_parameters
from tests.generator.isolation_cases import ANY, CAREFUL, FORGETFUL, add_tables
from tests.generator.spec_folder import TEMPLATES, SpecFolder

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", FORGETFUL)
def test_a_statement_that_forgets_the_account_is_refused(spec: SpecFolder, kind: str) -> None:
    sql, params, result = FORGETFUL[kind]
    add_tables(spec)
    spec.method("leak", sql, scope="account", params=params, **({"result": result} if result else {}))
    found = spec.diagnostics()
    assert "of another account" in found
    assert "'leak'" in found
    assert found.count("error ") == 1


@pytest.mark.parametrize("kind", CAREFUL)
def test_a_statement_that_keeps_to_the_account_passes(spec: SpecFolder, kind: str) -> None:
    sql, params, result = CAREFUL[kind]
    add_tables(spec)
    spec.method("keep", sql, scope="account", params=params, **({"result": result} if result else {}))
    assert spec.diagnostics() == ""


@pytest.mark.parametrize(
    ("trigger", "leaks"),
    [
        ("AFTER INSERT ON tags BEGIN UPDATE notes SET body = NEW.name WHERE title = NEW.name; END", True),
        ("AFTER INSERT ON tags WHEN NEW.name = 'all' BEGIN UPDATE notes SET body = 'x'; END", True),
        ("AFTER INSERT ON tags BEGIN INSERT INTO log (line) SELECT title FROM notes WHERE state = 'closed'; END", True),
        ("AFTER INSERT ON tags BEGIN UPDATE notes SET body = 'x' WHERE account_id = NEW.account_id; END", False),
        ("BEFORE INSERT ON tags WHEN NEW.name = '' BEGIN SELECT RAISE(ABORT, 'a tag has a name'); END", False),
    ],
    ids=["by a value", "on a value", "into a table of nobody", "guarded", "that refuses"],
)
def test_a_trigger_counts_as_part_of_what_fires_it(spec: SpecFolder, trigger: str, leaks: bool) -> None:
    add_tables(spec)
    spec.migrations["0003_trigger.sql"] = f"CREATE TRIGGER follow {trigger};\n"
    sql = "INSERT INTO tags (account_id, name) SELECT id, :name FROM accounts WHERE id = :account_id"
    spec.method("addTag", sql, scope="account", params={"name": "text"}, result="changes")
    assert ("of another account" in spec.diagnostics()) == leaks


def test_every_statement_can_be_prepared_with_free_conditions(spec: SpecFolder) -> None:
    """One that could not would fail in every trial, and pass for safe."""
    add_tables(spec)
    for number, (sql, params, result) in enumerate([*FORGETFUL.values(), *CAREFUL.values()]):
        spec.method(f"read{number}", sql, scope="account", params=params, **({"result": result} if result else {}))
    for folder in (spec.write(), PROJECT / "spec"):
        context = Context(load_spec(folder), TEMPLATES)
        box = context.sandbox
        assert box is not None
        freed = 0
        for method in context.spec.database.methods.values():
            loose, answers = box.loosened(method)
            freed += len(answers) > 1
            for sql in loose.sql:
                numbered = number_parameters(sql)
                box.roles[0].both.execute(f"EXPLAIN {numbered.sql}", [None] * len(numbered.order))
        assert freed > 30


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
