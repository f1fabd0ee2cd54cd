"""What LOG_LEVEL may say, and what every line of the log does."""

import json
import logging
from collections.abc import Iterator

import pytest

from ossgard.log import LOGGER, configure, log
from ossgard.spec.settings import Settings


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What is logged."""
    written: list[str] = []
    yield written
    LOGGER.handlers = []


LEVELS = {
    logging.DEBUG: ["debug", "DEBUG", "trace", "Verbose"],
    logging.INFO: ["info", "INFO", "notice", "", "  "],
    logging.WARNING: ["warning", "warn", "WARN", "Warning", " warn\n"],
    logging.ERROR: ["error", "err", "ERROR", "critical", "CRITICAL", "fatal", "Fatal "],
}


@pytest.mark.parametrize(("level", "name"), [(level, name) for level, names in LEVELS.items() for name in names])
def test_a_level_has_many_names(lines: list[str], level: int, name: str) -> None:
    configure(Settings(log_level=name), lines.append)
    for severity in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        log(severity, "said")
    assert len(lines) == len([one for one in LEVELS if one >= level])


def test_an_unknown_level_is_info_and_said_once(lines: list[str]) -> None:
    for _ in range(3):
        configure(Settings(log_level="shout"), lines.append)
    log(logging.DEBUG, "unheard")
    [line] = [json.loads(line) for line in lines]
    assert line["level"] == "warning"
    assert line["message"].startswith("LOG_LEVEL is 'shout': it stays info, since it can be debug, ")
    assert "warn" in line["message"]


def test_every_line_names_the_environment(lines: list[str]) -> None:
    configure(Settings.from_mapping({"ENVIRONMENT": "staging"}), lines.append)
    log(logging.INFO, "said", path="/repos")
    configure(Settings(), lines.append)
    log(logging.INFO, "said")
    assert [json.loads(line)["environment"] for line in lines] == ["staging", "production"]
