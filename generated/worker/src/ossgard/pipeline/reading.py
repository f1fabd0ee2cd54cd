"""Reads single pull requests from GitHub; one that GitHub does not give is a result like others."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ossgard.errors import PermanentError, RetryableError
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.references import referenced_issues
from ossgard.pipeline.sketch import sketch
from ossgard.pipeline.texts import diff_hash
from ossgard.providers.github import Diff, GitHub, NotModified, Pull, PullGone, TokenRefused, TooLarge
from ossgard.spec.cursors import IngestCursor
from ossgard.spec.entities import PendingPR, PRInput, PRState, PRStateChange

# When a pull request changed of which something is still to be read: never, so that the next scan reads it again.
NOT_ALL_READ = ""


@dataclass(frozen=True)
class Failed:
    """A pull request that GitHub did not give this time, and why; `rest` is what it gave: all but the diff."""

    number: int
    error: RetryableError | PermanentError
    rest: PRInput | None = None

    @property
    def may_pass(self) -> bool:
        """Whether another try soon may help."""
        return isinstance(self.error, RetryableError)

    @property
    def is_of_use(self) -> bool:
        """Whether there is enough of it to go on with."""
        return self.rest is not None and not self.may_pass


@dataclass(frozen=True)
class Reader:
    """Reads single pull requests of a slice's repository."""

    slice: Slice[IngestCursor]
    github: GitHub

    async def read(self, pull: PendingPR) -> PRInput | PRStateChange | Failed:
        """A listed pull request with its files and the hash of its diff."""
        owner, name = self.slice.owner, self.slice.name
        stored = Changes(pull.diff_hash, pull.github_etag, pull.committed_at, pull.sketch)
        # Without a sketch, it was read before there were any.
        etag = None if self.slice.cursor.full or pull.sketch is None else pull.github_etag

        def as_pull(paths: Sequence[str], changes: Changes, updated_at: str) -> PRInput:
            return as_read(f"{owner}/{name}", pull, PRState.OPEN, paths, changes, updated_at)

        rest = None
        try:
            paths = await self.github.files(owner, name, pull.number)
            # Until there is a newer diff, the last one that was read stands.
            rest = as_pull(paths, stored, NOT_ALL_READ)
            diff = await self.github.diff(owner, name, pull.number, etag)
        except PullGone:
            return PRStateChange(number=pull.number, state=PRState.CLOSED)
        except (RetryableError, PermanentError) as error:
            return Failed(pull.number, _own(error), rest)
        match diff:
            case NotModified():
                return as_pull(paths, stored, pull.updated_at)
            case Diff():
                return as_pull(paths, changes_in(diff, pull), pull.updated_at)
            case TooLarge():
                return as_pull(paths, Changes(), pull.updated_at)

    async def look_up(self, number: int) -> Pull | PRStateChange | Failed:
        """What became of a pull request; the pull request itself when it is still open."""
        try:
            pull = await self.github.pull(self.slice.owner, self.slice.name, number)
        except PullGone:
            # Gone alone, or with its repository: that ends the scan.
            await self.github.check_repository(self.slice.owner, self.slice.name)
            return PRStateChange(number=number, state=PRState.CLOSED)
        except (RetryableError, PermanentError) as error:
            return Failed(number, _own(error))
        return pull if pull.state is PRState.OPEN else PRStateChange(number=number, state=pull.state)

    async def check_github(self, found: Sequence[object], ask: Callable[[PendingPR], Awaitable[object]]) -> None:
        """Make sure that it is not GitHub which fails, when all of a slice has: it still gives one that it gave before.

        Args:
            found: what became of a slice.
            ask: asks for one pull request in the same way.
        """
        failed = [one for one in found if isinstance(one, Failed) and not one.is_of_use]
        if not failed or len(failed) < len(found):
            return
        control = await self.slice.db.get_read_pr(self.slice.scan_id, self.slice.repo_id)
        again = failed[-1] if control is None else await ask(control)
        if not isinstance(again, Failed) or again.is_of_use:
            return
        if isinstance(again.error, RetryableError):
            raise again.error
        raise PermanentError(
            f"{again.error}. It gives none of the others either: check what the account's token may read, "
            "then start the scan again"
        )


def _own(error: RetryableError | PermanentError) -> RetryableError | PermanentError:
    """An error that can be one pull request's own; what concerns the token is raised."""
    if isinstance(error, TokenRefused) or (isinstance(error, RetryableError) and error.rate_limited):
        raise error
    return error


@dataclass(frozen=True)
class Changes:
    """What is kept of a pull request's diff; `committed_at` is a moment that its last commit is not younger than."""

    diff_hash: str | None = None
    etag: str | None = None
    committed_at: str | None = None
    sketch: list[int] | None = None


def changes_in(diff: Diff, pull: PendingPR | Pull) -> Changes:
    """What is kept of the diff of a pull request.

    No request tells when it was committed, but that was before its last update, and before the last push.
    """
    hash = diff_hash(diff.text)
    committed_at = min(pull.updated_at, pull.pushed_at or pull.updated_at)
    if isinstance(pull, PendingPR) and pull.committed_at and pull.diff_hash == hash:
        committed_at = pull.committed_at
    return Changes(hash, diff.etag, committed_at, sketch(diff.text))


def as_read(
    repository: str, pull: PendingPR | Pull, state: PRState, paths: Sequence[str], changes: Changes, updated_at: str
) -> PRInput:
    """A pull request of a repository (`owner/name`) as it is stored."""
    return PRInput(
        number=pull.number,
        title=pull.title,
        body=pull.body,
        author=pull.author,
        diff_hash=changes.diff_hash,
        file_paths=list(paths),
        state=state,
        github_etag=changes.etag,
        created_at=pull.created_at,
        updated_at=updated_at,
        base_ref=pull.base_ref,
        head_ref=pull.head_ref,
        is_draft=pull.is_draft,
        closes=referenced_issues(repository, pull.number, pull.title, pull.body),
        committed_at=changes.committed_at,
        sketch=changes.sketch,
    )
