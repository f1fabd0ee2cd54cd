"""What a Worker may not do while it is imported stops it here, too, and not only once it is deployed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.worker_host import HostFailedError, WorkerHost, worker_host

REST = """
from workers import DurableObject, WorkerEntrypoint
class Default(WorkerEntrypoint): ...
class ProbeObject(DurableObject): ...
"""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("import uuid; ID = uuid.uuid4()", "os.urandom: a Worker has no randomness while it is imported"),
        ("import random; NUMBER = random.random()", "random.random: a Worker has no randomness while it is imported"),
        ("import random; NUMBER = random.Random()", "Compiled code asked for randomness while the Worker was imported"),
        ("from js import URL; HOME = URL.new('http://a')", "entry.URL is a JavaScript object at module level"),
        ("import starlette.nothing", "No module named 'starlette.nothing'"),
        ("import time; assert time.time() < 1, 'the clock runs'\nraise ValueError('1970')", "ValueError: 1970"),
    ],
)
def test_stops_the_worker(
    worker: WorkerHost, make_project: Callable[[str], Path], tmp_path: Path, line: str, message: str
) -> None:
    with pytest.raises(HostFailedError) as failure, worker_host(tmp_path, {}, make_project(f"{line}\n{REST}")):
        pass
    assert message in str(failure.value)
    assert "The Worker did not start" in str(failure.value)
