"""The targets of the suite, and the accounts and repositories that its tests make for themselves."""

import contextlib
import itertools
import socket
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import TARGETS
from tests.outside.github_api import GitHubApi
from tests.outside.planting import Plan
from tests.outside.world import World, world
from tests.whole.conformance.client import Account

API_KEY = "sk-0123456789abcdef"


@dataclass(frozen=True)
class Target:
    """A running service; all that the tests know of it is told here.

    Args:
        url: where it listens.
        is_cloud: whether it calls itself a cloud host.
        execute: runs a statement with its values on the database, for rows that no request leads to.
    """

    url: str
    is_cloud: bool
    execute: Callable[..., object]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test on every chosen target."""
    if "target" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--target") or TARGETS
        metafunc.parametrize("target", chosen, indirect=True, scope="session")


@pytest.fixture(scope="session")
def outside() -> Iterator[World]:
    """The world outside, which every target is configured to use.

    `acme/rocket` is empty, so that a scan of it is soon done; `acme/widgets` has some duplicates.
    """
    with world(Plan(prs=24)) as it:
        it.github.add_repository("acme", "rocket")
        it.openai.keys.add(API_KEY)
        yield it


@pytest.fixture(scope="session")
def github(outside: World) -> GitHubApi:
    """The stand-in for GitHub."""
    return outside.github


@pytest.fixture(scope="session")
def target(
    request: pytest.FixtureRequest, outside: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """The service under test, started once."""
    directory = tmp_path_factory.mktemp(request.param)
    environment = {**outside.environment(), "LOG_LEVEL": "error"}
    if request.param == "cpython":
        from tests.support.cpython_host import cpython_host

        with cpython_host(directory, environment) as host:
            yield Target(host.url, is_cloud=False, execute=_file_executor(directory / "ossgard.db"))
    elif request.param == "bun":
        from tests.support.bun_host import bun_host

        with bun_host(directory, environment) as local:
            yield Target(local.url, is_cloud=False, execute=_file_executor(directory / "ossgard.db"))
    else:
        from tests.support.worker_host import worker_host

        with worker_host(directory, environment) as worker:
            yield Target(worker.url, is_cloud=True, execute=worker.sql)


def _file_executor(path: Path) -> Callable[..., object]:
    def execute(sql: str, *values: str | int) -> None:
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as connection, connection:
            connection.execute(sql, values)

    return execute


@pytest.fixture
def anonymous(target: Target) -> Iterator[httpx.Client]:
    """A caller without an account."""
    with httpx.Client(base_url=target.url, timeout=60, verify=False) as client:
        yield client


@pytest.fixture
def config(outside: World) -> dict[str, Any]:
    """A configuration that every target accepts without a warning, with a token of its own."""
    return new_config(outside)


def new_config(outside: World) -> dict[str, Any]:
    """A configuration with a token of its own."""
    service = {"provider": "openai", "url": outside.openai_url, "api_key": API_KEY}
    return {
        "github": {"token": outside.github.add_token()},
        "llm": {**service, "model": "gpt-4o-mini"},
        "embedding": {**service, "model": "text-embedding-3-small"},
    }


def new_account(target: Target, outside: World) -> Account:
    """Register somebody."""
    own = new_config(outside)
    answer = httpx.post(f"{target.url}/accounts", json={"label": "tester", "config": own}, timeout=60, verify=False)
    assert answer.status_code == 201, answer.text
    return Account(target.url, answer.json()["apiKey"], own)


@pytest.fixture
def register(target: Target, outside: World) -> Iterator[Callable[[], Account]]:
    """Makes accounts."""
    clients: list[Account] = []

    def make() -> Account:
        clients.append(new_account(target, outside))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def account(register: Callable[[], Account]) -> Account:
    """An account of the test's own."""
    return register()


_numbers = itertools.count(1)


@pytest.fixture
def busy_repository(github: GitHubApi, account: Account) -> str:
    """A repository whose scan stays active, since GitHub asks the account to wait: `owner/name`."""
    name = f"busy-{next(_numbers)}"
    github.add_repository("acme", name)
    github.limit_rate(account.config["github"]["token"], f"/repos/acme/{name}")
    return f"acme/{name}"


@pytest.fixture
def closed_url() -> str:
    """A URL that refuses connections."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def silent_url() -> Iterator[str]:
    """A URL that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
