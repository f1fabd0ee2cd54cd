"""What one host gives to the core: its ports, its settings and what it cannot serve."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ossgard.ports import Clock, Entropy, HttpClient, JobQueue, PollerScheduler, VectorStore
from ossgard.refusals import KnownRefusals
from ossgard.spec.database import Database
from ossgard.spec.models import VectorStoreConfig
from ossgard.spec.settings import VECTOR_DIMENSIONS, Settings


@dataclass(frozen=True)
class HostProfile:
    """What an account's configuration may ask of a host.

    `vector_dimensions` is the size of the host's own indexes where it is fixed; `vector_store` says whether vectors
    may be kept on a server of the account's choice. Where anybody can register, `checks_new_accounts` keeps out whose
    GitHub token cannot be checked.
    """

    name: str
    ollama: bool
    vector_store: bool
    vector_dimensions: int | None
    checks_new_accounts: bool


LOCAL_HOST = HostProfile(
    name="local", ollama=True, vector_store=True, vector_dimensions=None, checks_new_accounts=False
)

# No neighbours on localhost, and indexes of a fixed size.
CLOUD_HOST = HostProfile(
    name="cloud",
    ollama=False,
    vector_store=False,
    vector_dimensions=VECTOR_DIMENSIONS,
    checks_new_accounts=True,
)


# The store of an account, by its configuration; a host with a store of its own ignores that.
VectorStores = Callable[[VectorStoreConfig | None], VectorStore]


@dataclass(frozen=True)
class Services:
    """The ports and settings that the core works with; made once by the host."""

    db: Database
    queue: JobQueue
    pollers: PollerScheduler
    http: HttpClient
    clock: Clock
    entropy: Entropy
    settings: Settings
    host: HostProfile
    vectors: VectorStores
    refusals: KnownRefusals = field(default_factory=KnownRefusals)
