"""Column lists: `*` and `{Entity from alias}` become the entity's columns, and findings point at what was written."""

import pytest

from tests.generator.spec_folder import SpecFolder

ALL = {
    "id": "integer",
    "account_id": "integer",
    "title": "text",
    "body": "text?",
    "state": "text",
    "stars": "real",
    "tags": "text[]",
    "meta": "json?",
}


@pytest.fixture
def notes(spec: SpecFolder) -> SpecFolder:
    spec.database["entities"]["Note"] = {"columns": {name: ALL[name] for name in ("title", "id", "body")}}
    spec.database["entities"]["WholeNote"] = {"columns": ALL}
    return spec


def expanded(spec: SpecFolder, sql: str, result: str, **params: str) -> str:
    spec.method("find", sql, result=result, params=params)
    return spec.load().spec.database.methods["find"].sql[0]


def test_a_star_is_the_entity_s_columns_in_its_order(notes: SpecFolder) -> None:
    sql = expanded(notes, "SELECT * FROM notes", "WholeNote[]")
    assert sql == f"SELECT {', '.join(ALL)} FROM notes"


def test_a_star_of_an_alias_keeps_the_alias(notes: SpecFolder) -> None:
    sql = expanded(notes, "SELECT accounts.* FROM notes JOIN accounts ON accounts.id = notes.account_id", "Account[]")
    assert sql == "SELECT accounts.id, accounts.label FROM notes JOIN accounts ON accounts.id = notes.account_id"


def test_an_entity_is_taken_from_an_alias_beside_other_columns(notes: SpecFolder) -> None:
    notes.database["entities"]["Shown"] = {
        "columns": {"title": "text", "id": "integer", "body": "text?", "n": "integer"}
    }
    sql = expanded(notes, "SELECT {Note from n}, (SELECT count(*) FROM comments) AS n FROM notes AS n", "Shown[]")
    assert sql == "SELECT n.title, n.id, n.body, (SELECT count(*) FROM comments) AS n FROM notes AS n"


def test_what_a_write_returns_is_expanded_too(notes: SpecFolder) -> None:
    sql = expanded(
        notes, "INSERT INTO notes (account_id, title) VALUES (1, :t) RETURNING {Note from notes}", "Note", t="text"
    )
    assert sql.endswith("RETURNING notes.title, notes.id, notes.body")


def test_long_lists_are_broken_under_their_beginning(notes: SpecFolder) -> None:
    sql = expanded(notes, f"SELECT {{WholeNote from {'long' * 5}}}\nFROM notes AS {'long' * 5}", "WholeNote[]")
    first, *further, last = sql.split("\n")
    assert first.startswith("SELECT long")
    assert further
    assert all(line.startswith(" " * len("SELECT ") + "long") for line in further)
    assert all(len(line) <= 120 for line in (first, *further))
    assert last.startswith("FROM")


@pytest.mark.parametrize("sql", ["SELECT count(*) AS n FROM notes", "SELECT '{Note from x}' AS n"])
def test_what_is_no_list_stays_as_it_is(notes: SpecFolder, sql: str) -> None:
    result = "integer" if "count" in sql else "text"
    assert expanded(notes, sql, result) == sql


@pytest.mark.parametrize(
    ("sql", "finding", "shown"),
    [
        ("SELECT {Nte from notes}\nFROM notes", "there is no entity 'Nte'", "SELECT {Nte from notes}"),
        ("SELECT n.*\nFROM notes AS n", "`*` leaves out account_id, state, stars, tags, meta", "SELECT n.*"),
        ("SELECT {Note from notes}\nFROM notes\nWHERE nope = 1", "there is no column 'nope'", "WHERE nope = 1"),
        ("SELECT {Note from notes}, notes.id AS x\nFROM notes", "has no column 'x'", "SELECT {Note from notes}, notes"),
        ("SELECT {Note from other}\nFROM notes", "there is no column 'other.title'", "SELECT {Note from other}"),
    ],
)
def test_findings_show_what_was_written(notes: SpecFolder, sql: str, finding: str, shown: str) -> None:
    notes.method("find", sql, result="Note[]")
    found = notes.diagnostics()
    assert finding in found
    assert shown in found
    line = next(line for line in found.splitlines() if line.strip() == "^")
    source = found.splitlines()[found.splitlines().index(line) - 1]
    pointed = source[line.index("^") :]
    assert pointed.startswith(("Nte", "n.*", "nope", "notes.id", "{Note"))
