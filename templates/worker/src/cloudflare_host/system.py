"""The clock and the randomness of the runtime; both work only while an event is handled, never at import time."""

import os
from datetime import UTC, datetime


class SystemClock:
    """Implements `Clock`; in a Worker it stands still between two awaited calls."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)


class SystemEntropy:
    """Implements `Entropy`."""

    def token(self, nbytes: int) -> str:
        """This many random bytes, in hex."""
        return os.urandom(nbytes).hex()
