"""The core under CPython as a host that waits for nothing: time-outs are short, and its clock is moved on."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ossgard.ports import HttpStream
from tests.hosts.vectors.bun_stores import bun_stores
from tests.outside.hostile import ACCOUNTS
from tests.outside.planting import Plan
from tests.outside.repository import Repository
from tests.outside.world import World
from tests.support.cpython_host import CPythonHost, MemoryQueue, cpython_host
from tests.support.ports import HttpxClient
from tests.whole.scans.batch_hosts import moved_on
from tests.whole.scans.client import Client, Watched

PATIENCE_SECONDS = 3
SMALL = Plan(prs=3, duplicate_share=0.7, odd=False)
# With several groups: about one alone, nobody makes a batch.
BATCHED = Plan(prs=10, duplicate_share=0.8, odd=False)


class ImpatientClient(HttpxClient):
    """Gives up soon."""

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float,
    ) -> AsyncIterator[HttpStream]:
        """Send a request and read the answer piece by piece."""
        patience = PATIENCE_SECONDS if timeout_seconds > 5 else timeout_seconds
        async with super().stream(method, url, headers=headers, body=body, timeout_seconds=patience) as answer:
            yield answer


def plan_for(account: str) -> Plan:
    """The smallest repository with which a scan on an account asks everything."""
    return BATCHED if account == "batch" else SMALL


@dataclass(frozen=True)
class ImpatientCore:
    """By account of the hostile world, the host that it is on and its client."""

    hosts: Mapping[str, CPythonHost]
    clients: Mapping[str, Client]

    def scan(self, repository: Repository, account: str) -> Watched:
        """Scan a repository on an account, and watch it until it ends."""
        host, client = self.hosts[account], self.clients[account]
        host.queue.waits.clear()
        return client.wait(client.start(repository.full_name), meanwhile=moved_on(host).pass_time)


@contextmanager
def impatient_core(world: World, directory: Path) -> Iterator[ImpatientCore]:
    """Run two hosts: Qdrant is asked by the local host's client of it, which one of the two has."""
    with bun_stores(directory / "vectors.db", PATIENCE_SECONDS) as (stores, _), ExitStack() as stack:

        def start(name: str, **more: Any) -> CPythonHost:
            (directory / name).mkdir()
            queue, http = MemoryQueue(hurry=True), ImpatientClient()
            return stack.enter_context(
                cpython_host(directory / name, world.environment(), queue=queue, http=http, **more)
            )

        usual, qdrant = start("usual"), start("qdrant", stores=stores)
        hosts = {name: qdrant if config.get("qdrant") else usual for name, config in ACCOUNTS.items()}
        clients = {name: Client(hosts[name].url, world.config(**ACCOUNTS[name])) for name in ACCOUNTS}
        yield ImpatientCore(hosts, clients)
