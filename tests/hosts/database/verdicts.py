"""The part of the story that is about verdicts on the pull requests 7 to 10 of repository 1, of which 9 is closed."""

from typing import Any

from ossgard.spec.entities import (
    CandidatePairInput,
    GroupAnswerInput,
    GroupNotes,
    Relationship,
    ShownHash,
    VerdictInput,
)
from tests.hosts.database.pipeline import EMPTY_ID, NOZZLE_ID, PAIR_ID, group, stored_group
from tests.hosts.database.rows import ANVIL_ID, BOBS_ID, NAMED, P8, P9, P10, SECOND_SCAN, T1, T2, UNUSUAL, call

DUPLICATE, NONE = Relationship.DUPLICATE, Relationship.NONE
ASKED = ("openai/chat", 1)


def pair(pr_id: int, other_id: int, certain: bool = False) -> CandidatePairInput:
    return CandidatePairInput(pr_id=pr_id, other_id=other_id, score=0.5, certain=certain)


def verdict(pr_id: int, other_id: int, said: Relationship, *, other_hash: str = "h10") -> VerdictInput:
    return VerdictInput(
        pr_id=pr_id,
        other_id=other_id,
        verdict=said,
        confidence=0.75,
        reason=UNUSUAL,
        pr_hash="h7",
        other_hash=other_hash,
    )


def found(one: int, other: int, **fields: Any) -> dict[str, Any]:
    """A verdict as it is found, in wire form; `one` and `other` are ids."""
    numbers = {1: 7, P8: 8, P10: 10}
    row = {"prId": one, "otherId": other, "prNumber": numbers[one], "otherNumber": numbers[other]}
    told = {"source": "model", "verdict": "duplicate", "confidence": 0.75, "reason": UNUSUAL, "keepNumber": None}
    return {**row, **told, "createdAt": T1, **fields}


def said(
    one: int, other: int, says: str, at: str, keep: int | None = None, reason: str | None = None
) -> dict[str, Any]:
    """A row of what persons have said, in wire form."""
    told = {"prNumber": one, "otherNumber": other, "verdict": says, "reason": reason, "keepNumber": keep}
    return {**NAMED, **told, "createdAt": at}


NOTHING_SAID = dict.fromkeys(("prNumber", "otherNumber", "verdict", "reason", "keepNumber", "createdAt"))
PAIRS = [pair(1, P8), pair(1, P10), pair(P8, P9), pair(P8, P10, certain=True)]

