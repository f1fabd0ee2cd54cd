"""The offline runtime treats a Worker as Cloudflare's does."""

import json
import time

import pytest

from tests.hosts.worker.probing import do, notes
from tests.support.worker_host import AlarmFailedError, WorkerHost

PIPELINE, DEAD_LETTERS = "probe-pipeline", "probe-dead-letters"
OBJECTS = "PROBE_OBJECT"


def test_queue_handlers_get_none_for_env_and_ctx(probe: WorkerHost) -> None:
    body = {"fail": False, "delay": 0, "name": "plain", "null": None, "list": [1, "ü"]}
    do(probe, "send", body=body)
    [text] = notes(probe, "plain", 1)
    assert json.loads(text) == {"queue": PIPELINE, "attempts": 1, "body": body, "env": None, "ctx": None}


def test_messages_are_retried_with_a_delay_and_end_in_the_dead_letter_queue(probe: WorkerHost) -> None:
    started = time.monotonic()
    do(probe, "send", body={"fail": True, "delay": 1, "name": "doomed"})
    texts = [json.loads(text) for text in notes(probe, "doomed", 3)]
    assert [(text["queue"], text["attempts"]) for text in texts] == [(PIPELINE, 1), (PIPELINE, 2), (DEAD_LETTERS, 1)]
    assert time.monotonic() - started > 1


def test_messages_can_be_sent_with_a_delay(probe: WorkerHost) -> None:
    started = time.monotonic()
    do(probe, "send", body={"fail": False, "name": "late"}, delay=1)
    notes(probe, "late", 1)
    assert time.monotonic() - started > 1


def test_the_schedule_handler_gets_none_for_env_and_ctx(probe: WorkerHost) -> None:
    probe.run_schedule()
    assert json.loads(notes(probe, "scheduled", 1)[0]) == {"scheduled": [None, None]}


def test_wait_until_takes_coroutines(probe: WorkerHost) -> None:
    do(probe, "wait_until")
    assert notes(probe, "waited", 1) == ["waited"]


def test_durable_objects_answer_calls_and_remember(probe: WorkerHost) -> None:
    assert do(probe, "call_object", name="a", amount={"value": 2}) == {"total": 2, "none": None}
    assert do(probe, "call_object", name="a", amount={"value": 3}) == {"total": 5, "none": None}
    assert do(probe, "call_object", name="b", amount={"value": 1}) == {"total": 1, "none": None}


def test_durable_objects_show_only_their_async_methods(probe: WorkerHost) -> None:
    assert "does not implement" in do(probe, "call_object_badly", name="a")


def test_durable_objects_answer_requests(probe: WorkerHost) -> None:
    assert do(probe, "fetch_object", name="a") == {"status": 501, "text": "POST hello"}


def test_alarms_ring(probe: WorkerHost) -> None:
    do(probe, "set_alarm", name="ringing", milliseconds=50)
    assert notes(probe, "alarm of ringing", 1) == ["alarm of ringing, next None"]


def test_alarms_can_be_made_to_ring_now(probe: WorkerHost) -> None:
    started = time.time()
    do(probe, "set_alarm", name="early", milliseconds=3_600_000)
    alarm = probe.next_alarm("early", OBJECTS)
    assert alarm is not None
    assert 3_600 <= alarm.timestamp() - started + 0.001 < 3_660
    assert probe.run_alarm("early", OBJECTS) is None
    # As when it rings by itself, the alarm is gone before its handler runs.
    assert notes(probe, "alarm of early", 1) == ["alarm of early, next None"]


def test_tells_what_an_alarm_handler_raised(probe: WorkerHost) -> None:
    do(probe, "call_object", name="unlucky", amount={"value": 13})
    assert probe.kept("unlucky", OBJECTS) == {"total": 13}
    with pytest.raises(AlarmFailedError, match="ValueError: bad luck"):
        probe.run_alarm("unlucky", OBJECTS)


def test_variables_that_are_missing_are_missing(probe: WorkerHost) -> None:
    assert do(probe, "variables") == {"level": "info", "missing": None}


def test_randomness_is_real_once_events_are_handled(probe: WorkerHost) -> None:
    first, second = do(probe, "random"), do(probe, "random")
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_text_does_not_become_code(probe: WorkerHost) -> None:
    assert "Code generation from strings disallowed" in do(probe, "evaluate")


def test_own_modules_come_last_and_are_read_only(probe: WorkerHost) -> None:
    path = do(probe, "search_path")
    assert path[-2:] == ["/session/metadata/python_modules", "/session/metadata"]
    assert do(probe, "write_file") == "PermissionError"


def test_the_packages_are_patched_for_a_runtime_without_threads(probe: WorkerHost) -> None:
    assert do(probe, "threads") == "ran"


def test_headers_keep_their_commas(probe: WorkerHost) -> None:
    assert do(probe, "headers") == "1, 2"
