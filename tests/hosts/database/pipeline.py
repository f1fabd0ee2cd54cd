"""The part of the story that the phases of the pipeline play, on the pull requests 7 to 10 of repository 1."""

from typing import Any

from ossgard.spec.entities import (
    CandidateInput,
    EmbedHash,
    ListedPR,
    Neighbour,
    NeighbourListInput,
    PRState,
    PRStateChange,
    RankedMember,
    Relationship,
    SharedLinesInput,
)
from tests.hosts.database.rows import (
    ANVIL_ID,
    NAMED,
    NEW_ID,
    P8,
    P10,
    PR_7_AGAIN,
    PR_8,
    PR_9,
    PR_10,
    SECOND_SCAN,
    T1,
    T2,
    UNUSUAL,
    Refused,
    call,
    pr_input,
)

BIG_BODY = "😀" * 30_000
BIG_PRS, FIRST_BIG = 20, 8


def listed(number: int, **fields: Any) -> ListedPR:
    """A pull request in the listing."""
    values: dict[str, Any] = {
        "title": f"PR {number}",
        "body": None,
        "author": "ada",
        "created_at": T1,
        "updated_at": T1,
    }
    values |= {"base_ref": "main", "head_ref": None, "is_draft": False, "pushed_at": None}
    return ListedPR(number=number, **{**values, **fields})


def pending(number: int, **fields: Any) -> dict[str, Any]:
    """What is to be read, in wire form."""
    row = listed(number).model_dump(mode="json", by_alias=True)
    return {**row, "diffHash": None, "githubEtag": None, "committedAt": None, "sketch": None, **fields}


def near(pr_id: int, signal: str, others: dict[int, float]) -> NeighbourListInput:
    """A list of neighbours: scores by ids."""
    nearest = [Neighbour(id=id, score=score) for id, score in others.items()]
    return NeighbourListInput(pr_id=pr_id, signal=signal, nearest=nearest)


def titled(id: int, number: int, title: str, is_searched: bool = False) -> dict[str, Any]:
    """What a pull request is found by, in wire form."""
    return {"id": id, "number": number, "title": title, "closes": [], "isSearched": is_searched}


def group(position: int, pr_ids: list[int], label: str | None = None) -> CandidateInput:
    return CandidateInput(position=position, pr_ids=pr_ids, label=label, notes=None)


def stored_group(position: int, pr_ids: list[int], label: str | None = None, error: str | None = None) -> Any:
    """A group as it is found, in wire form."""
    return {"position": position, "prIds": pr_ids, "label": label, "error": error, "notes": None}


def member(pr_id: int, rank: int, score: float, rationale: str | None = None) -> RankedMember:
    """A member of which something is told when its rank is 1."""
    told: dict[str, Any] = {"relationship": None, "confidence": None, "reason": None, "is_new": False}
    if rank == 1:
        told = {"relationship": Relationship.SUPERSEDED, "confidence": 0.5, "reason": UNUSUAL, "is_new": True}
    return RankedMember(pr_id=pr_id, rank=rank, score=score, rationale=rationale, **told)


def purge(id: int, number: int, repo_id: int = 1, store: Any = None) -> dict[str, Any]:
    """Vectors to be deleted, in wire form."""
    return {"id": id, "repoId": repo_id, "number": number, "vectorStore": store, "begun": 0}


WITH_ETAG = pr_input(8, diff_hash="d8", github_etag='W/"8"', sketch=[5, 9])
STORED_8 = {**PR_8, "diffHash": "d8", "githubEtag": 'W/"8"'}
CLOSED_10 = {**PR_10, "state": "merged"}
FAR_PAGE = [listed(number, title=f"{UNUSUAL} {number}") for number in range(1, 3001)]

