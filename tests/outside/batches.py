"""The life of a batch, which the stand-ins for OpenAI and Anthropic share: what tests steer, and what was submitted."""

import itertools
import json
import math
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

Stage = Literal["validating", "in_progress", "finalizing", "cancelling", "completed", "failed", "expired", "cancelled"]
Kind = Literal["succeeded", "errored", "expired", "canceled"]
# A request's body -> the status and the body that a single call would have been answered with.
Answer = Callable[[Mapping[str, Any]], tuple[int, Any]]
# What a provider says with a status.
ErrorBody = Callable[[int], Any]

ENDED: frozenset[Stage] = frozenset({"completed", "failed", "expired", "cancelled"})
DAY_SECONDS = 86_400.0
# The parts of a batch's time after which it has been validated, and after which its files are written.
VALIDATED, ANSWERED = 0.3, 0.7


@dataclass
class Steering:
    """How batches go. Windows and limits are read when a batch is submitted, all else when it is looked at: a change
    of it meets the batches under way as well.

    Args:
        polls: a batch is done when its status is asked so often; 0 is at once.
        seconds: or, if set, so long after it was submitted, however often it is looked at.
        window_seconds: how long after its submission a batch says that it expires. Only `expire` makes it do so.
        failing: which items get an error: every n-th, those with these custom ids, or those whose id it is true of.
        failing_status: the status of these errors.
        expire: batches end as expired, with this share of their items (the last ones) not done; 1 is all of them.
        unordered: results come shuffled.
        padding: bytes that each answer carries besides what a provider says, to make results large.
        enqueued_tokens: by model, how many input tokens OpenAI lets an organization have in batches that did not end.
        openai_file_bytes: the largest file that OpenAI takes.
        openai_requests: the most requests of a batch of OpenAI's.
        openai_inputs: the most texts to embed in a batch of OpenAI's.
        anthropic_bytes: the largest batch that Anthropic takes.
        anthropic_requests: the most requests of a batch of Anthropic's.
    """

    polls: float = 1
    seconds: float | None = None
    window_seconds: float = DAY_SECONDS
    failing: int | Collection[str] | Callable[[str], bool] = 0
    failing_status: int = 400
    expire: float = 0
    unordered: bool = True
    padding: int = 0
    enqueued_tokens: Mapping[str, int] = field(default_factory=dict)
    openai_file_bytes: int = 200_000_000
    openai_requests: int = 50_000
    openai_inputs: int = 50_000
    anthropic_bytes: int = 256_000_000
    anthropic_requests: int = 100_000


