"""The vector stores that the suite runs on.

A target is a context manager over a temporary folder that yields a `Target`. To add one, write such a function and
name it in `TARGETS`; its store may be slow to show what was written, as long as `settled` tells, and it may have
collections that are made for it, of one size.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ossgard.ports import VectorStore
from ossgard.spec.models import VectorStoreConfig
from ossgard.spec.settings import VECTOR_DIMENSIONS
from tests.hosts.vectors.bun_stores import bun_stores
from tests.hosts.vectors.worker_vectors import worker_vectors
from tests.outside.qdrant import Qdrant
from tests.support.server import serve


@dataclass(frozen=True)
class Target:
    """A store under test.

    Args:
        store: the store.
        dimensions: of the vectors in both collections.
        warnings: what the store had to say to the operator so far.
    """

    store: VectorStore
    dimensions: int
    warnings: list[str]


@contextmanager
def sqlite_vec(directory: Path) -> Iterator[Target]:
    """sqlite-vec in a database file of the local host."""
    with bun_stores(directory / "ossgard.db") as (choose, process):
        yield Target(choose(None), VECTOR_DIMENSIONS, warnings=process.warnings)


@contextmanager
def qdrant(directory: Path) -> Iterator[Target]:
    """Qdrant's client in the local host, against the stand-in for its server."""
    with (
        serve(Qdrant(api_key="qdrant-key").app()) as url,
        bun_stores(directory / "ossgard.db") as (choose, process),
    ):
        store = choose(VectorStoreConfig(url=url, api_key="qdrant-key"))
        yield Target(store, VECTOR_DIMENSIONS, warnings=process.warnings)


@contextmanager
def vectorize(directory: Path) -> Iterator[Target]:
    """Vectorize in the Worker, against the stand-in of the offline host; writes take a while to show."""
    with worker_vectors(directory, delay_milliseconds=100) as store:
        yield Target(store, VECTOR_DIMENSIONS, warnings=[])


TARGETS = {"sqlite-vec": sqlite_vec, "qdrant": qdrant, "vectorize": vectorize}
# Those whose collections can be made, and made anew for other dimensions.
RESIZING = ("sqlite-vec", "qdrant")
