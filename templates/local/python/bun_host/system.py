"""Time and random numbers of the machine; Pyodide gets both from Bun."""

import secrets
from datetime import UTC, datetime


class SystemClock:
    """Implements `Clock`."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)


class SystemEntropy:
    """Implements `Entropy`."""

    def token(self, nbytes: int) -> str:
        """This many random bytes, in hex."""
        return secrets.token_hex(nbytes)
