"""A host that is killed leaves nothing behind that goes on working."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.hosts.worker.conftest import PROBE_ENTRY
from tests.hosts.worker.probing import do, eventually
from tests.support.worker_host import WorkerHost, worker_host


def test_workerd_ends_with_its_host(make_project: Callable[..., Path], tmp_path: Path, probe: WorkerHost) -> None:
    with worker_host(tmp_path, {}, make_project(PROBE_ENTRY.read_text())) as host:
        do(host, "wait_until")
        host.kill()

        def is_listening() -> bool:
            try:
                do(host, "random")
            except httpx.ConnectError:
                return False
            except httpx.TransportError:
                # A connection that it took while it was dying.
                return True
            return True

        eventually(is_listening, lambda still: not still)
    with pytest.raises(httpx.ConnectError):
        httpx.get(host.url, verify=False)
    # Others go on.
    assert do(probe, "variables")["level"] == "info"
