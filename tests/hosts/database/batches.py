"""The part of the story that provider batches play: steps that wait for one, answers, and the local host's pollers."""

from typing import Any

from ossgard.spec.entities import BatchAnswerInput
from tests.hosts.database.rows import MESSAGE, NEW_ID, SECOND_SCAN, T1, T2, T3, UNUSUAL, call

T4 = "2026-11-24T10:00:00.000Z"

WAITING: dict[str, Any] = {
    "scanId": SECOND_SCAN,
    "step": 2,
    "phase": "embed",
    "dueAt": T1,
    "sentAt": None,
    "batchId": "batch_1",
    "batchExpiresAt": T3,
    "failing": None,
}
POLL: dict[str, Any] = {
    "batchId": "batch_1",
    "scanId": SECOND_SCAN,
    "step": 2,
    "phase": "embed",
    "polls": 0,
    "begun": 0,
    "errors": 0,
    "ended": False,
}
NAME = f"scan-{SECOND_SCAN}-embed"


def answer(position: int, text: str, problem: str | None = None) -> BatchAnswerInput:
    return BatchAnswerInput(position=position, text=text, problem=problem, input_tokens=10, output_tokens=2)


def stored(position: int, text: str, problem: str | None = None) -> dict[str, Any]:
    """An answer as it is found, in wire form."""
    return {"position": position, "text": text, "problem": problem, "inputTokens": 10, "outputTokens": 2}


STEPS = [
    call("take_step", SECOND_SCAN, 2, "embed", T1, "batch_1", T3, gives=None, why="that waits for a batch"),
    call(
        "get_scan_message",
        SECOND_SCAN,
        1,
        gives={
            **MESSAGE,
            "scanId": SECOND_SCAN,
            "repoId": NEW_ID,
            "accountId": 2,
            "owner": "new",
            "name": UNUSUAL,
            "config": {},
            "phaseCursor": {},
            "nextStep": 2,
            "nextPhase": "embed",
            "nextDueAt": T1,
            "nextBatchId": "batch_1",
        },
        why="that is followed by one that waits for a batch",
    ),
    call("get_awaited_batch", 2, SECOND_SCAN, gives="batch_1"),
    call("get_awaited_batch", 1, SECOND_SCAN, gives=None, why="of another account's scan"),
    call("get_awaited_batch", 1, 1, gives=None, why="of a scan that waits for none"),
    call("list_stalled_steps", T2, T1, 9, gives=[WAITING], why="whose batch is not polled yet"),
    call("claim_submission", SECOND_SCAN, 2, T2, None, gives=1),
    call("claim_submission", SECOND_SCAN, 2, T3, None, gives=0, why="that another attempt has begun"),
    call("claim_submission", SECOND_SCAN, 2, T3, T1, gives=0, why="that may be under way"),
    call("claim_submission", SECOND_SCAN, 2, T3, T2, gives=1, why="that must be over"),
    call("forget_submission", SECOND_SCAN, 2, gives=1),
    call("claim_submission", SECOND_SCAN, 2, T2, None, gives=1, why="that was forgotten"),
    call("claim_submission", SECOND_SCAN, 9, T1, None, gives=0, why="of no step"),
    call("mark_step_sent", SECOND_SCAN, 2, T2, gives=1, why="when its batch is polled"),
    call("list_stalled_steps", T3, T3, 9, gives=[], why="while a batch may take its time"),
    call("list_stalled_steps", T3, T4, 9, gives=[{**WAITING, "sentAt": T2}], why="when a batch has expired"),
    call("mark_batch_ended", SECOND_SCAN, 2, T2, gives=1),
    call("list_stalled_steps", T3, T3, 9, gives=[{**WAITING, "sentAt": T2, "batchExpiresAt": T2}], why="after its end"),
    call("mark_batch_ended", SECOND_SCAN, 9, T2, gives=0, why="of no message"),
]

