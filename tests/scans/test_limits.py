"""Every invocation of a scan in workerd stays within the platform's limits, and within what the budgets computed."""

from pathlib import Path

import pytest

from tests.scans.client import Client
from tests.scans.invocations import ISOLATE_BYTES, budgets, by_phase
from tests.scans.rows import assert_whole
from tests.standins.planting import Plan
from tests.standins.world import World
from tests.support.worker_host import worker_host

PRS = 300


def test_300_pull_requests_within_the_limits_of_every_invocation(
    outside: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = outside.add_repository("acme", "large", Plan(prs=PRS, big_group=60))
    with worker_host(tmp_path, outside.environment()) as host:
        client = Client(host.url, outside.config())
        host.reset_invocations()
        watched = client.scan(repository.full_name)
        assert (watched.status, watched.error, watched.scan["prCount"]) == ("done", None, PRS)
        used = by_phase(host.invocations())
        assert_whole(host.sql, watched.scan["id"])
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
    assert any(scan["progress"] and scan["progress"]["note"] == "waiting for the vector index" for scan in watched.seen)
