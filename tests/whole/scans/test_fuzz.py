"""Fuzzed answers: whatever a service sends, a scan ends, nothing unforeseen happens, and its texts are for users."""

import itertools
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.outside.hostile import PLACES
from tests.outside.mutations import Mutation, mutations
from tests.outside.world import World
from tests.whole.scans.client import ENDED
from tests.whole.scans.impatient import ImpatientCore, impatient_core, plan_for
from tests.whole.scans.internals import leaks

pytestmark = pytest.mark.slow
# Each is a whole scan. FUZZ=50 looks further.
EXAMPLES = int(os.environ.get("FUZZ", "2"))
ENDPOINTS = {endpoint: account for endpoints in PLACES.values() for endpoint, account in endpoints.items()}
# What a batch's provider says may be waited for until the batch expires, a poll at a time.
POLLED = ("openai.batch", "anthropic.batch")
UNFORESEEN = "nobody foresaw"

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def core(running_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImpatientCore]:
    """A host for each account."""
    with impatient_core(running_world, tmp_path_factory.mktemp("fuzz")) as core:
        yield core


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_scan_ends_and_says_nothing_that_only_programmers_understand(
    core: ImpatientCore, outside: World, endpoint: str, data: Any
) -> None:
    mutation: Mutation = data.draw(mutations([1, 3] if endpoint in POLLED else [1, 3, None]))
    account = ENDPOINTS[endpoint]
    host = core.hosts[account]
    repository = outside.add_repository("acme", f"fuzz-{next(_numbers)}", plan_for(account))
    seen = len(host.log_lines)
    outside.heal()
    fault = outside.watch.add(mutation.fault(endpoint))
    watched = core.scan(repository, account)
    assert watched.status in ENDED
    assert (watched.error is None) == (watched.status == "done")
    assert leaks(watched) == []
    unforeseen = [line for line in host.log_lines[seen:] if '"level": "error"' in line]
    assert unforeseen == []
    assert UNFORESEEN not in str(watched.seen)
    assert fault.hits > 0
