"""Every error that the core raises or handles, each with the data that its readers need."""

from collections.abc import Mapping, Sequence

from ossgard.spec.error_codes import ErrorCode


class OssgardError(Exception):
    """Anything that goes wrong in ossgard; the text is fit for a user's eyes."""


class DatabaseError(OssgardError):
    """The database could not do what it was asked."""


class ConstraintError(DatabaseError):
    """A write breaks a constraint of the schema; a batch that held it has changed nothing."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


class HttpError(OssgardError):
    """A request that is answered with an error: a code, which has a status, and a text for people.

    The text names what is wrong, not the call that would mend it, since callers have words of their own for that.
    With `fields` (messages by top-level field) the answer has the shape of a validation error.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        fields: Mapping[str, Sequence[str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = fields
        self.headers = headers


class RetryableError(OssgardError):
    """A failure that may pass; `retry_after` is the number of seconds that the other side asked for, if it did."""

    def __init__(self, message: str, retry_after: float | None = None, rate_limited: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.rate_limited = rate_limited


class DatabaseUnavailable(DatabaseError, RetryableError):
    """The database cannot be used for now: it is locked, overloaded, out of reach, or its disk is full."""


class ConnectionFailure(RetryableError):
    """A service gave no HTTP answer: it is unknown, unreachable, too slow, or cut the connection."""

    def __init__(self, url: str, reason: str) -> None:
        # A query may hold a key.
        super().__init__(f"{url.partition('?')[0]} could not be reached: {reason}")
        self.url = url
        self.reason = reason


class PermanentError(OssgardError):
    """A failure that trying again does not cure; the text says what a user can do."""


class BatchRefused(RetryableError):
    """A poller does not take a batch, since it is polling another one."""

    def __init__(self, poller: str, batch_id: str) -> None:
        super().__init__(f"The poller {poller} does not take the batch {batch_id}: it is polling another one")
        self.poller = poller
        self.batch_id = batch_id
