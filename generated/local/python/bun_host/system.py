"""Time, by the clock of the TypeScript half, and random numbers, which Pyodide gets from Bun."""

import secrets
from datetime import UTC, datetime, timedelta

from bun_host.javascript import HostFunctions

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BunClock:
    """Implements `Clock`; one clock rules the core, the job queue and the pollers."""

    def __init__(self, host: HostFunctions) -> None:
        self._host = host

    def now(self) -> datetime:
        """The present moment, aware, in UTC, to the millisecond."""
        return _EPOCH + timedelta(milliseconds=self._host.now())


class SystemEntropy:
    """Implements `Entropy`."""

    def token(self, nbytes: int) -> str:
        """This many random bytes, in hex."""
        return secrets.token_hex(nbytes)