INGEST = [
    call("upsert_prs", 1, [WITH_ETAG], gives=1, why="with a hash and an ETag"),
    call(
        "insert_listed_prs",
        1,
        1,
        False,
        [listed(7), listed(8, updated_at=T2), listed(9), listed(11, title=UNUSUAL, body=UNUSUAL, author="")],
        gives=4,
        why="known, changed, reopened and new",
    ),
    call(
        "insert_listed_prs", 1, 1, True, [listed(7), listed(7, title="twice")], gives=0, why="that are listed already"
    ),
    call("insert_listed_prs", 1, 1, False, [], gives=0, why="of an empty page"),
    call(
        "insert_listed_prs", 99, 1, False, [listed(7)], gives=Refused("FOREIGN KEY constraint failed"), why="of no scan"
    ),
    call("count_listed_prs", 1, gives={"listed": 4, "pending": 3}),
    call("count_listed_prs", 99, gives={"listed": 0, "pending": 0}, why="of no scan"),
    call(
        "list_pending_prs",
        1,
        1,
        0,
        10,
        gives=[
            pending(8, updatedAt=T2, diffHash="d8", githubEtag='W/"8"', committedAt=T1, sketch=[5, 9]),
            pending(9, committedAt=T1),
            pending(11, title=UNUSUAL, body=UNUSUAL, author=""),
        ],
    ),
    call("list_pending_prs", 1, 1, 8, 1, gives=[pending(9, committedAt=T1)], why="that come after one"),
    call("list_pending_prs", 1, 1, 11, 10, gives=[], why="that come after the last"),
    call("mark_prs_read", 1, [8, 9, 7, 99], gives=3),
    call("mark_prs_read", 1, [], gives=0, why="of none"),
    call("count_listed_prs", 1, gives={"listed": 4, "pending": 1}, why="when some are read"),
    call("get_read_pr", 1, 1, gives=pending(7, committedAt=T1), why="neither changed since nor new"),
    call("get_read_pr", SECOND_SCAN, 1, gives=None, why="of a scan that has listed none"),
    call("insert_listed_prs", SECOND_SCAN, 1, True, [listed(7)], gives=1, why="all to be read"),
    call("get_read_pr", SECOND_SCAN, 1, gives=None, why="of a scan that is to read all"),
    call("count_listed_prs", SECOND_SCAN, gives={"listed": 1, "pending": 1}, why="all to be read"),
    call("list_unlisted_prs", 1, 1, 0, 10, gives=[10]),
    call("list_unlisted_prs", 1, 1, 10, 10, gives=[], why="that come after the last"),
    call("list_unlisted_prs", SECOND_SCAN, 1, 0, 1, gives=[8], why="at most one"),
    call("list_unlisted_prs", 1, NEW_ID, 0, 10, gives=[], why="in an empty repository"),
    call("insert_unreadable_prs", SECOND_SCAN, [8, 7, 8], gives=1, why="that are not listed already, each once"),
    call("insert_unreadable_prs", SECOND_SCAN, [], gives=0, why="of none"),
    call("list_unlisted_prs", SECOND_SCAN, 1, 0, 1, gives=[10], why="but for one that cannot be read"),
    call("get_read_pr", SECOND_SCAN, 1, gives=None, why="when the listing shows none that can be read"),
    call("update_pr_embed_hash", P10, "e10", gives=1, why="of one that is closed next"),
    call(
        "close_prs",
        1,
        [PRStateChange(number=10, state=PRState.MERGED), PRStateChange(number=99, state=PRState.CLOSED)],
        gives=1,
    ),
    call("close_prs", 1, [], gives=0, why="of none"),
    call("close_prs", 99, [PRStateChange(number=8, state=PRState.CLOSED)], gives=0, why="in no repository"),
    call("get_pr", 1, P10, gives=CLOSED_10, why="that is closed"),
    call("list_vector_purges", 0, 10, gives=[purge(1, 10)], why="of what is closed"),
    call("insert_listed_prs", SECOND_SCAN, NEW_ID, False, FAR_PAGE, gives=2998, why="by thousands"),
    call("count_listed_prs", SECOND_SCAN, gives={"listed": 3000, "pending": 2999}, why="by thousands"),
    call(
        "list_pending_prs",
        SECOND_SCAN,
        NEW_ID,
        2998,
        20,
        gives=[pending(2999, title=f"{UNUSUAL} 2999"), pending(3000, title=f"{UNUSUAL} 3000")],
        why="the last of thousands",
    ),
    call("mark_prs_read", SECOND_SCAN, list(range(1, 3002)), gives=3000, why="by thousands"),
    call(
        "upsert_prs",
        NEW_ID,
        [pr_input(number, body=BIG_BODY) for number in range(1, BIG_PRS + 1)],
        gives=BIG_PRS,
        why="larger than one value may be",
    ),
    call("count_prs", 2, NEW_ID, gives=BIG_PRS, why="larger than one value may be"),
]

