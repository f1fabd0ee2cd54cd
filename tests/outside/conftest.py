"""A running world for the tests of the stand-ins; each test finds it healed and uncounted."""

import itertools
from collections.abc import Iterator

import httpx
import pytest

from tests.outside.planting import Plan
from tests.outside.world import World, world

_numbers = itertools.count(1)


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


@pytest.fixture
def client(outside: World) -> Iterator[httpx.Client]:
    """Speaks to OpenAI for an owner of its own, who has no batches yet."""
    key = f"sk-test-{next(_numbers)}"
    outside.openai.keys.add(key)
    with httpx.Client(base_url=outside.openai_url, headers={"authorization": f"Bearer {key}"}, timeout=20) as made:
        yield made
    outside.openai.keys.discard(key)


@pytest.fixture
def claude(outside: World) -> Iterator[httpx.Client]:
    """Speaks to Anthropic for an owner of its own, who has no batches yet."""
    key = f"sk-test-{next(_numbers)}"
    outside.anthropic.keys.add(key)
    headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
    with httpx.Client(base_url=outside.anthropic_url, headers=headers, timeout=20) as made:
        yield made
    outside.anthropic.keys.discard(key)
