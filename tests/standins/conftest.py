"""A running world for the tests of the stand-ins; each test finds it healed and uncounted."""

from collections.abc import Iterator

import pytest

from tests.standins.planting import Plan
from tests.standins.world import World, world


@pytest.fixture(scope="session")
def running_world() -> Iterator[World]:
    """One for all tests."""
    with world(Plan(prs=230)) as it:
        yield it


@pytest.fixture
def outside(running_world: World) -> World:
    """The running world, as if it were new, but for changes of the repository."""
    running_world.heal()
    running_world.reset()
    return running_world