EMBED = [
    call("list_open_prs_after", 1, 1, 0, 10, gives=[PR_7_AGAIN | {"embedHash": None}, STORED_8]),
    call("list_open_prs_after", 1, 1, 0, 1, gives=[PR_7_AGAIN | {"embedHash": None}], why="at most one"),
    call("list_open_prs_after", 1, 1, 7, 10, gives=[STORED_8], why="that come after one"),
    call("list_open_prs_after", 2, 1, 0, 10, gives=[], why="of another account"),
    call(
        "update_pr_embed_hashes",
        [
            EmbedHash(id=1, embed_hash="e7"),
            EmbedHash(id=P8, embed_hash=UNUSUAL),
            EmbedHash(id=999, embed_hash="of none"),
        ],
        gives=2,
    ),
    call("update_pr_embed_hashes", [], gives=0, why="of none"),
    call("get_prs_by_ids", 1, [1, P8], gives=[PR_7_AGAIN, {**STORED_8, "embedHash": UNUSUAL}], why="that are embedded"),
    call("list_vector_purges", 0, 10, gives=[purge(1, 10)], why="that others' vectors leave alone"),
    call("upsert_prs", 1, [pr_input(10, body=UNUSUAL, sketch=[7, 9])], gives=1, why="reopened"),
    call("update_pr_embed_hashes", [EmbedHash(id=P10, embed_hash="e10")], gives=1, why="of one that was to be purged"),
    call("list_vector_purges", 0, 10, gives=[], why="that new vectors have called off"),
]

# First by intent for each other, and first by words for the one.
SCORE = 3 / 11
KEY_7 = {"id": 1, "number": 7, "isEmbedded": True, "hasFiles": False}
KEY_8 = {"id": P8, "number": 8, "isEmbedded": True, "hasFiles": False}
KEY_10 = {"id": P10, "number": 10, "isEmbedded": True, "hasFiles": False}
CLUSTER = [
    call("list_bodies", 1, 1, 99, 10, gives=[{"number": 10, "body": UNUSUAL}]),
    call("list_bodies", 1, 1, 10, 10, gives=[], why="of smaller numbers"),
    call("list_bodies", 2, 1, 99, 10, gives=[], why="of another account"),
    call("update_shared_lines", 1, SharedLinesInput(lines=[UNUSUAL, "what"]), gives=1),
    call("get_shared_lines", 1, 1, gives={"sharedLines": [UNUSUAL, "what"]}),
    call("get_shared_lines", 2, 1, gives=None, why="of another account"),
    call("list_unsearched_prs", 1, 1, 0, 10, gives=[KEY_7, KEY_8, KEY_10]),
    call("list_unsearched_prs", 1, 1, 7, 1, gives=[KEY_8], why="one after one"),
    call("list_unsearched_prs", 2, 1, 0, 10, gives=[], why="of another account"),
    call("count_unsearched_prs", 1, 1, gives=3),
    call("count_unsearched_prs", 2, 1, gives=0, why="of another account"),
    call("list_pr_titles", 1, 1, 1, gives=[titled(1, 7, "again"), titled(P8, 8, "PR 8"), titled(P10, 10, "PR 10")]),
    call("list_pr_titles", 2, 1, 1, gives=[], why="of another account"),
    call("list_shared_lines", 1, 1, gives=[{"prIds": [P8, P10]}]),
    call("list_shared_lines", 2, 1, gives=[], why="of another account"),
    call(
        "insert_neighbour_lists",
        1,
        [
            near(1, "intent", {P8: 0.95, P10: 0.5}),
            near(P8, "intent", {1: 0.95, 999: 0.9, 1000: 0.8}),
            near(P8, "words", {}),
            near(999, "intent", {1: 0.9}),
        ],
        gives=3,
        why="of which one is of no pull request",
    ),
    call("insert_neighbour_lists", 1, [near(1, "words", {P8: 3.5})], gives=1, why="by another signal"),
    call("insert_neighbour_lists", 1, [], gives=0, why="of none"),
    call("list_unsearched_prs", 1, 1, 0, 10, gives=[KEY_8, KEY_10], why="whose neighbours are not there any more"),
    call("count_unsearched_prs", 1, 1, gives=2, why="whose neighbours are not there any more"),
    call(
        "list_pr_titles",
        1,
        1,
        1,
        gives=[titled(1, 7, "again", True), titled(P8, 8, "PR 8", True), titled(P10, 10, "PR 10")],
        why="when others are searched",
    ),
    call("choose_candidate_pairs", 1, 1, 1, None, None, "rule", gives=1),
    call("list_candidate_pairs", 1, gives=[{"prId": 1, "otherId": P8, "score": SCORE, "certain": False}]),
    call("list_candidate_pairs", 99, gives=[], why="of no scan"),
    call("insert_candidate_groups", 1, "candidate", [group(1, [1, P8, P10]), group(2, [])], gives=2),
    call("insert_candidate_groups", 1, "verified", [group(101, [P8, 1], UNUSUAL)], gives=1, why="of another stage"),
    call("insert_candidate_groups", 1, "verified", [], gives=0, why="of none"),
    call("list_candidate_groups", 1, "candidate", 0, 10, gives=[stored_group(1, [1, P8, P10]), stored_group(2, [])]),
    call("list_candidate_groups", 1, "candidate", 1, 10, gives=[stored_group(2, [])], why="that come after one"),
    call(
        "list_candidate_groups",
        1,
        "verified",
        0,
        1,
        gives=[stored_group(101, [P8, 1], UNUSUAL)],
        why="of another stage",
    ),
    call("list_candidate_groups", SECOND_SCAN, "candidate", 0, 10, gives=[], why="of another scan"),
    call("count_candidate_groups", 1, "candidate", gives=2),
    call("count_candidate_groups", 1, "nonsense", gives=0, why="of no stage"),
    call("record_group_error", 1, "candidate", 1, UNUSUAL, gives=1),
    call("record_group_error", 1, "candidate", 9, "x", gives=0, why="of no group"),
    call(
        "list_candidate_groups",
        1,
        "candidate",
        0,
        1,
        gives=[stored_group(1, [1, P8, P10], None, UNUSUAL)],
        why="that were skipped",
    ),
    call("insert_candidate_groups", 1, "candidate", [group(1, [1, P10], "again")], gives=1, why="in the same place"),
    call("list_candidate_groups", 1, "candidate", 0, 1, gives=[stored_group(1, [1, P10], "again")], why="replaced"),
    call(
        "insert_candidate_groups",
        SECOND_SCAN,
        "candidate",
        [group(n, [1, n]) for n in range(1, 3001)],
        gives=3000,
        why="by thousands",
    ),
    call("count_candidate_groups", SECOND_SCAN, "candidate", gives=3000, why="by thousands"),
    call("record_group_error", 1, "candidate", 2, "unusable", gives=1, why="of one that stays"),
]

