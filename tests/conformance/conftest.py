"""The targets of the suite, and the accounts and repositories that its tests make for themselves."""

import itertools
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.conformance.client import Account
from tests.conftest import TARGETS
from tests.standins.github import GitHub, github_standin


@dataclass(frozen=True)
class Target:
    """A running service; all that the tests know of it is its address, and whether it calls itself a cloud host."""

    url: str
    is_cloud: bool


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test on every chosen target."""
    if "target" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--target") or TARGETS
        metafunc.parametrize("target", chosen, indirect=True, scope="session")


@pytest.fixture(scope="session")
def github() -> Iterator[GitHub]:
    """The stand-in for GitHub, which every target is configured to use."""
    with github_standin() as github:
        github.add_repository("acme", "rocket")
        yield github


@pytest.fixture(scope="session")
def target(
    request: pytest.FixtureRequest, github: GitHub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """The service under test, started once."""
    directory = tmp_path_factory.mktemp(request.param)
    environment = {"GITHUB_API_URL": github.url, "LOG_LEVEL": "error"}
    if request.param == "cpython":
        from tests.support.cpython_host import cpython_host

        with cpython_host(directory, environment) as host:
            yield Target(host.url, is_cloud=False)
    elif request.param == "bun":
        from tests.support.bun_host import bun_host

        with bun_host(directory / "ossgard.db", environment) as local:
            yield Target(local.url, is_cloud=False)
    else:
        from tests.support.worker_host import worker_host

        with worker_host(directory, environment) as worker:
            yield Target(worker.url, is_cloud=True)


@pytest.fixture
def anonymous(target: Target) -> Iterator[httpx.Client]:
    """A caller without an account."""
    with httpx.Client(base_url=target.url, timeout=60, verify=False) as client:
        yield client


@pytest.fixture
def config(github: GitHub) -> dict[str, Any]:
    """A configuration that every target accepts without a warning, with a token of its own."""
    service = {"provider": "openai", "url": github.url, "api_key": "sk-0123456789abcdef"}
    return {
        "github": {"token": github.add_token()},
        "llm": {**service, "model": "gpt-test"},
        "embedding": {**service, "model": "text-embedding-3-small"},
    }


@pytest.fixture
def register(target: Target, github: GitHub, config: dict[str, Any]) -> Iterator[Callable[[], Account]]:
    """Makes accounts."""
    clients: list[Account] = []

    def make() -> Account:
        own = {**config, "github": {"token": github.add_token()}}
        answer = httpx.post(f"{target.url}/accounts", json={"label": "tester", "config": own}, timeout=60, verify=False)
        assert answer.status_code == 201, answer.text
        clients.append(Account(target.url, answer.json()["apiKey"], own))
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
def busy_repository(github: GitHub, account: Account) -> str:
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
