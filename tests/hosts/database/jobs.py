"""The part of the story that the local job queue plays."""

from typing import Any

from tests.hosts.database.rows import JOB, RUNNING, T1, T2, T3, THIRD_SCAN, UNUSUAL, call


def running(id: str, payload: dict[str, Any]) -> dict[str, Any]:
    """A job that was claimed for the first time, in wire form."""
    return {**RUNNING, "id": id, "payload": payload}


JOBS = [
    call("next_job_at", T1, gives=None, why="when there is none"),
    call("claim_job", T1, 2, [], gives=None, why="when there is none"),
    call("insert_job", "job-a", "scan", {"scanId": 1}, 3, None, gives=1),
    call("insert_job", "job-a", "other", {}, 9, T1, gives=0, why="again"),
    call("insert_job", "job-b", "scan", {"text": UNUSUAL}, 0, T2, gives=1, why="for later"),
    call("get_job", "job-a", gives=JOB),
    call("get_job", "nope", gives=None, why="that is not there"),
    call("get_job_account", "job-a", gives=1),
    call("get_job_account", "job-b", gives=None, why="that works for no scan"),
    call("next_job_at", T1, gives=T2, why="besides one that is due"),
    call("claim_job", T1, 2, [], gives=RUNNING),
    call("claim_job", T1, 2, [], gives=None, why="when none is due"),
    call("next_job_at", T2, gives=None, why="when all are due"),
    call("retry_job", "job-a", "it failed", T3, gives=1),
    call(
        "get_job", "job-a", gives={**JOB, "attempts": 1, "error": "it failed", "runAfter": T3}, why="to be tried again"
    ),
    call(
        "claim_job",
        T2,
        2,
        [1, 0],
        gives={**RUNNING, "id": "job-b", "payload": {"text": UNUSUAL}, "maxRetries": 0, "runAfter": T2},
        why="that has become due",
    ),
    call("complete_job", "job-b", {"ok": True}, gives=1),
    call(
        "get_job",
        "job-b",
        gives={
            **JOB,
            "id": "job-b",
            "payload": {"text": UNUSUAL},
            "maxRetries": 0,
            "runAfter": T2,
            "status": "done",
            "attempts": 1,
            "result": {"ok": True},
        },
        why="that is done",
    ),
    call("claim_job", T3, 2, [], gives={**RUNNING, "attempts": 2, "error": "it failed", "runAfter": T3}, why="again"),
    call("pause_job", "job-a", T2, gives=1),
    call(
        "get_job", "job-a", gives={**JOB, "attempts": 1, "error": "it failed", "runAfter": T2}, why="that was set aside"
    ),
    call(
        "claim_job",
        T3,
        2,
        [],
        gives={**RUNNING, "attempts": 2, "error": "it failed", "runAfter": T2},
        why="that was set aside",
    ),
    call("recover_running_jobs", gives=1),
    call("recover_running_jobs", gives=0, why="when none is running"),
    call("get_job", "job-a", gives={**JOB, "attempts": 2, "error": "it failed"}, why="that was interrupted"),
    call("fail_job", "job-a", UNUSUAL, gives=1),
    call("get_job", "job-a", gives={**JOB, "attempts": 2, "error": UNUSUAL, "status": "failed"}, why="that has failed"),
    call("fail_job", "nope", "x", gives=0, why="that is not there"),
    # ---- whose turn it is: job-c to job-e are of one account, job-f is of none
    call("insert_job", "job-c", "scan", {"scanId": 1}, 3, None, gives=1),
    call("insert_job", "job-d", "scan", {"scanId": 1, "step": 2}, 3, None, gives=1),
    call("insert_job", "job-e", "scan", {"scanId": THIRD_SCAN}, 3, None, gives=1),
    call("insert_job", "job-f", "scan", {}, 3, None, gives=1),
    call("claim_job", T1, 2, [], gives=running("job-c", {"scanId": 1}), why="the oldest of all"),
    call("claim_job", T1, 1, [], gives=running("job-f", {}), why="while the account has as many as it may"),
    call("claim_job", T1, 1, [], gives=None, why="when none may run"),
    call("claim_job", T1, 2, [], gives=running("job-e", {"scanId": THIRD_SCAN}), why="of a scan that has none running"),
    call("claim_job", T1, 9, [], gives=None, why="while another of its scan runs"),
    call("complete_job", "job-c", None, gives=1),
    call("insert_job", "job-g", "scan", {}, 3, None, gives=1),
    call("claim_job", T1, 9, [0, 1], gives=running("job-g", {}), why="of who was served the longest ago"),
    call("claim_job", T1, 9, [0, 1], gives=running("job-d", {"scanId": 1, "step": 2}), why="that is the last"),
    *(call("complete_job", f"job-{letter}", None, gives=1) for letter in "defg"),
]