@dataclass(frozen=True)
class Item:
    """One request of a batch."""

    custom_id: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Problem:
    """Why a batch of OpenAI's fails as a whole."""

    code: str
    message: str
    param: str | None = None
    line: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of an item. `status` is 0 and `body` is null for one that was never executed."""

    custom_id: str
    kind: Kind
    status: int = 0
    body: bytes = b"null"
    padding: int = 0

    @property
    def padded(self) -> bytes:
        """The body, with its padding as one more field."""
        if not self.padding:
            return self.body
        return b'%b,"padding":"%b"}' % (self.body[:-1], b"x" * self.padding)


@dataclass
class Batch:
    """A batch, as its provider knows it and as tests look at it. Times are seconds since 1970.

    Args:
        id: as the provider names it.
        provider: openai or anthropic.
        key: the API key it was submitted with.
        items: its requests.
        answer: executes one of them.
        error: what the provider says with a status.
        created_at: when it was submitted.
        expires_at: when it says that it expires.
        endpoint: OpenAI's, such as `/v1/embeddings`.
        model: the one model of all items; empty for Anthropic.
        metadata: what the client attached to it.
        input_file_id: OpenAI's file.
        tokens: input tokens, as far as somebody limits them.
        problems: why it is going to fail.
    """

    id: str
    provider: Literal["openai", "anthropic"]
    key: str
    items: Sequence[Item] = field(repr=False)
    answer: Answer = field(repr=False)
    error: ErrorBody = field(repr=False)
    created_at: float
    expires_at: float
    endpoint: str = ""
    model: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    input_file_id: str = ""
    tokens: int = 0
    problems: list[Problem] = field(default_factory=list)
    # The times at which its status was asked for, and its results were.
    polls: list[float] = field(default_factory=list)
    collected: list[float] = field(default_factory=list)
    stage: Stage = "validating"
    # When it came to each stage.
    reached: dict[str, float] = field(default_factory=dict)
    # How much of it was done when it was last looked at, 0 to 1.
    share: float = 0
    outcomes: list[Outcome] = field(default_factory=list, repr=False)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def custom_ids(self) -> list[str]:
        """Of its items, in the order of the submission."""
        return [item.custom_id for item in self.items]

    @property
    def requests(self) -> int:
        """How many items it has."""
        return len(self.items)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.stage in ENDED

    @property
    def ended_at(self) -> float | None:
        """When it ended."""
        return self.reached[self.stage] if self.has_ended else None

    def count(self, *kinds: Kind) -> int:
        """How many items ended like this."""
        return sum(outcome.kind in kinds for outcome in self.outcomes)

    def reach(self, stage: Stage, at: float) -> None:
        """Go on to a stage."""
        self.stage = stage
        self.reached.setdefault(stage, at)

    def describe(self) -> dict[str, Any]:
        """For programs in other languages, as JSON."""
        return {
            "id": self.id,
            "provider": self.provider,
            "key": self.key,
            "endpoint": self.endpoint,
            "model": self.model,
            "metadata": dict(self.metadata),
            "requests": self.requests,
            "customIds": self.custom_ids,
            "stage": self.stage,
            "createdAt": self.created_at,
            "endedAt": self.ended_at,
            "polls": self.polls,
            "collected": self.collected,
        }


class Batches(Steering):
    """All batches of both providers; tests set its attributes, see `Steering`, and read `submitted`."""

    def __init__(self) -> None:
        super().__init__()
        # Since the world was last reset, oldest first.
        self.submitted: list[Batch] = []
        self.now: Callable[[], float] = time.time
        self._known: dict[str, Batch] = {}
        self._failures: list[Problem] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    # ---- for tests

    def heal(self) -> None:
        """Let batches go as they usually do; those under way as well."""
        self.__dict__.update(vars(Steering()))
        self.now = time.time
        self._failures.clear()

    def forget(self) -> None:
        """Begin a new record. The providers go on knowing the batches of the old one."""
        self.submitted.clear()

    def fail(self, code: str, message: str, times: int = 1) -> None:
        """Let the next batches of OpenAI's fail as a whole."""
        self._failures += [Problem(code, message)] * times

    def cancel(self, batch_id: str | None = None) -> None:
        """Cancel a batch, or all that have not ended, as if somebody did it in the provider's console."""
        with self._lock:
            chosen = list(self._known.values()) if batch_id is None else [self._known[batch_id]]
        for batch in chosen:
            self.start_cancelling(batch)

    def of(self, provider: str = "*", key: str = "*") -> list[Batch]:
        """The submitted batches of a provider, of a key, or of both."""
        return [one for one in self.submitted if provider in ("*", one.provider) and key in ("*", one.key)]

    # ---- for the providers

    def new_id(self, prefix: str, length: int) -> str:
        """An id that no other object has."""
        return f"{prefix}{next(self._numbers):0{length}d}"

    def add(self, batch: Batch) -> None:
        """Take a batch in."""
        if batch.provider == "openai" and self._failures:
            batch.problems.append(self._failures.pop(0))
        with self._lock:
            self._known[batch.id] = batch
            self.submitted.append(batch)

    def remove(self, batch: Batch) -> None:
        """Let the provider know nothing of it any more."""
        with self._lock:
            self._known.pop(batch.id, None)

    def find(self, provider: str, key: str, batch_id: str) -> Batch | None:
        """A batch of a key's owner."""
        batch = self._known.get(batch_id)
        return batch if batch is not None and (batch.provider, batch.key) == (provider, key) else None

    def newest_first(self, provider: str, key: str) -> list[Batch]:
        """The batches of a key's owner."""
        with self._lock:
            return [one for one in reversed(self._known.values()) if (one.provider, one.key) == (provider, key)]

    def advance(self, batch: Batch, is_poll: bool = False) -> None:
        """Bring a batch to the stage that is due; answering all its items may take a while."""
        with batch.lock:
            now = self.now()
            if is_poll:
                batch.polls.append(now)
            if batch.has_ended:
                return
            if batch.stage == "cancelling":
                if is_poll:
                    self._end(batch, "cancelled", int(batch.requests * batch.share), "canceled")
                return
            batch.share = self._share(batch, now)
            if batch.problems:
                if batch.share >= VALIDATED:
                    batch.reach("failed", now)
            elif batch.share < 1:
                batch.reach(_stage(batch.share), now)
            elif self.expire:
                self._end(batch, "expired", int(batch.requests * (1 - self.expire)), "expired")
            else:
                self._end(batch, "completed", batch.requests, "expired")

    def start_cancelling(self, batch: Batch) -> None:
        """Let a batch end as cancelled when its status is asked for again."""
        with batch.lock:
            self.advance(batch)
            if not batch.has_ended:
                batch.reach("cancelling", self.now())

    def _share(self, batch: Batch, now: float) -> float:
        if self.seconds is None:
            return min(1.0, len(batch.polls) / self.polls) if self.polls else 1.0
        return min(1.0, (now - batch.created_at) / self.seconds) if self.seconds else 1.0

    def _end(self, batch: Batch, stage: Stage, done: int, left: Kind) -> None:
        """Answer the first `done` items; the others are `left`."""
        for index, item in enumerate(batch.items):
            batch.outcomes.append(self._execute(batch, index, item) if index < done else Outcome(item.custom_id, left))
        if self.unordered:
            Random(batch.id).shuffle(batch.outcomes)
        now = self.now()
        for passed in ("in_progress", "finalizing"):
            batch.reached.setdefault(passed, now)
        batch.reach(stage, now)

    def _execute(self, batch: Batch, index: int, item: Item) -> Outcome:
        if self._is_failing(index, item):
            status, body = self.failing_status, batch.error(self.failing_status)
        else:
            status, body = batch.answer(item.body)
        content = json.dumps(body, ensure_ascii=False).encode()
        if status >= 400:
            return Outcome(item.custom_id, "errored", status, content)
        return Outcome(item.custom_id, "succeeded", status, content, self.padding)

    def _is_failing(self, index: int, item: Item) -> bool:
        if isinstance(self.failing, int):
            return self.failing > 0 and (index + 1) % self.failing == 0
        return self.failing(item.custom_id) if callable(self.failing) else item.custom_id in self.failing


def _stage(share: float) -> Stage:
    if share < VALIDATED:
        return "validating"
    return "in_progress" if share < ANSWERED else "finalizing"


def done_so_far(batch: Batch) -> int:
    """How many items of a batch under way are done."""
    return math.floor(batch.requests * batch.share)