# The groups before were numbers 1 and 2.
NOZZLE_ID, PAIR_ID, EMPTY_ID = 3, 4, 5
NOTHING = dict.fromkeys(
    (
        *("githubId", "scanId", "thisId", "thisTitle", "thisAuthor", "thisState", "thisEmbedHash", "thisHasFiles"),
        *("groupId", "label", "prCount"),
        *("prId", "prNumber", "title", "author", "state", "rank", "score", "rationale"),
        *("isNewGroup", "mergedNumber", "relationship", "confidence", "reason", "isNew"),
    )
)


def reviewed(this: dict[str, Any], **found: Any) -> dict[str, Any]:
    """A row of a review in repository 1, in wire form."""
    names = ("id", "title", "author", "state", "embedHash")
    own = {f"this{name[0].upper()}{name[1:]}": this[name] for name in names}
    return {**NOTHING, **NAMED, "repoId": 1, "scanId": 1, **own, "thisHasFiles": bool(this["filePaths"]), **found}


def as_member(pull: dict[str, Any], rank: int, score: float, rationale: str | None = None) -> dict[str, Any]:
    """The columns of a member in a report, in wire form."""
    own = {"prId": pull["id"], "prNumber": pull["number"], **{key: pull[key] for key in ("title", "author", "state")}}
    told: dict[str, Any] = {"relationship": None, "confidence": None, "reason": None, "isNew": False}
    if rank == 1:
        told = {"relationship": "superseded", "confidence": 0.5, "reason": UNUSUAL, "isNew": True}
    return {**own, "rank": rank, "score": score, "rationale": rationale, **told}


# One goes on from group 2 of a scan before, whose best member has been merged.
IN_NOZZLE: dict[str, Any] = {"groupId": 2, "label": UNUSUAL, "prCount": 3, "isNewGroup": False, "mergedNumber": 9}
IN_PAIR: dict[str, Any] = {"groupId": PAIR_ID, "label": None, "prCount": 2, "isNewGroup": True, "mergedNumber": None}
THIS_7, THIS_8 = PR_7_AGAIN, {**STORED_8, "embedHash": UNUSUAL}

