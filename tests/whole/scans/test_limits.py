"""Every invocation of a scan in workerd stays within the platform's limits, and within what the budgets computed."""

from pathlib import Path

import pytest

from tests.outside.planting import Plan
from tests.outside.world import World
from tests.support.worker_host import worker_host
from tests.whole.scans.batch_hosts import BATCH_HOSTS
from tests.whole.scans.client import Client
from tests.whole.scans.invocations import ISOLATE_BYTES, Most, budgets, by_phase
from tests.whole.scans.rows import assert_whole

PLAN = Plan(prs=300, big_group=60)
# With these bytes besides each answer, the results of the first batch are over 100 MB.
PADDING = 350_000


def test_300_pull_requests_within_the_limits_of_every_invocation(
    outside: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = outside.add_repository("acme", "large", PLAN)
    with worker_host(tmp_path, outside.environment()) as host:
        client = Client(host.url, outside.config())
        host.reset_invocations()
        watched = client.scan(repository.full_name)
        assert (watched.status, watched.error, watched.scan["prCount"]) == ("done", None, PLAN.prs)
        used = by_phase(host.invocations())
        assert_whole(host.sql, watched.scan["id"])
    assert_within_budgets(used, capsys)
    assert any(scan["progress"] and scan["progress"]["note"] == "waiting for the vector index" for scan in watched.seen)


def test_100_megabytes_of_results_within_the_limits_of_every_invocation(
    outside: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = outside.add_repository("acme", "large-in-batches", PLAN)
    outside.batches.padding = PADDING
    with BATCH_HOSTS["worker"](tmp_path, outside.environment()) as host:
        client = Client(host.url, outside.config(batch=True))
        host.host.reset_invocations()
        scan = client.start(repository.full_name)
        watched = client.wait(scan, seconds=300, meanwhile=host.pass_time)
        assert (watched.status, watched.error, watched.scan["prCount"]) == ("done", None, PLAN.prs)
        used = by_phase(host.host.invocations())
        assert_whole(host.rows, scan)
    assert outside.count("openai.content").response_bytes > 100_000_000
    assert [batch.requests for batch in outside.batches.submitted][:1] == [PLAN.prs]
    assert_within_budgets(used, capsys)


def assert_within_budgets(used: list[Most], capsys: pytest.CaptureFixture[str]) -> None:
    """Hold what the phases used against what was computed for them, and that against the plan."""
    spec, computed = budgets()
    limits, plan = spec.bindings.limits, spec.bindings.plans[spec.bindings.worker.plan]
    with capsys.disabled():
        print()
        for most in used:
            print(f"  {most}")
    assert {most.phase for most in used} == set(computed)
    for most in used:
        budget = computed[most.phase]
        assert most.d1_queries <= budget.d1_queries <= plan.d1_queries, most
        assert most.subrequests <= budget.subrequests <= plan.subrequests, most
        assert most.message_bytes <= budget.message_bytes <= limits.queue_message_bytes, most
        assert most.memory_bytes < ISOLATE_BYTES, most
