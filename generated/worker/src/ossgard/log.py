"""Logging: events with fields on the logger `ossgard`; a host decides the level and where the lines go."""

import functools
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from ossgard.spec.settings import LOG_LEVELS, Settings

LOGGER = logging.getLogger("ossgard")
_DEFAULT = "info"


def log(level: int, message: str, *, error: BaseException | None = None, **fields: object) -> None:
    """Write one event; `fields` become keys of its JSON line, `error` its traceback."""
    if LOGGER.isEnabledFor(level):
        LOGGER.log(level, message, exc_info=error, extra={"fields": fields})


class JsonLines(logging.Formatter):
    """One JSON object a line, a traceback inside it included, so that log collectors do not tear it apart.

    Args:
        environment: the deployment that speaks.
    """

    def __init__(self, environment: str) -> None:
        super().__init__()
        self._environment = environment

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line of JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "environment": self._environment,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class _LineHandler(logging.Handler):
    """Hands formatted records to a function."""

    def __init__(self, environment: str, write: Callable[[str], None]) -> None:
        super().__init__()
        self._write = write
        self.setFormatter(JsonLines(environment))

    def emit(self, record: logging.LogRecord) -> None:
        self._write(self.format(record))


@functools.cache
def _level(name: str) -> str:
    """The level of a name; that it is none is said once, however often a host sets logging up."""
    level = LOG_LEVELS.get(name.strip().lower())
    if level is None and name.strip():
        log(logging.WARNING, f"LOG_LEVEL is '{name}': it stays {_DEFAULT}, since it can be {', '.join(LOG_LEVELS)}")
    return level or _DEFAULT


def configure(settings: Settings, write: Callable[[str], None]) -> None:
    """Send events from the level of the settings on (a name in `LOG_LEVELS`, in whatever case) to `write`, a line each.

    A host that cannot refuse to start goes on at the level `info` when nobody knows the name, and says so.
    """
    LOGGER.handlers = [_LineHandler(settings.environment, write)]
    LOGGER.propagate = False
    LOGGER.setLevel(_DEFAULT.upper())
    LOGGER.setLevel(_level(settings.log_level).upper())
