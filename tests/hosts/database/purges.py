"""The end of the story: clearing, and the vectors that are to be deleted after it."""

from typing import Any

from tests.hosts.database.pipeline import BIG_PRS, purge
from tests.hosts.database.rows import (
    ANVIL_ID,
    BOB,
    BOBS_ID,
    NEW_ID,
    NO_CHANGES,
    SCAN,
    SECOND_SCAN,
    THIRD_SCAN,
    UNUSUAL,
    call,
    pr_input,
)

STORE: dict[str, Any] = {"url": "http://qdrant:6333", "api_key": UNUSUAL}
# The first of the story was called off.
FIRST = 2

CLEARING = [
    call("update_account_config", 1, {"vector_store": STORE}, NO_CHANGES, gives=1, why="and name a vector store"),
    call("upsert_prs", ANVIL_ID, [pr_input(5), pr_input(3)], gives=2, why="of a repository that is deleted next"),
    call("delete_repo", 1, BOBS_ID, gives=0, why="of another account"),
    call("list_vector_purges", 0, 10, gives=[], why="after deleting nothing"),
    call("delete_repo", 1, ANVIL_ID, gives=1),
    call("get_scan", 1, THIRD_SCAN, gives=None, why="of a repository that is deleted"),
    call(
        "list_vector_purges",
        0,
        10,
        gives=[purge(FIRST, 3, ANVIL_ID, STORE), purge(FIRST + 1, 5, ANVIL_ID, STORE)],
        why="of a repository that is deleted",
    ),
    call("mark_vector_purges", [FIRST, FIRST + 1, 999], True, gives=2, why="that begin"),
    call(
        "list_vector_purges",
        0,
        1,
        gives=[{**purge(FIRST, 3, ANVIL_ID, STORE), "begun": 1}],
        why="that have begun",
    ),
    call("mark_vector_purges", [FIRST, FIRST + 1], False, gives=2, why="of which something was heard"),
    call("list_vector_purges", FIRST, 1, gives=[purge(FIRST + 1, 5, ANVIL_ID, STORE)], why="one after one"),
    call("delete_vector_purges", [FIRST, FIRST + 1, 999], gives=2),
    call("delete_vector_purges", [], gives=0, why="of none"),
    call("clear_scans", 1, gives=1),
    call("get_scan", 1, 1, gives=None, why="that is cleared"),
    call("count_prs", 1, 1, gives=4, why="after clearing scans"),
    call("list_vector_purges", 0, 10, gives=[], why="after clearing scans"),
    call("update_account_config", 1, {"vector_store": None}, NO_CHANGES, gives=1, why="and name none"),
    call("clear_repos", 1, gives=1),
    call("get_pr", 1, 1, gives=None, why="of a repository that is cleared"),
    call(
        "list_vector_purges",
        0,
        10,
        gives=[purge(FIRST + 2 + place, number) for place, number in enumerate((7, 8, 9, 10))],
        why="of what is cleared",
    ),
    call("delete_vector_purges", list(range(1, 3000)), gives=4, why="by thousands"),
    call(
        "get_scan",
        2,
        SECOND_SCAN,
        gives={**SCAN, "id": SECOND_SCAN, "repoId": NEW_ID, "phaseCursor": {}},
        why="that others did not clear",
    ),
    call("reset_all", 1, gives=1),
    call("get_account", 1, gives=None, why="that is deleted"),
    call("reset_all", 1, gives=0, why="when it is gone"),
    call("get_account", 2, gives=BOB, why="that others did not delete"),
    call("list_vector_purges", 0, 10, gives=[], why="of an account without pull requests"),
    call("reset_all", 2, gives=1, why="with pull requests"),
    call(
        "list_vector_purges",
        FIRST + 5 + BIG_PRS - 2,
        10,
        gives=[purge(FIRST + 5 + place, place, NEW_ID) for place in (BIG_PRS - 1, BIG_PRS)],
        why="of an account that is deleted",
    ),
]
