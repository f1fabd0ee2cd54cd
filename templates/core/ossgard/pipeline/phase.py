"""What a phase is: a class that works off one slice of a scan at a time."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from ossgard.cursor import Cursor
from ossgard.pipeline.outcome import Outcome
from ossgard.providers.factory import Providers
from ossgard.services import Services
from ossgard.spec.database import AccountDatabase, Database
from ossgard.spec.entities import PR, PRState
from ossgard.spec.models import Config

C = TypeVar("C", bound=Cursor)
C_co = TypeVar("C_co", bound=Cursor, covariant=True)
C_contra = TypeVar("C_contra", bound=Cursor, contravariant=True)


@dataclass(frozen=True)
class Slice(Generic[C_co]):
    """One message's share of a scan.

    `step` is the message's number in the scan. `cursor` is what the slice before left to this one; `account_db`
    sees only what is the account's; `db` sees everything, and answers internal questions. Everything that a phase
    writes belongs into its outcome: a slice can be worked on twice, at the same time even, but is committed once.
    """

    scan_id: int
    step: int
    repo_id: int
    owner: str
    name: str
    config: Config
    cursor: C_co
    account_db: AccountDatabase
    services: Services

    @property
    def db(self) -> Database:
        """The database of all accounts."""
        return self.services.db

    @cached_property
    def providers(self) -> Providers:
        """What the account uses beside the host's own ports.

        Raises:
            PermanentError: the host cannot serve the account's configuration.
        """
        return Providers(self.services, self.config)

    async def shared_lines(self) -> frozenset[str]:
        """The lines of the repository's template; see `ossgard.pipeline.text_cleaning`."""
        found = await self.account_db.get_shared_lines(self.repo_id)
        return frozenset(found.shared_lines if found else ())

    async def open_pulls(self, ids: Iterable[int]) -> dict[int, PR]:
        """Those of these pull requests that are still open, by id."""
        wanted = sorted(set(ids))
        pulls = await self.account_db.get_prs_by_ids(wanted) if wanted else []
        return {pull.id: pull for pull in pulls if pull.state is PRState.OPEN}


class Phase(Protocol[C_contra]):
    """The code of a phase."""

    async def run(self, slice: Slice[C_contra]) -> Outcome:
        """Work on a slice.

        Raises:
            RetryableError: trying again later may help.
            PermanentError: it will not; the scan fails with this text, and nothing of the slice is kept (see `Fail`).
        """
        ...


@dataclass(frozen=True)
class Processor(Generic[C]):
    """The code of a phase, with the type of its cursor."""

    phase: Phase[C]
    cursor_type: type[C]
