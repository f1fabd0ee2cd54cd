"""The story's last chapters: one repository under several names, and what is deleted after a while."""

from typing import Any

from ossgard.spec.entities import EmbedHash, ScanStatus
from tests.hosts.database.pipeline import BIG_PRS, group, member, purge
from tests.hosts.database.purges import FIRST
from tests.hosts.database.rows import BEST, BOB, ROCKET, SCAN, T1, T2, T3, Refused, call, pr, pr_input

EVE = 3
OLD, NEW = 8, 10
GITHUB_ID = 2**40
OLD_SCAN, NEW_SCAN = 6, 7
OLD_7, OLD_8, NEW_8 = 31, 32, 33
BEFORE, LATER = "2020-01-01T00:00:00.000Z", "2999-01-01T00:00:00.000Z"


def repo(id: int, owner: str, name: str, **fields: Any) -> dict[str, Any]:
    """A repository as GitHub knows it, in wire form."""
    return {"id": id, "owner": owner, "name": name, "githubId": None, "activeScanId": None, **fields}


def unique(table: str, *columns: str) -> Refused:
    """The refusal of a second row of an account with these values."""
    return Refused("UNIQUE constraint failed: " + ", ".join(f"{table}.{one}" for one in ("account_id", *columns)))


KNOWN, UNKNOWN = repo(OLD, "acme", "old", githubId=GITHUB_ID), repo(NEW, "acme", "new")
OLDS = {**SCAN, "id": OLD_SCAN, "repoId": OLD, "phaseCursor": {}}
NEWS = {**SCAN, "id": NEW_SCAN, "repoId": NEW, "phaseCursor": {}}
FAILED = {**OLDS, "repoId": NEW, "status": "failed", "completedAt": T2, "error": "for the next call"}

NAMES = [
    call("create_account", "hash-c", "Eve", {}, gives={**BOB, "id": EVE, "label": "Eve"}),
    call("insert_repo", EVE, "Acme", "Old", gives={**ROCKET, "id": OLD, "owner": "Acme", "name": "Old"}),
    call("insert_repo", EVE, "aCME", "oLD", gives=None, why="that is tracked in another case"),
    call("insert_repo", EVE, "acme", "new", gives={**ROCKET, "id": NEW, "name": "new"}),
    call("identify_repo", OLD, GITHUB_ID, "acme", "old", gives=1),
    call("identify_repo", 99, GITHUB_ID, "acme", "old", gives=0, why="that is not there"),
    call("identify_repo", NEW, GITHUB_ID, "acme", "new", gives=unique("repos", "github_id"), why="as a tracked one"),
    call("identify_repo", NEW, 7, "ACME", "OLD", gives=unique("repos", "owner", "name"), why="by a name that is taken"),
    call("list_same_repos", EVE, NEW, GITHUB_ID, "acme", "newer", gives=[KNOWN, UNKNOWN]),
    call("list_same_repos", EVE, 99, 99, "ACME", "New", gives=[UNKNOWN], why="by its name in another case"),
    call("list_same_repos", 1, NEW, GITHUB_ID, "acme", "new", gives=[], why="of another account"),
    call("start_scan", EVE, "ACME", "old", {}, "scan", T1, gives=OLDS, why="in another case"),
    call("start_scan", EVE, "acme", "NEW", {}, "scan", T1, gives=NEWS, why="in yet another case"),
    call(
        "list_same_repos",
        EVE,
        NEW,
        GITHUB_ID,
        "acme",
        "new",
        gives=[{**KNOWN, "activeScanId": OLD_SCAN}, {**UNKNOWN, "activeScanId": NEW_SCAN}],
        why="while scans are active",
    ),
    call("upsert_prs", OLD, [pr_input(7), pr_input(8)], gives=2, why="of a repository that is merged next"),
    call("upsert_prs", NEW, [pr_input(8, title="stays")], gives=1, why="of the one that it is merged into"),
    call("update_pr_embed_hashes", [EmbedHash(id=OLD_7, embed_hash="e"), EmbedHash(id=NEW_8, embed_hash="e")], gives=2),
    call("merge_repo", OLD, NEW, gives=Refused("UNIQUE constraint failed: scans.repo_id"), why="while both are"),
    call(
        "insert_ranked_group",
        OLD_SCAN,
        OLD,
        "of the old",
        None,
        None,
        [
            member(OLD_7, 1, 9),
            member(OLD_8, 2, 8),
        ],
        gives=2,
        why="that is merged next",
    ),
    call("fail_scan", OLD_SCAN, "for the next call", T2, gives=1),
    call("update_repo_last_scan_at", OLD, T2, gives=1, why="that is merged next"),
    call("merge_repo", OLD, NEW, gives=1),
    call(
        "list_repos",
        EVE,
        gives=[
            {
                **ROCKET,
                "id": NEW,
                "name": "new",
                "lastScanAt": T2,
                "prCount": 2,
                "activeScanStatus": "queued",
                "activeScanPrCount": 0,
                "activeScanDupeGroupCount": 0,
            }
        ],
        why="of which two became one",
    ),
    call(
        "list_open_prs",
        EVE,
        NEW,
        gives=[pr(OLD_7, 7, repoId=NEW), pr(NEW_8, 8, repoId=NEW, title="stays", embedHash="e")],
        why="of a merged repository",
    ),
    call("get_scan", EVE, OLD_SCAN, gives=FAILED, why="of a merged repository"),
    call(
        "list_dupe_group_members",
        EVE,
        6,
        gives=[
            {**BEST, "id": 9, "groupId": 6, "prId": OLD_7, "score": 9.0, "rationale": None},
            {**BEST, "id": 10, "groupId": 6, "prId": NEW_8, "rank": 2, "score": 8.0, "rationale": None},
        ],
        why="of a merged repository",
    ),
    call(
        "list_vector_purges",
        FIRST + 5 + BIG_PRS,
        10,
        gives=[purge(FIRST + 6 + BIG_PRS, 7, OLD), purge(FIRST + 7 + BIG_PRS, 8, OLD)],
        why="of a merged repository",
    ),
    call("identify_repo", NEW, GITHUB_ID, "acme", "new", gives=1, why="as what was merged into it"),
]