ANSWERS = [
    call("insert_batch_answers", SECOND_SCAN, "verify", [answer(1, UNUSUAL), answer(3, "", "cut off")], gives=2),
    call("insert_batch_answers", SECOND_SCAN, "rank", [answer(1, "of another phase")], gives=1),
    call("insert_batch_answers", SECOND_SCAN, "verify", [answer(3, "again"), answer(7, "{}")], gives=2, why="again"),
    call("insert_batch_answers", SECOND_SCAN, "verify", [], gives=0, why="of none"),
    call("insert_batch_answers", 99, "verify", [answer(1, "x")], gives=0, why="of no scan"),
    call("list_batch_answers", SECOND_SCAN, "verify", 1, 6, gives=[stored(1, UNUSUAL), stored(3, "again")]),
    call("list_batch_answers", SECOND_SCAN, "verify", 4, 6, gives=[], why="where there are none"),
    call("clear_scratch", NEW_ID, gives=3000, why="with answers"),
    call("list_batch_answers", SECOND_SCAN, "rank", 0, 9, gives=[], why="when they are cleared"),
]

POLLS = [
    call("get_batch_poll", NAME, gives=None, why="that is not there"),
    call("start_batch_poll", NAME, "batch_1", SECOND_SCAN, 2, "embed", T2, gives=1),
    call("start_batch_poll", "scan-1-rank", "batch_2", 1, 9, "rank", T1, gives=1, why="under another name"),
    call("get_batch_poll", NAME, gives=POLL),
    call("list_batch_polls", 9, gives=[{"name": "scan-1-rank", "nextPollAt": T1}, {"name": NAME, "nextPollAt": T2}]),
    call("list_batch_polls", 1, gives=[{"name": "scan-1-rank", "nextPollAt": T1}], why="at most one"),
    call("save_batch_poll", NAME, "batch_1", 2, 3, 1, 2, False, T3, gives=1),
    call("save_batch_poll", NAME, "batch_9", 2, 9, 0, 9, True, T1, gives=0, why="of another batch"),
    call("get_batch_poll", NAME, gives={**POLL, "polls": 3, "begun": 1, "errors": 2}, why="after some polls"),
    call("start_batch_poll", NAME, "batch_1", SECOND_SCAN, 4, "embed", T1, gives=1, why="again"),
    call("start_batch_poll", NAME, "batch_1", SECOND_SCAN, 3, "embed", T1, gives=1, why="for an earlier message"),
    call("get_batch_poll", NAME, gives={**POLL, "step": 4, "polls": 3, "begun": 1, "errors": 2}, why="started again"),
    call("save_batch_poll", NAME, "batch_1", 2, 9, 0, 9, True, T1, gives=0, why="for an earlier message"),
    call("start_batch_poll", NAME, "batch_3", SECOND_SCAN, 5, "embed", T1, gives=0, why="while another is polled"),
    call("save_batch_poll", NAME, "batch_1", 4, 4, 0, 0, True, T3, gives=1, why="when the batch has ended"),
    call("list_batch_polls", 1, gives=[{"name": "scan-1-rank", "nextPollAt": T1}], why="that is still the first"),
    call("start_batch_poll", NAME, "batch_3", SECOND_SCAN, 5, "embed", T2, gives=1, why="after one that has ended"),
    call("delete_batch_poll", NAME, "batch_1", 4, gives=0, why="when a newer one was started"),
    call("delete_batch_poll", NAME, "batch_3", 4, gives=0, why="when it was started for a later message"),
    call("get_batch_poll", NAME, gives={**POLL, "batchId": "batch_3", "step": 5}, why="that is newer"),
    call("delete_batch_poll", NAME, "batch_3", 5, gives=1),
    call("list_batch_polls", 9, gives=[{"name": "scan-1-rank", "nextPollAt": T1}], why="that are left"),
]

BATCHES = [*STEPS, *ANSWERS, *POLLS]
