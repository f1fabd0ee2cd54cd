"""A running world and running hosts; every test has an account and a repository of its own."""

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.outside.planting import Plan
from tests.outside.repository import Repository
from tests.outside.world import World, world
from tests.whole.scans.client import Client
from tests.whole.scans.targets import LOCAL_TARGETS, TARGETS, Running


@pytest.fixture(scope="session")
def running_world() -> Iterator[World]:
    """One for all tests."""
    with world(Plan(prs=150)) as it:
        yield it


@pytest.fixture
def outside(running_world: World) -> World:
    """The running world, healed and uncounted."""
    running_world.heal()
    running_world.reset()
    return running_world


@pytest.fixture
def plant(outside: World, request: pytest.FixtureRequest) -> Callable[[Plan], Repository]:
    """Plants a repository that no other test sees.

    What is in it follows from its name, and so from the test's, whatever other tests run before it.
    """
    numbers = itertools.count(1)
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:80]
    return lambda plan: outside.add_repository("acme", f"{name}-{next(numbers)}", plan)


@pytest.fixture(scope="session")
def start(running_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Running]]:
    """Starts hosts by name, each once."""
    started: dict[str, Running] = {}
    with ExitStack() as stack:

        def start_once(name: str) -> Running:
            if name not in started:
                directory = tmp_path_factory.mktemp(name)
                started[name] = stack.enter_context(TARGETS[name](directory, running_world.environment()))
            return started[name]

        yield start_once


@pytest.fixture(params=TARGETS)
def host(request: pytest.FixtureRequest, start: Callable[[str], Running]) -> Running:
    """A running host, every one in turn."""
    return start(request.param)


@pytest.fixture(params=LOCAL_TARGETS)
def local(request: pytest.FixtureRequest, start: Callable[[str], Running]) -> Running:
    """A running host of those that scan fast."""
    return start(request.param)


@pytest.fixture
def client(host: Running, outside: World) -> Client:
    """A new account of OpenAI."""
    return Client(host.url, outside.config())