RETENTION = [
    call("take_step", NEW_SCAN, 2, None, T2, None, None, gives=None, why="of a scan that is old later"),
    call(
        "update_scan_status",
        NEW_SCAN,
        ScanStatus.DONE,
        {"completed_at": T2},
        gives=1,
        why="of a scan that is old later",
    ),
    call("insert_candidate_groups", NEW_SCAN, "candidate", [group(1, [OLD_7, NEW_8])], gives=1, why="of an old scan"),
    call("list_ended_scans", T2, 9, gives=[], why="before they are old"),
    call("list_ended_scans", T3, 9, gives=[{"scanId": NEW_SCAN, "repoId": NEW}]),
    call("delete_old_groups", NEW, 2, 9, gives=0, why="while fewer scans are completed"),
    call("delete_old_groups", NEW, 1, 0, gives=0, why="none at most"),
    call("delete_old_groups", 99, 1, 9, gives=0, why="of no repository"),
    call(
        "insert_ranked_group",
        NEW_SCAN,
        NEW,
        "shown",
        None,
        None,
        [member(NEW_8, 1, 1)],
        gives=1,
    ),
    call("delete_old_groups", NEW, 1, 9, gives=1),
    call("list_dupe_groups", EVE, OLD_SCAN, gives=[], why="that are old"),
    call(
        "list_dupe_groups",
        EVE,
        NEW_SCAN,
        gives=[{"id": 7, "scanId": NEW_SCAN, "repoId": NEW, "label": "shown", "prCount": 1}],
        why="of the latest completed scan",
    ),
    call("forget_scan_work", NEW_SCAN, gives=2),
    call("list_candidate_groups", NEW_SCAN, "candidate", 0, 9, gives=[], why="of an old scan"),
    call("get_scan_message", NEW_SCAN, 1, gives=None, why="of an old scan"),
    call("list_ended_scans", T3, 9, gives=[], why="when they are forgotten"),
    call("get_scan", EVE, NEW_SCAN, gives={**NEWS, "status": "done", "completedAt": T2}, why="that is old"),
    call("delete_ended_jobs", BEFORE, 9, gives=0, why="before they are old"),
    call("delete_ended_jobs", LATER, 1, gives=1, why="one at most"),
    call("delete_ended_jobs", LATER, 9, gives=6, why="with those of the stories before"),
    call("get_job", "job-a", gives=None, why="that is deleted"),
]
