"""Every database method gives the same results on `sqlite3`, on `bun:sqlite` and on D1."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.spec.names import snake
from ossgard.errors import ConstraintError
from tests.hosts.database.rows import NOW, Refused
from tests.hosts.database.story import STORY
from tests.hosts.database.targets import TARGETS, run

SPEC = Path(__file__).parents[3] / "spec" / "database.yaml"

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def told(name: str, directory: Path) -> list[Any]:
    """What one implementation answers to the whole story."""
    results: list[Any] = []
    with TARGETS[name](directory) as database:
        for call in STORY:
            try:
                results.append(without_moments(run(database, call.method, call.arguments)))
            except ConstraintError as error:
                results.append(Refused(error.constraint))
            except Exception as error:
                results.append(error)
    return results


def without_moments(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_moments(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_moments(item) for item in value]
    return NOW if isinstance(value, str) and _MOMENT.fullmatch(value) else value


@pytest.fixture(scope="module", params=TARGETS)
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    return told(request.param, tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("position", range(len(STORY)), ids=[str(call) for call in STORY])
def test_the_call_gives(results: list[Any], position: int) -> None:
    expected, found = STORY[position].result, results[position]
    if isinstance(found, Exception) and not isinstance(found, ConstraintError):
        raise found
    assert found == expected
    assert kinds(found) == kinds(expected)


def kinds(value: Any) -> Any:
    """The types of everything in a result: 1, 1.0 and True are equal, but not the same JSON."""
    if isinstance(value, dict):
        return {key: kinds(item) for key, item in value.items()}
    if isinstance(value, list):
        return [kinds(item) for item in value]
    return type(value)


def test_the_story_calls_every_method() -> None:
    spec = yaml.safe_load(SPEC.read_text())
    methods = {snake(name, spec["acronyms"]) for name in spec["methods"]}
    assert methods - {call.method for call in STORY} == set()
