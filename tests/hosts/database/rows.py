"""What the story of the database is made of: its calls, and the rows that they store and find, in wire form.

Moments that the database itself writes read `<now>`. A constraint's refusal reads `Refused(...)`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ossgard.spec.entities import PRInput, PRState
from ossgard.write import Write


@dataclass(frozen=True)
class Refused:
    """A constraint did not let the call happen."""

    constraint: str


@dataclass(frozen=True)
class Call:
    """A call of a method (its Python name) and its result in wire form."""

    method: str
    arguments: tuple[Any, ...]
    result: Any
    why: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.why}".strip()


def call(method: str, *arguments: Any, gives: Any, why: str = "") -> Call:
    return Call(method, arguments, gives, why)


def commit(*rows: Write, gives: Any = None, why: str) -> Call:
    return Call("commit", (list(rows),), gives, why)


NOW = "<now>"
# Ids have gaps: SQLite counts one up for an insert, too, that a conflict then turns into nothing or an update.
ANVIL_ID, BOBS_ID, NEW_ID = 3, 4, 7
SECOND_SCAN, THIRD_SCAN = 3, 4
P8, P9, P10 = 3, 4, 6
T1, T2, T3 = "2026-11-23T10:00:00.000Z", "2026-11-23T11:00:00.000Z", "2026-11-23T12:00:00.000Z"
UNUSUAL = "naïve 日本 😀 '\" % _ \\ \n ; --"
TOO_BIG = 2**53

ADA = {"id": 1, "label": "Ada", "config": {"a": [1, {"b": None}]}, "createdAt": NOW, "updatedAt": NOW}
BOB: dict[str, Any] = {"id": 2, "label": None, "config": {}, "createdAt": NOW, "updatedAt": NOW}
NEW_CONFIG = {"text": UNUSUAL, "number": 0.5, "big": 2**53 - 1, "empty": {}}

ROCKET = {"id": 1, "owner": "acme", "name": "rocket", "lastScanAt": None, "createdAt": NOW}
ANVIL = {**ROCKET, "id": ANVIL_ID, "name": UNUSUAL}
BOBS_ROCKET = {**ROCKET, "id": BOBS_ID}
NAMED = {"owner": "acme", "name": "rocket"}
IDLE = {"activeScanStatus": None, "activeScanPrCount": None, "activeScanDupeGroupCount": None}

SCAN: dict[str, Any] = {
    "id": 1,
    "repoId": 1,
    "status": "queued",
    "phaseCursor": {"full": False, "maxPrs": None},
    "prCount": 0,
    "dupeGroupCount": 0,
    "inputTokens": 0,
    "outputTokens": 0,
    "embeddingTokens": 0,
    "startedAt": NOW,
    "completedAt": None,
    "error": None,
    "progress": None,
    "warnings": [],
}
EMBEDDING = {
    **SCAN,
    "status": "embedding",
    "phaseCursor": {"afterNumber": 7, "text": UNUSUAL},
    "prCount": 3,
    "progress": {"done": 1, "total": 3, "note": "slowly"},
    "warnings": [{"code": "DIFF_UNAVAILABLE", "message": UNUSUAL, "count": 6, "examples": [1, 2, 3, 4, 5]}],
}
DONE = {
    **EMBEDDING,
    "status": "done",
    "phaseCursor": None,
    "progress": None,
    "dupeGroupCount": 2,
    "inputTokens": 1500,
    "outputTokens": 70,
    "embeddingTokens": 7,
    "completedAt": T2,
}

MESSAGE: dict[str, Any] = {
    "scanId": 1,
    "step": 1,
    "phase": "scan",
    "dueAt": T1,
    "begun": 0,
    "failing": None,
    "status": "queued",
    "phaseCursor": {"full": False, "maxPrs": None},
    "warnings": [],
    "repoId": 1,
    "accountId": 1,
    "owner": "acme",
    "name": "rocket",
    "config": NEW_CONFIG,
    "nextStep": None,
    "nextPhase": None,
    "nextDueAt": None,
    "nextSentAt": None,
    "nextBatchId": None,
}
PLAIN = {"batchId": None, "batchExpiresAt": None, "failing": None}


def pr_input(number: int, **fields: Any) -> PRInput:
    """A pull request to store."""
    values: dict[str, Any] = {
        "number": number,
        "title": f"PR {number}",
        "body": None,
        "author": "ada",
        "diff_hash": None,
        "file_paths": [],
        "state": PRState.OPEN,
        "github_etag": None,
        "created_at": T1,
        "updated_at": T1,
        "base_ref": "main",
        "head_ref": None,
        "is_draft": False,
        "closes": [],
        "committed_at": T1,
        "sketch": None,
    }
    return PRInput(**{**values, **fields})


def pr(id: int, number: int, **fields: Any) -> dict[str, Any]:
    """A stored pull request of repository 1, in wire form."""
    stored = pr_input(number).model_dump(mode="json", by_alias=True, exclude={"sketch"})
    return {"id": id, "repoId": 1, **stored, "embedHash": None, **fields}


FULL = pr_input(
    7, title=UNUSUAL, body="", diff_hash="d7", file_paths=["a.py", UNUSUAL], github_etag='W/"7"', state=PRState.MERGED
)
PR_7 = pr(1, 7, title=UNUSUAL, body="", diffHash="d7", filePaths=["a.py", UNUSUAL], githubEtag='W/"7"', state="merged")
PR_7_AGAIN = pr(1, 7, title="again", embedHash="e7")
PR_8, PR_9, PR_10 = pr(P8, 8), pr(P9, 9, state="closed"), pr(P10, 10)

NOZZLE = {"id": 1, "scanId": 1, "repoId": 1, "label": "nozzle", "prCount": 2}
PAINT = {**NOZZLE, "id": 2, "label": None, "prCount": 1}
BEST = {"id": 1, "groupId": 1, "prId": P8, "rank": 1, "score": 91.5, "rationale": UNUSUAL}
SECOND = {**BEST, "id": 2, "prId": 1, "rank": 2, "score": 60.0, "rationale": None}

JOB: dict[str, Any] = {
    "id": "job-a",
    "type": "scan",
    "payload": {"scanId": 1},
    "status": "queued",
    "result": None,
    "error": None,
    "attempts": 0,
    "maxRetries": 3,
    "runAfter": None,
    "createdAt": NOW,
    "updatedAt": NOW,
}
RUNNING = {**JOB, "status": "running", "attempts": 1}

NO_CHANGES: Mapping[str, Any] = {}