ANVIL_ROW = {**NOTHING, "repoId": ANVIL_ID, "owner": "acme", "name": UNUSUAL}

RANK = [
    call(
        "insert_ranked_group",
        1,
        1,
        UNUSUAL,
        2,
        9,
        [member(P8, 1, 91.5, UNUSUAL), member(1, 2, 60), member(999, 3, 10), member(P10, 4, 0)],
        gives=3,
        why="of which one member is gone",
    ),
    call(
        "insert_ranked_group",
        1,
        1,
        None,
        None,
        None,
        [member(1, 1, 70.0), member(P8, 2, 0.5)],
        gives=2,
        why="without a label",
    ),
    call("insert_ranked_group", 1, 1, "empty", None, None, [], gives=0, why="without members"),
    call(
        "insert_ranked_group",
        99,
        1,
        "x",
        None,
        None,
        [member(1, 1, 1)],
        gives=Refused("FOREIGN KEY constraint failed"),
        why="of no scan",
    ),
    call(
        "list_dupe_groups",
        1,
        1,
        gives=[
            {"id": NOZZLE_ID, "scanId": 1, "repoId": 1, "label": UNUSUAL, "prCount": 3},
            {"id": PAIR_ID, "scanId": 1, "repoId": 1, "label": None, "prCount": 2},
            {"id": EMPTY_ID, "scanId": 1, "repoId": 1, "label": "empty", "prCount": 0},
        ],
        why="that are ranked",
    ),
    call("list_review", 1, "acme", "nope", 7, gives=[], why="in a repository that is not tracked"),
    call("list_review", 2, "new", "nope", 7, gives=[], why="of another account's repository"),
    call("list_review", 1, "acme", UNUSUAL, 7, gives=[ANVIL_ROW], why="where nothing is known"),
    call(
        "list_review", 1, "Acme", "ROCKET", 77, gives=[{**NOTHING, **NAMED, "repoId": 1, "scanId": 1}], why="not stored"
    ),
    call("list_review", 1, "acme", "rocket", 9, gives=[reviewed(PR_9)], why="of one in no group"),
    call(
        "list_review",
        2,
        "new",
        UNUSUAL,
        1,
        gives=[
            {
                **NOTHING,
                "repoId": NEW_ID,
                "owner": "new",
                "name": UNUSUAL,
                "thisHasFiles": False,
                "thisId": FIRST_BIG,
                "thisTitle": "PR 1",
                "thisAuthor": "ada",
                "thisState": "open",
            }
        ],
        why="of one that is stored where no scan is completed",
    ),
    call(
        "list_review",
        1,
        "acme",
        "rocket",
        10,
        gives=[
            reviewed({**PR_10, "embedHash": "e10"}, **IN_NOZZLE, **one)
            for one in (
                as_member(THIS_8, 1, 91.5, UNUSUAL),
                as_member(THIS_7, 2, 60.0),
                as_member(PR_10, 4, 0.0),
            )
        ],
        why="of one in a group",
    ),
    call(
        "list_review",
        1,
        "acme",
        "rocket",
        7,
        gives=[
            *(
                reviewed(THIS_7, **IN_NOZZLE, **one)
                for one in (
                    as_member(THIS_8, 1, 91.5, UNUSUAL),
                    as_member(THIS_7, 2, 60.0),
                    as_member(PR_10, 4, 0.0),
                )
            ),
            reviewed(THIS_7, **IN_PAIR, **as_member(THIS_7, 1, 70.0)),
            reviewed(THIS_7, **IN_PAIR, **as_member(THIS_8, 2, 0.5)),
        ],
        why="of one in two groups",
    ),
    call("clear_scratch", 1, gives=2),
    call("clear_scratch", 1, gives=0, why="when it is clear"),
    call("count_listed_prs", 1, gives={"listed": 0, "pending": 0}, why="when it is clear"),
    call(
        "list_candidate_groups",
        1,
        "candidate",
        0,
        9,
        gives=[stored_group(2, [], None, "unusable")],
        why="that were skipped, when it is clear",
    ),
    call("count_listed_prs", SECOND_SCAN, gives={"listed": 3000, "pending": 0}, why="that others did not clear"),
]

PIPELINE = [*INGEST, *EMBED, *CLUSTER, *RANK]
