"""Submitting a batch: by one attempt at a time, and what becomes of one that fails."""

from dataclasses import replace

import pytest

from ossgard.pipeline.batch.rounds import LONGEST_SUBMISSION
from ossgard.pipeline.disposition import Done, Failed
from tests.core.batch.batch_scanning import (
    BatchScanning,
    about_to_submit,
    assert_equals_ordinary,
    batch_config,
    planted,
)
from tests.core.mortal import die_before_submitting
from tests.outside.repository import Repository
from tests.outside.world import World as Outside

LOOKS = "openai.batches.list,anthropic.batches.list"

llms = pytest.mark.parametrize("llm", ["openai", "anthropic"])


@pytest.fixture
def repository(outside: Outside) -> Repository:
    return planted(outside)


def put_off(scanning: BatchScanning) -> int:
    """Deliver the next message, which is put off, and let that time pass; how many seconds it was."""
    assert scanning.deliver() == Done()
    [(_, _, seconds)] = scanning.queue.jobs
    scanning.clock.advance(seconds=seconds)
    return seconds


@llms
def test_nobody_looks_for_a_batch_that_was_never_submitted(outside: Outside, repository: Repository, llm: str) -> None:
    scanning = BatchScanning(outside, repository, batch_config(outside, llm))
    scanning.scan_in_batches()
    assert outside.requests(LOOKS) == []


@llms
def test_a_submission_that_was_refused_for_now_is_tried_again_without_a_look(
    outside: Outside, repository: Repository, llm: str
) -> None:
    scanning = about_to_submit(outside, repository, llm)
    outside.fail(f"{llm}.batches.create", 429, retry_after=7, times=2)
    for _ in range(2):
        assert put_off(scanning) == 7
    scanning.finish()
    assert len(scanning.submitted("verify")) == 1
    assert outside.requests(LOOKS) == []
    assert_equals_ordinary(scanning)


@llms
@pytest.mark.parametrize("is_accepted", [False, True])
def test_a_submission_of_which_nothing_is_known_is_looked_for_later(
    outside: Outside, repository: Repository, llm: str, is_accepted: bool
) -> None:
    scanning = about_to_submit(outside, repository, llm)
    outside.cut(f"{llm}.batches.create", "body" if is_accepted else "before", times=1)
    assert put_off(scanning) == LONGEST_SUBMISSION.total_seconds()
    scanning.finish()
    assert len(scanning.submitted("verify")) == 1
    assert_equals_ordinary(scanning)


@llms
def test_a_submission_that_may_be_under_way_is_waited_for(outside: Outside, repository: Repository, llm: str) -> None:
    scanning = about_to_submit(outside, repository, llm)
    die_before_submitting(scanning)
    assert put_off(scanning) == LONGEST_SUBMISSION.total_seconds()
    assert "Another attempt is submitting a batch to " in scanning.scan()["progress"]
    scanning.finish()
    assert len(scanning.submitted("verify")) == 1
    assert_equals_ordinary(scanning)


# ---- what cannot be submitted at all


@llms
def test_a_server_that_mixes_up_the_names_of_requests_is_not_paid_twice(
    outside: Outside, repository: Repository, llm: str
) -> None:
    scanning = about_to_submit(outside, repository, llm)
    scanning.wait_for_batch("verify")
    [batch] = scanning.submitted("verify")
    batch.items = [replace(item, custom_id=f"other-{place}") for place, item in enumerate(batch.items)]
    scan = scanning.finish()
    assert scan["status"] == "failed"
    assert f"Batch {batch.id} of" in scan["error"]
    assert "has no result for any request that it was submitted with" in scan["error"]
    assert scanning.submitted("verify") == [batch]


@llms
def test_a_batch_that_is_refused_fails_the_scan(outside: Outside, repository: Repository, llm: str) -> None:
    scanning = about_to_submit(outside, repository, llm)
    outside.fail(f"{llm}.batches.create", 400)
    assert isinstance(scanning.deliver(), Failed)
    assert scanning.scan()["status"] == "failed"
    assert "refuses the request" in scanning.scan()["error"]


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_batches_is_named_with_what_to_do(
    outside: Outside, repository: Repository, status: int
) -> None:
    scanning = about_to_submit(outside, repository, "openai")
    outside.fail("openai.files,openai.batches.create", status)
    assert isinstance(scanning.deliver(), Failed)
    assert "has no batch interface" in scanning.scan()["error"]
    assert "Turn llm.batch off in the account's configuration, then start the scan again" in scanning.scan()["error"]
