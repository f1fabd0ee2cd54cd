"""What is asked for every request, scan and sweep is found by an index, on D1 and in Python's own SQLite."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ossgard.executor import Executor
from ossgard.spec import queries
from ossgard.sql_methods import Query
from tests.hosts.database.targets import d1_database
from tests.support.sqlite_executor import migrated_executor

# By the place of the statement: what its plan must name, beside that no whole table is read.
FOUND_BY = [
    (queries.GET_REPO_BY_OWNER_NAME, 0, "repos USING INDEX repos_by_name (account_id=? AND owner=? AND name=?)"),
    (queries.LIST_SAME_REPOS, 0, "repos_by_github_id (account_id=? AND github_id=?)"),
    (queries.LIST_SAME_REPOS, 0, "repos_by_name (account_id=? AND owner=? AND name=?)"),
    (queries.START_SCAN, 1, "repos_by_name (account_id=? AND owner=? AND name=?)"),
    (queries.START_SCAN, 2, "repos_by_name (account_id=? AND owner=? AND name=?)"),
    (queries.LIST_DUPES, 0, "repos_by_name (account_id=? AND owner=? AND name=?)"),
    (queries.LIST_REVIEW, 0, "repos_by_name (account_id=? AND owner=? AND name=?)"),
    (queries.LIST_ENDED_SCANS, 0, "scan_steps_ended (due_at<?)"),
    (queries.DELETE_OLD_GROUPS, 0, "dupe_groups_by_repo (repo_id=? AND scan_id<?)"),
    (queries.DELETE_OLD_GROUPS, 0, "newer USING COVERING INDEX scans_by_repo (repo_id=? AND status=?)"),
    (queries.DELETE_ENDED_JOBS, 0, "jobs_ended (status=? AND updated_at<?)"),
    (queries.FORGET_SCAN_WORK, -1, "scan_steps USING PRIMARY KEY (scan_id=?)"),
    (queries.LIST_UNJUDGED_PAIRS, 0, "verdicts USING"),
    (queries.LIST_CERTAIN_PAIRS, 0, "candidate_pairs USING PRIMARY KEY (scan_id=? AND pr_id>?)"),
    (queries.LIST_VOTES, 0, "verdicts USING PRIMARY KEY (pr_id=?)"),
    (queries.LIST_BONDS, 0, "verdicts USING PRIMARY KEY (pr_id=?)"),
    (queries.LIST_VERDICTS, 0, "verdicts USING"),
    (queries.LIST_VERDICTS_AMONG, 0, "verdicts USING PRIMARY KEY (pr_id=? AND other_id=?)"),
    (queries.LIST_FORMER_GROUPS, 0, "dupe_groups USING INDEX dupe_groups_by_scan (scan_id=? AND rowid>?)"),
    (queries.LIST_GROUP_ANSWERS, 0, "group_answers USING PRIMARY KEY (repo_id=? AND question_hash=?)"),
    (queries.DELETE_UNUSED_ANSWERS, 0, "group_answers_unused (used_at<?)"),
    (queries.PUT_VERDICTS, 0, "INDEX"),
    (queries.DELETE_VERDICT, 0, "verdicts USING"),
]


@contextmanager
def sqlite3_executor(directory: Path) -> Iterator[Executor]:
    yield migrated_executor(str(directory / "ossgard.db"))


@contextmanager
def d1_executor(directory: Path) -> Iterator[Any]:
    with d1_database(directory) as database:
        # The executor is part of D1's implementation only.
        yield vars(database)["_executor"]


@pytest.fixture(scope="module", params=[sqlite3_executor, d1_executor], ids=["sqlite3", "d1"])
def explain(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Query, int], list[str]]]:
    """The lines of a statement's plan."""
    with request.param(tmp_path_factory.mktemp("plans")) as executor:

        def plan(query: Query, place: int) -> list[str]:
            statement = query.statements[place]
            values = [None] * len(statement.order)
            rows = asyncio.run(executor.all(f"EXPLAIN QUERY PLAN {statement.sql}", values))
            return [str(row["detail"]) for row in rows]

        yield plan


@pytest.mark.parametrize(("query", "place", "expected"), FOUND_BY)
def test_an_index_finds_it(explain: Callable[[Query, int], list[str]], query: Query, place: int, expected: str) -> None:
    lines = explain(query, place)
    assert any(expected in line for line in lines), lines
    # What a window function numbers is a result, not a table.
    results = ("json_each", "(subquery-")
    tables = [line for line in lines if line.startswith("SCAN ") and not any(one in line for one in results)]
    assert [line for line in tables if line != "SCAN CONSTANT ROW"] == []
