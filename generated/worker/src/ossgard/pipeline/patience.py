"""How long a step that failed waits before it is tried again, and when it is given up: decided here for both hosts.

An error that may pass is waited out with longer and longer waits of our own choice, until these add up to the patience.
A wait that the other side asks for is kept and costs no patience; such waits have an end of their own, so that no scan
waits for ever.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from ossgard.errors import PermanentError, RetryableError
from ossgard.spec.entities import Failing
from ossgard.spec.phases import RETRIES
from ossgard.times import from_text, to_text


@dataclass(frozen=True)
class PutOff:
    """When a step is tried again, and how long it has been failing by then."""

    until: datetime
    failing: Failing


def put_off(failing: Failing | None, error: Exception, text: str, now: datetime) -> PutOff:
    """When to try a step again after one more error.

    Args:
        failing: how long the step has been failing before.
        error: what went wrong; anything but a `RetryableError` is one that nobody foresaw.
        text: the error in words.
        now: the present moment.

    Raises:
        PermanentError: the patience is used up; the text says how long it was tried.
    """
    before = failing or Failing(since=to_text(now), tries=0, unexpected=0, waited=0)
    since, tries, waited = from_text(before.since), before.tries + 1, before.waited
    asked = _asked(error)
    is_expected = isinstance(error, RetryableError)
    unexpected = before.unexpected + (not is_expected)
    rate_limited = isinstance(error, RetryableError) and error.rate_limited
    tried = f"{text} (tried {tries} times in {duration(now - since)}"
    if unexpected > RETRIES.unexpected:
        raise PermanentError(f"{tried}). Start the scan again later")
    if asked:
        # Who asks for the same short wait again and again is given longer ones.
        wait = max(asked, backoff(tries))
        if now + timedelta(seconds=wait) > since + timedelta(seconds=RETRIES.asked_seconds):
            limit = duration(timedelta(seconds=RETRIES.asked_seconds))
            raise PermanentError(f"{tried}; a scan waits for {limit} at most). Start the scan again later")
    else:
        if waited >= RETRIES.patience_seconds:
            raise PermanentError(f"{tried}). Start the scan again later")
        wait = backoff(tries, RETRIES.rate_limit_base_seconds if rate_limited else RETRIES.base_seconds)
        waited += wait
    told = Failing(since=before.since, tries=tries, unexpected=unexpected, waited=waited)
    return PutOff(now + timedelta(seconds=wait), told)


def backoff(tries: int, base_seconds: int = RETRIES.base_seconds) -> int:
    """The seconds to wait of our own choice after so many failed tries: twice as long each time, up to a limit."""
    return min(base_seconds << min(max(tries - 1, 0), 32), RETRIES.longest_seconds)


def duration(time: timedelta) -> str:
    """A length of time in words: `7 s`, `12 min`, `3 h`, `3 h 5 min`."""
    seconds = max(0, round(time.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    hours, minutes = divmod(seconds // 60, 60)
    return " ".join(f"{count} {unit}" for count, unit in ((hours, "h"), (minutes, "min")) if count)


def _asked(error: Exception) -> int:
    """The whole seconds that the other side asks to wait, 0 when it asks for none; what is beyond the limit is cut."""
    asked = error.retry_after if isinstance(error, RetryableError) else None
    # What is not a number is no greater than 0 either.
    return math.ceil(min(asked, RETRIES.asked_seconds + 1)) if asked is not None and asked > 0 else 0
