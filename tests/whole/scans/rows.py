"""What must hold in a database after a scan, however it went: no row is lost, doubled or left behind."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

NOTED_SECONDS = 5

# Asks a host's database.
Rows = Callable[[str], list[dict[str, Any]]]


def assert_whole(rows: Rows, scan_id: int, killed: bool = False, unembedded: Sequence[int] = ()) -> None:
    """Check the rows of a scan that has ended, and of everything that it worked on.

    A host that is `killed` may have sent a message without noting it down, which does no harm. `unembedded` are pull
    requests whose texts are refused.
    """
    scan = rows(f"SELECT * FROM scans WHERE id = {scan_id}")[0]
    steps = rows(f"SELECT step, phase FROM scan_steps WHERE scan_id = {scan_id} ORDER BY step")
    assert [step["step"] for step in steps] == list(range(1, len(steps) + 1))
    assert killed or _all_sent(rows, scan_id), "every message was sent"
    assert [step["phase"] for step in steps if step["phase"] is None] == [None], "the scan ended once"
    assert steps[-1]["phase"] is None
    groups = rows(f"SELECT * FROM dupe_groups WHERE scan_id = {scan_id} ORDER BY id")
    members = rows(
        "SELECT group_id, pr_id, rank, score FROM dupe_group_members"
        f" WHERE group_id IN (SELECT id FROM dupe_groups WHERE scan_id = {scan_id}) ORDER BY group_id, rank"
    )
    for group in groups:
        ranks = [member["rank"] for member in members if member["group_id"] == group["id"]]
        assert ranks == list(range(1, group["pr_count"] + 1)), "every member has a rank of its own"
    assert len({member["pr_id"] for member in members}) == len(members), "no pull request is in two groups"
    # Groups that the model had no answer for stay, with the reason.
    for table in ("listed_prs", "candidate_groups WHERE error IS NULL"):
        left = rows(f"SELECT scan_id FROM {table}")
        assert {"scan_id": scan_id} not in left, f"the scan leaves nothing in {table}"
    if scan["status"] == "done":
        assert scan["dupe_group_count"] == len(groups)
        # Every open pull request has its vectors; a scan of a part says nothing of the others.
        missing = rows(
            f"SELECT number FROM prs WHERE repo_id = {scan['repo_id']} AND state = 'open' AND embed_hash IS NULL"
        )
        assert [row["number"] for row in missing] == list(unembedded)


def _all_sent(rows: Rows, scan_id: int) -> bool:
    """Whether every message is noted down as sent; the scan may have ended before the last note is made."""
    end = time.monotonic() + NOTED_SECONDS
    while rows(f"SELECT step FROM scan_steps WHERE scan_id = {scan_id} AND sent_at IS NULL"):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def file_rows(directory: Path) -> Rows:
    """Asks a database file that its host has open."""

    def rows(sql: str) -> list[dict[str, Any]]:
        connection = sqlite3.connect(directory / "ossgard.db", timeout=10)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql)]
        finally:
            connection.close()

    return rows
