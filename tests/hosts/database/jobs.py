"""The part of the story that the local job queue plays."""

from tests.hosts.database.rows import JOB, RUNNING, T1, T2, T3, UNUSUAL, call

JOBS = [
    call("next_job_at", gives=None, why="when there is none"),
    call("claim_job", T1, gives=None, why="when there is none"),
    call("insert_job", "job-a", "scan", {"scanId": 1}, 3, None, gives=1),
    call("insert_job", "job-a", "other", {}, 9, T1, gives=0, why="again"),
    call("insert_job", "job-b", "scan", {"text": UNUSUAL}, 0, T2, gives=1, why="for later"),
    call("get_job", "job-a", gives=JOB),
    call("get_job", "nope", gives=None, why="that is not there"),
    call("next_job_at", gives="", why="when one is due"),
    call("claim_job", T1, gives=RUNNING),
    call("claim_job", T1, gives=None, why="when none is due"),
    call("next_job_at", gives=T2),
    call("retry_job", "job-a", "it failed", T3, gives=1),
    call(
        "get_job", "job-a", gives={**JOB, "attempts": 1, "error": "it failed", "runAfter": T3}, why="to be tried again"
    ),
    call(
        "claim_job",
        T2,
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
    call("claim_job", T3, gives={**RUNNING, "attempts": 2, "error": "it failed", "runAfter": T3}, why="again"),
    call("pause_job", "job-a", T2, gives=1),
    call(
        "get_job", "job-a", gives={**JOB, "attempts": 1, "error": "it failed", "runAfter": T2}, why="that was set aside"
    ),
    call(
        "claim_job",
        T3,
        gives={**RUNNING, "attempts": 2, "error": "it failed", "runAfter": T2},
        why="that was set aside",
    ),
    call("recover_running_jobs", gives=1),
    call("recover_running_jobs", gives=0, why="when none is running"),
    call("get_job", "job-a", gives={**JOB, "attempts": 2, "error": "it failed"}, why="that was interrupted"),
    call("fail_job", "job-a", UNUSUAL, gives=1),
    call("get_job", "job-a", gives={**JOB, "attempts": 2, "error": UNUSUAL, "status": "failed"}, why="that has failed"),
    call("fail_job", "nope", "x", gives=0, why="that is not there"),
]