VERDICTS = [
    call("insert_candidate_pairs", 1, [*PAIRS, pair(1, 999)], gives=4, why="of which one has no pull request"),
    call("update_shown_hashes", [ShownHash(id=id, shown_hash=f"h{id}") for id in (1, P8, P10, 999)], gives=3),
    call(
        "update_shown_hashes",
        [ShownHash(id=id, shown_hash=hash) for id, hash in ((1, "h7"), (P8, f"h{P8}"), (P10, "h10"))],
        gives=2,
        why="of which one is the same",
    ),
    call("update_shown_hashes", [], gives=0, why="of none"),
    call("list_certain_pairs", 1, gives=[{"prId": P8, "others": [P10]}]),
    call("list_certain_pairs", SECOND_SCAN, gives=[], why="of another scan"),
    call("list_unjudged_pairs", 1, *ASKED, gives=[{"prId": 1, "others": [P8, P10]}], why="that are open and uncertain"),
    call(
        "store_verdicts",
        *ASKED,
        T1,
        [verdict(1, P10, DUPLICATE), verdict(1, P8, NONE, other_hash="another"), verdict(1, 999, DUPLICATE)],
        gives=2,
    ),
    call("store_verdicts", *ASKED, T1, [], gives=0, why="of none"),
    call("list_unjudged_pairs", 1, *ASKED, gives=[{"prId": 1, "others": [P8]}], why="whose texts have changed"),
    call("list_unjudged_pairs", 1, "other", 1, gives=[{"prId": 1, "others": [P8, P10]}], why="by another model"),
    call("list_unjudged_pairs", 1, ASKED[0], 2, gives=[{"prId": 1, "others": [P8, P10]}], why="by another question"),
    call(
        "list_votes",
        1,
        *ASKED,
        gives=[{"prId": 1, "votes": [{"id": P10, "verdict": "duplicate", "confidence": 0.75}]}],
    ),
    call("list_votes", 1, "other", 1, gives=[], why="by another model"),
    call("list_votes", ANVIL_ID, *ASKED, gives=[], why="of another repository"),
    call("store_verdicts", *ASKED, T1, [verdict(1, P10, NONE)], gives=1, why="in place of another"),
    call("list_verdicts_among", [1, P8, P10], gives=[found(1, P10, verdict="none")], why="that still stand"),
    call("list_verdicts_among", [1, P8], gives=[], why="of which none stands"),
    call("list_verdicts_among", [], gives=[], why="of none"),
    # ---- what persons say
    call("list_verdicts", 1, "acme", "rocket", gives=[{**NAMED, **NOTHING_SAID}], why="where nothing was said"),
    call("list_verdicts", 2, "new", "nope", gives=[], why="of a repository that is not tracked"),
    call("put_verdicts", 1, 1, 10, [7, 8, 10, 99], NONE, False, UNUSUAL, T1, gives=2),
    call("put_verdicts", 2, 1, 10, [7], DUPLICATE, False, None, T2, gives=0, why="of another account's repository"),
    call("put_verdicts", 1, BOBS_ID, 10, [7], DUPLICATE, False, None, T2, gives=0, why="of another account"),
    call("put_verdicts", 1, 1, 99, [7], DUPLICATE, False, None, T2, gives=0, why="of no pull request"),
    call("put_verdicts", 1, 1, 8, [10], DUPLICATE, True, None, T2, gives=1, why="with the one to keep"),
    call(
        "list_verdicts",
        1,
        "ACME",
        "Rocket",
        gives=[said(8, 10, "duplicate", T2, keep=8), said(7, 10, "none", T1, reason=UNUSUAL)],
    ),
    call("list_verdicts", 2, "acme", "rocket", gives=[{**NAMED, **NOTHING_SAID}], why="of another account"),
    call(
        "list_unjudged_pairs", 1, "other", 1, gives=[{"prId": 1, "others": [P8]}], why="but for those that were judged"
    ),
    call(
        "list_bonds",
        1,
        gives=[
            {"prId": P8, "otherId": P10, "isTogether": True},
            {"prId": 1, "otherId": P10, "isTogether": False},
        ],
    ),
    call("list_bonds", ANVIL_ID, gives=[], why="of another repository"),
    call(
        "list_verdicts_among",
        [1, P8, P10],
        gives=[
            found(P8, P10, source="person", confidence=1.0, reason=None, keepNumber=8, createdAt=T2),
            found(1, P10, verdict="none"),
            found(1, P10, source="person", verdict="none", confidence=1.0),
        ],
        why="with those of persons",
    ),
    call("delete_verdict", 2, 1, 7, 10, gives=0, why="of another account's repository"),
    call("delete_verdict", 1, 1, 7, 8, gives=0, why="where nothing was said"),
    call("delete_verdict", 1, 1, 10, 8, gives=1, why="in the other order"),
    call("list_bonds", 1, gives=[{"prId": 1, "otherId": P10, "isTogether": False}], why="but for what was taken back"),
    # ---- questions about groups
    call(
        "store_group_answers",
        1,
        T1,
        [GroupAnswerInput(question_hash=UNUSUAL, answer={"a": [1]}), GroupAnswerInput(question_hash="q", answer={})],
        gives=2,
    ),
    call("store_group_answers", 1, T2, [GroupAnswerInput(question_hash="q", answer={"b": UNUSUAL})], gives=1),
    call("store_group_answers", 1, T2, [], gives=0, why="of none"),
    call(
        "list_group_answers",
        1,
        [UNUSUAL, "q", "x"],
        gives=[{"questionHash": UNUSUAL, "answer": {"a": [1]}}, {"questionHash": "q", "answer": {"b": UNUSUAL}}],
    ),
    call("list_group_answers", ANVIL_ID, ["q"], gives=[], why="of another repository"),
    call("list_group_answers", 1, [], gives=[], why="of none"),
    call("delete_unused_answers", T2, 0, gives=0, why="none at most"),
    call("delete_unused_answers", T2, 9, gives=1),
    call(
        "list_group_answers", 1, [UNUSUAL, "q"], gives=[{"questionHash": "q", "answer": {"b": UNUSUAL}}], why="of use"
    ),
    call("insert_candidate_groups", 1, "groups", [group(1, [1, P8]), group(2, [P8, P10])], gives=2),
    call("record_group_notes", 1, "groups", [GroupNotes(position=2, notes={"x": UNUSUAL})], gives=1),
    call("record_group_notes", 1, "groups", [GroupNotes(position=9, notes={})], gives=0, why="of no group"),
    call("record_group_notes", 1, "groups", [], gives=0, why="of none"),
    call(
        "list_candidate_groups",
        1,
        "groups",
        0,
        9,
        gives=[stored_group(1, [1, P8]), {**stored_group(2, [P8, P10]), "notes": {"x": UNUSUAL}}],
        why="with what is known of them",
    ),
    call(
        "list_former_groups",
        1,
        gives=[
            {
                "id": NOZZLE_ID,
                "number": 2,
                "label": UNUSUAL,
                "mergedNumber": 9,
                "members": [
                    {"id": P8, "number": 8, "state": "open", "score": 91.5},
                    {"id": 1, "number": 7, "state": "open", "score": 60.0},
                    {"id": P10, "number": 10, "state": "open", "score": 0.0},
                ],
            },
            {
                "id": PAIR_ID,
                "number": PAIR_ID,
                "label": None,
                "mergedNumber": None,
                "members": [
                    {"id": 1, "number": 7, "state": "open", "score": 70.0},
                    {"id": P8, "number": 8, "state": "open", "score": 0.5},
                ],
            },
            {"id": EMPTY_ID, "number": EMPTY_ID, "label": "empty", "mergedNumber": None, "members": []},
        ],
    ),
    call("list_former_groups", ANVIL_ID, gives=[], why="of a repository without a completed scan"),
    call(
        "list_candidate_pairs",
        1,
        gives=[{"prId": one.pr_id, "otherId": one.other_id, "score": 0.5, "certain": one.certain} for one in PAIRS],
    ),
    call("clear_scratch", 1, gives=2, why="with what is known of groups"),
]
