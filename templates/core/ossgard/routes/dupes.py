"""The duplicates that a repository's latest completed scan has found."""

from collections.abc import Sequence
from itertools import groupby

from ossgard.errors import HttpError
from ossgard.http import AccountContext
from ossgard.routes.repos import not_tracked
from ossgard.spec.entities import DupeRow, PRState, ReviewRow
from ossgard.spec.error_codes import ErrorCode
from ossgard.spec.models import DupeGroupView, DupeMember, Dupes


async def get_dupes(context: AccountContext, owner: str, name: str) -> Dupes:
    """The groups with their members, best first."""
    rows = await context.account_db.list_dupes(owner, name)
    if not rows:
        raise not_tracked(owner, name)
    scan_id = rows[0].scan_id
    if scan_id is None:
        raise HttpError(ErrorCode.REPO_NOT_SCANNED, f"No scan of {owner}/{name} is completed yet")
    groups = read_groups(rows)
    return Dupes(
        repo=f"{rows[0].owner}/{rows[0].name}",
        scan_id=scan_id,
        completed_at=rows[0].completed_at,
        group_count=len(groups),
        groups=groups,
        warnings=rows[0].warnings or [],
    )


def read_groups(rows: Sequence[DupeRow | ReviewRow]) -> list[DupeGroupView]:
    """The groups in rows that are ordered by group, and by rank in each."""
    return [
        _group(group_id, list(members))
        for group_id, members in groupby(rows, key=lambda row: row.group_id)
        if group_id is not None
    ]


def _group(group_id: int, rows: Sequence[DupeRow | ReviewRow]) -> DupeGroupView:
    best = rows[0]
    members = [member for member in map(_member, rows) if member is not None]
    return DupeGroupView(
        group_id=group_id,
        label=best.label,
        pr_count=best.pr_count or len(members),
        members=members,
        is_new=bool(best.is_new_group),
        # Since the scan, or before it.
        merged_pr_number=best.pr_number if best.state is PRState.MERGED else best.merged_number,
    )


def _member(row: DupeRow | ReviewRow) -> DupeMember | None:
    """The member in a row; a group without members is a row without one."""
    if (
        row.pr_id is None
        or row.pr_number is None
        or row.title is None
        or row.author is None
        or row.state is None
        or row.rank is None
        or row.score is None
    ):
        return None
    return DupeMember(
        pr_id=row.pr_id,
        pr_number=row.pr_number,
        title=row.title,
        author=row.author,
        state=row.state,
        rank=row.rank,
        score=row.score,
        rationale=row.rationale,
        relationship=row.relationship,
        confidence=row.confidence,
        reason=row.reason,
        is_new=bool(row.is_new),
    )
