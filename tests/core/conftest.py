"""A running world outside, and repositories in it that no other test sees."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.core.scanning import Scanning
from tests.outside.diffs import ChangedFile
from tests.outside.llm import Behaviour
from tests.outside.planting import Plan
from tests.outside.repository import Repository
from tests.outside.world import World as Outside
from tests.outside.world import world

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def running_world() -> Iterator[Outside]:
    """One for all tests."""
    with world(Plan(prs=0, odd=False)) as it:
        yield it


@pytest.fixture
def outside(running_world: Outside) -> Outside:
    """The running world, healed and uncounted."""
    running_world.heal()
    running_world.reset()
    running_world.llm.behaviour = Behaviour()
    return running_world


@pytest.fixture
def repository(outside: Outside) -> Repository:
    """A repository of the test's own, without pull requests."""
    return outside.add_repository("acme", f"project-{next(_numbers)}", Plan(prs=0, closed_share=0, odd=False))


@pytest.fixture
def open_pulls(repository: Repository) -> Callable[[int], list[int]]:
    """Opens pull requests that have nothing in common; their numbers."""

    def open_them(count: int) -> list[int]:
        pulls = []
        for _ in range(count):
            place = len(repository.pulls)
            topic = f"topic{place} area{place} part{place}"
            pulls.append(repository.open(f"Do {topic}", f"Since {topic}", [ChangedFile(f"src/{place}.py", topic)]))
        return [pull.number for pull in pulls]

    return open_them


@pytest.fixture
def scanning(outside: Outside, repository: Repository) -> Scanning:
    """A core with an account, to scan the test's own repository with."""
    return Scanning(outside, repository)
