"""Lists longer than one value of the database: what means the same in pieces is sent so, the rest is refused."""

import asyncio

import pytest

from ossgard.errors import DatabaseError
from ossgard.spec.queries import INSERT_RANKED_GROUP, MARK_PRS_READ
from ossgard.spec.sql_database import SqlDatabase
from ossgard.write import Write
from tests.support.sqlite_executor import SqliteExecutor, migrated_executor

LIMIT = 1000
LONG = list(range(10_000, 10_000 + LIMIT))


def database() -> tuple[SqlDatabase, SqliteExecutor]:
    executor = migrated_executor()
    return SqlDatabase(executor, max_value_bytes=LIMIT), executor


def test_a_list_that_must_be_whole_is_refused_and_nothing_is_sent() -> None:
    db, executor = database()
    with pytest.raises(DatabaseError, match=r"a list of 1000 items has 6001 bytes, .* the limit is 1000: pass fewer"):
        asyncio.run(db.claim_job("2026-01-01T00:00:00Z", 2, LONG))
    with pytest.raises(DatabaseError, match="a list of 1000 items"):
        asyncio.run(db.commit([Write("markPRsRead", (1, LONG[:9])), Write("insertRankedGroup", (1, 1, None, LONG))]))
    assert executor.statements == []
    assert INSERT_RANKED_GROUP.chunked is None


def test_other_lists_are_sent_in_pieces_and_short_ones_whole() -> None:
    db, executor = database()
    assert asyncio.run(db.claim_job("2026-01-01T00:00:00Z", 2, LONG[:99])) is None
    asyncio.run(db.mark_prs_read(1, LONG))
    assert executor.statements.count(MARK_PRS_READ.statements[0].sql) > 6
