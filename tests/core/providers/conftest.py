"""The world outside, for the providers' tests: one server, healed after each of them."""

from collections.abc import Iterator
from typing import Any

import pytest

from ossgard.providers.factory import Providers
from ossgard.services import LOCAL_HOST, HostProfile
from ossgard.spec.models import Config
from ossgard.spec.settings import Settings
from tests.core.world import World as Core
from tests.outside.llm import Behaviour
from tests.outside.planting import Plan
from tests.outside.world import World, world


@pytest.fixture(scope="module")
def one_world() -> Iterator[World]:
    with world(Plan(prs=230)) as it:
        yield it


@pytest.fixture
def outside(one_world: World) -> Iterator[World]:
    """A world without faults, whose counters are at zero."""
    one_world.reset()
    yield one_world
    one_world.heal()
    one_world.llm.behaviour = Behaviour()


def providers(outside: World, host: HostProfile = LOCAL_HOST, changes: Any = None, **config: Any) -> Providers:
    """The providers of an account of this world; `changes` are merged into its configuration."""
    values = outside.config(**config)
    for part, more in (changes or {}).items():
        values[part] = {**values.get(part, {}), **more}
    settings = Settings.from_mapping(outside.environment())
    core = Core(host=host, settings=settings, config=values)
    return Providers(core.services, Config.model_validate(values))
