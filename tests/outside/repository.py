"""A repository on the stand-in for GitHub: pull requests that change between scans, and the truth about them."""

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.outside.diffs import ChangedFile

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@dataclass
class PullRequest:
    """One pull request; `cosmetic` changes its diff in what does not matter, `branch` is `change-N` when None."""

    number: int
    title: str
    body: str | None
    author: str | None
    files: list[ChangedFile]
    created_at: datetime
    updated_at: datetime
    state: str = "open"
    merged_at: datetime | None = None
    closed_at: datetime | None = None
    draft: bool = False
    cosmetic: int = 0
    head_repository_deleted: bool = False
    base: str = "main"
    branch: str | None = None


@dataclass(frozen=True)
class Score:
    """How well found groups fit the planted ones, counted in pairs of pull requests."""

    found: int
    planted: int
    right: int

    @property
    def precision(self) -> float:
        """The share of found pairs that were planted."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """The share of planted pairs that were found."""
        return self.right / self.planted if self.planted else 1.0


@dataclass
class Repository:
    """The state of a repository; safe to change while it is served.

    Args:
        groups: the numbers of pull requests that do the same.
        lookalikes: the numbers of pull requests that touch the same files and do different things.
        odd_entries: by number, makes of a pull request's document what the listing shows in its place.
    """

    owner: str
    name: str
    id: int = 1
    pulls: dict[int, PullRequest] = field(default_factory=dict)
    groups: list[set[int]] = field(default_factory=list)
    lookalikes: list[set[int]] = field(default_factory=list)
    odd_entries: dict[int, Callable[[dict[str, Any]], list[Any]]] = field(default_factory=dict)
    _ticks: Any = field(default_factory=lambda: itertools.count(1), repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"

    # ---- looking

    def listed(self, state: str = "open", sort: str = "created", direction: str = "desc") -> list[PullRequest]:
        """Pull requests as GitHub lists them."""
        keys: dict[str, Callable[[PullRequest], tuple[datetime, int]]] = {
            "created": lambda pull: (pull.created_at, pull.number),
            "updated": lambda pull: (pull.updated_at, pull.number),
        }
        with self._lock:
            pulls = [pull for pull in self.pulls.values() if state in ("all", pull.state)]
        return sorted(pulls, key=keys.get(sort, keys["created"]), reverse=direction == "desc")

    @property
    def open_numbers(self) -> set[int]:
        """The numbers of the open pull requests."""
        with self._lock:
            return {pull.number for pull in self.pulls.values() if pull.state == "open"}

    @property
    def planted_groups(self) -> list[list[int]]:
        """The truth: duplicates among the open pull requests, each group sorted, groups of two or more."""
        opened = self.open_numbers
        with self._lock:
            alive = [sorted(group & opened) for group in self.groups]
        return sorted(group for group in alive if len(group) > 1)

    def score(self, found: Iterable[Iterable[int]]) -> Score:
        """Compare groups of numbers with the planted ones."""
        planted, answered = _pairs(self.planted_groups), _pairs(found)
        return Score(len(answered), len(planted), len(answered & planted))

    # ---- changing

    def touch(self, number: int) -> PullRequest:
        """Somebody comments: only `updated_at` changes."""
        return self._change(number)

    def update(self, number: int, **changes: Any) -> PullRequest:
        """Edit title, body, author, files, draft."""
        return self._change(number, **changes)

    def push(self, number: int, content: str = "a later commit") -> PullRequest:
        """Push a commit: the same files, another diff."""
        files = [replace(file, content=f"{file.content} {content}") for file in self.pulls[number].files]
        return self._change(number, files=files)

    def force_push_same(self, number: int) -> PullRequest:
        """Rebase: the diff reads differently, and says the same."""
        return self._change(number, cosmetic=self.pulls[number].cosmetic + 2)

    def close(self, number: int) -> PullRequest:
        """Close without merging."""
        return self._change(number, state="closed", closed_at=self._now())

    def merge(self, number: int) -> PullRequest:
        """Merge."""
        now = self._now()
        return self._change(number, state="closed", closed_at=now, merged_at=now)

    def reopen(self, number: int) -> PullRequest:
        """Open a closed pull request again."""
        return self._change(number, state="open", closed_at=None)

    def remove(self, number: int) -> None:
        """Take a pull request away, as GitHub does with spam: it answers 404 from now on."""
        with self._lock:
            self.pulls.pop(number, None)

    def open(
        self,
        title: str,
        body: str | None = None,
        files: Sequence[ChangedFile] = (),
        author: str | None = "newcomer",
        **more: Any,
    ) -> PullRequest:
        """Open a new pull request."""
        with self._lock:
            now = self._now()
            number = max(self.pulls, default=0) + 1
            pull = PullRequest(number, title, body, author, list(files), now, now, **more)
            self.pulls[number] = pull
            return pull

    def open_duplicate(self, number: int) -> PullRequest:
        """Somebody opens a pull request that does what another one does, with an equal diff."""
        with self._lock:
            original = self.pulls[number]
            pull = self.open(f"{original.title} (again)", original.body, original.files, cosmetic=original.cosmetic + 1)
            group = next((group for group in self.groups if number in group), None)
            if group is None:
                group = {number}
                self.groups.append(group)
            group.add(pull.number)
            return pull

    def _change(self, number: int, **changes: Any) -> PullRequest:
        with self._lock:
            now = self._now()
            self.pulls[number] = replace(self.pulls[number], updated_at=now, **changes)
            return self.pulls[number]

    def _now(self) -> datetime:
        """The repository's own time: half a minute later at each change, whole seconds as on GitHub."""
        return START + timedelta(days=200, seconds=30 * next(self._ticks))


def _pairs(groups: Iterable[Iterable[int]]) -> set[tuple[int, int]]:
    return {pair for group in groups for pair in itertools.combinations(sorted(set(group)), 2)}
