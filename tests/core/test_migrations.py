"""What migrations make of rows that older versions have written."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.sqlite_executor import MIGRATIONS

NAME = "repository_names.sql"


def database(rows: str) -> sqlite3.Connection:
    """A database as it was before the migration, with rows, migrated."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    migrations = sorted(MIGRATIONS.glob("*.sql"))
    place = next(place for place, path in enumerate(migrations) if path.name.endswith(NAME))
    for migration in migrations[:place]:
        connection.executescript(migration.read_text())
    connection.executescript(rows)
    connection.executescript(f"BEGIN; {migrations[place].read_text()}; COMMIT;")
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    return connection


SPELLINGS = """
    INSERT INTO accounts (id, api_key_hash, config) VALUES (1, 'a', '{"vector_store":{"url":"u"}}'), (2, 'b', '{}');
    INSERT INTO repos (id, account_id, owner, name, last_scan_at) VALUES
        (1, 1, 'Acme', 'Rocket', '2026-01-09'), (2, 1, 'acme', 'rocket', NULL), (3, 2, 'ACME', 'ROCKET', NULL),
        (4, 1, 'acme', 'ROCKET', '2026-01-02'), (5, 1, 'acme', 'rocke', NULL), (6, 1, 'ácme', 'rocket', NULL),
        (7, 1, 'Ácme', 'rocket', NULL);
    INSERT INTO prs (id, repo_id, number, title, author, embed_hash, created_at, updated_at) VALUES
        (1, 1, 10, '', 'a', 'e', '', ''), (2, 1, 11, '', 'a', 'e', '', ''), (3, 2, 10, '', 'a', 'e', '', ''),
        (4, 4, 11, '', 'a', 'e', '', ''), (5, 4, 12, '', 'a', 'e', '', ''), (6, 3, 10, '', 'b', 'e', '', '');
    INSERT INTO scans (id, repo_id, account_id, status) VALUES
        (1, 1, 1, 'done'), (2, 4, 1, 'queued'), (3, 2, 1, 'embedding'), (4, 3, 2, 'queued');
    INSERT INTO scan_steps (scan_id, step, phase, due_at) VALUES
        (1, 1, NULL, ''), (2, 1, 'scan', ''), (3, 1, 'scan', ''), (4, 1, 'scan', '');
    INSERT INTO dupe_groups (id, scan_id, repo_id, pr_count) VALUES (1, 1, 1, 2);
    INSERT INTO dupe_group_members (group_id, pr_id, rank, score) VALUES (1, 1, 1, 9), (1, 2, 2, 8);
"""


@pytest.fixture(scope="module")
def merged() -> sqlite3.Connection:
    return database(SPELLINGS)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT id, last_scan_at FROM repos ORDER BY id", [(2, "2026-01-09"), *((id, None) for id in (3, 5, 6, 7))]),
        ("SELECT number, embed_hash FROM prs WHERE repo_id = 2 ORDER BY number", [(10, "e"), (11, None), (12, None)]),
        ("SELECT repo_id, number, embed_hash FROM prs WHERE repo_id <> 2", [(3, 10, "e")]),
        (
            "SELECT id, repo_id, status FROM scans ORDER BY id",
            [(1, 2, "done"), (2, 2, "failed"), (3, 2, "embedding"), (4, 3, "queued")],
        ),
        ("SELECT scan_id FROM scan_steps", [(1,), (3,), (4,)]),
        ("SELECT repo_id, scan_id FROM dupe_groups", [(2, 1)]),
        (
            "SELECT prs.repo_id, number, rank FROM dupe_group_members JOIN prs ON prs.id = pr_id ORDER BY rank",
            [(2, 10, 1), (2, 11, 2)],
        ),
        (
            "SELECT repo_id, number, vector_store FROM vector_purges ORDER BY repo_id, number",
            [(repo, number, '{"url":"u"}') for repo, number in ((1, 10), (1, 11), (4, 11), (4, 12))],
        ),
        ("SELECT count(*) FROM sqlite_schema WHERE name = 'same_repos'", [(0,)]),
    ],
)
def test_spellings_of_one_name_become_one_repository(
    merged: sqlite3.Connection, sql: str, expected: Sequence[Any]
) -> None:
    assert merged.execute(sql).fetchall() == expected


def test_without_such_rows_nothing_changes() -> None:
    connection = database("""
        INSERT INTO accounts (api_key_hash) VALUES ('a'), ('b');
        INSERT INTO repos (account_id, owner, name) VALUES (1, 'Acme', 'Rocket'), (2, 'acme', 'rocket');
        """)
    assert connection.execute("SELECT owner FROM repos").fetchall() == [("Acme",), ("acme",)]


@pytest.mark.parametrize(("owner", "name"), [("ACME", "rocket"), ("acme", "ROCKET")])
def test_no_second_spelling_can_be_stored(owner: str, name: str) -> None:
    connection = database("""
        INSERT INTO accounts (api_key_hash) VALUES ('a');
        INSERT INTO repos (account_id, owner, name) VALUES (1, 'acme', 'rocket');
        """)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        connection.execute("INSERT INTO repos (account_id, owner, name) VALUES (1, ?, ?)", (owner, name))
