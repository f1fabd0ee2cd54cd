"""Options of the whole test suite, and how it is shared between processes."""

import re
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TARGETS = ("cpython", "bun", "worker")

# Tests of one folder that share running hosts: they run in one process, so that no host is started twice.
SHARING = ("tests/whole/conformance/", "tests/whole/scans/", "tests/hosts/vectors/", "tests/hosts/worker/")
_HOST = re.compile(r"\b(cpython|bun|worker|sqlite-vec|qdrant|vectorize)\b")
# What takes long begins first, so that no process is left with it in the end.
_FIRST = ("tests/whole/scans", "tests/hosts", "tests/whole", "tests/generator", "tests/core/batch")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--target`: where the conformance suite runs."""
    parser.addoption(
        "--target",
        action="append",
        choices=TARGETS,
        default=None,
        help="run the conformance suite only on this target (may be repeated); all three by default",
    )


def unit_of(nodeid: str) -> str:
    """What runs in one process: a file, or the tests that share a host."""
    file, _, test = nodeid.partition("::")
    folder = next((folder for folder in SHARING if file.startswith(folder)), None)
    parameters = test.partition("[")[2]
    host = _HOST.search(parameters)
    if folder is None:
        return f"{file}[{host[0]}]" if host and file.startswith("tests/hosts/") else file
    if host is None:
        # In hosts/worker there is one host for all; elsewhere such a test starts its own.
        return folder if folder == "tests/hosts/worker/" else file
    return f"{folder}[{host[0]}]"


class _Units(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a process one unit after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Used with `-n`; `make test` has as many processes as the machine has cores."""
    config.option.loadscopereorder = False
    return _Units(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several processes, begin with what takes long."""
    if hasattr(config, "workerinput"):

        def place(item: pytest.Item) -> int:
            found = [number for number, folder in enumerate(_FIRST) if item.nodeid.startswith(folder)]
            return min(found, default=len(_FIRST))

        items.sort(key=place)
