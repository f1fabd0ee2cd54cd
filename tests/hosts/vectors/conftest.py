"""Every test of the suite runs on every target, in a repository of its own."""

import asyncio
import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.hosts.vectors.space import CODE, INTENT, Space
from tests.hosts.vectors.targets import TARGETS, Target

_repo_ids = itertools.count(1)


@pytest.fixture(scope="session", params=TARGETS)
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The store under test, with both collections ready."""
    with TARGETS[request.param](tmp_path_factory.mktemp(request.param)) as target:

        async def prepare() -> None:
            for collection in (CODE, INTENT):
                await target.store.ensure_collection(collection, target.dimensions)

        asyncio.run(prepare())
        yield target


@pytest.fixture
def new_space(target: Target) -> Callable[[], Space]:
    """Makes repositories of the test's own."""
    return lambda: Space(target, next(_repo_ids))


@pytest.fixture
def space(new_space: Callable[[], Space]) -> Space:
    """A repository of the test's own."""
    return new_space()
