"""Joins pull requests into groups by average linkage over votes: no chains, and no limit of size unless one is wanted.

A vote is a number of thousandths, from -1000 (surely different) to 1000 (surely the same). Two clusters become one
while the mean of the votes between them is above 0, the highest mean first; a pair without a vote counts as `UNASKED`.
"""

from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush

from ossgard.spec.entities import Bond

SURE = 1000
UNASKED = -100

Pair = tuple[int, int]


def pair_of(one: int, other: int) -> Pair:
    """Two pull requests in the order in which pairs are kept: the smaller id first."""
    return (one, other) if one < other else (other, one)


def average_linkage(votes: Mapping[Pair, int], bonds: Iterable[Bond] = (), most: int | None = None) -> list[list[int]]:
    """The groups of two and more, each in the order of ids; the result does not depend on the order of the votes.

    Args:
        votes: what was said of each pair that was asked about, whole thousandths.
        bonds: what persons have said, which outranks votes, the most important first; one that contradicts those
            before it is left out.
        most: how many members a group may have.
    """
    clusters = _Clusters(votes, most)
    for bond in bonds:
        if bond.is_together:
            clusters.tie(bond.pr_id, bond.other_id)
        else:
            clusters.keep_apart(bond.pr_id, bond.other_id)
    clusters.join()
    return clusters.groups()


class _Cluster:
    """Pull requests that belong together; `near` holds the sum and the number of votes on those of other clusters."""

    def __init__(self, id: int) -> None:
        self.members = [id]
        self.first = id
        self.near: dict[int, tuple[int, int]] = {}
        self.apart: set[int] = set()


class _Clusters:
    """All clusters, by the key of the one that has taken in the others.

    The heap holds pairs of clusters with a mean above 0, the highest first. An entry's mean was true when it was put
    there, and can only have sunk: a cluster that has grown has brought the other no votes, or a new entry was made for
    them. So an entry is true when its mean still holds when it comes out; else it goes back with the one that does.
    """

    def __init__(self, votes: Mapping[Pair, int], most: int | None) -> None:
        self._clusters: dict[int, _Cluster] = {}
        self._key: dict[int, int] = {}
        self._most = most
        for (one, other), vote in votes.items():
            self._add(one).near[other] = (vote, 1)
            self._add(other).near[one] = (vote, 1)

    def tie(self, one: int, other: int) -> None:
        """Make one cluster of two, whatever the votes say."""
        self._add(one)
        self._add(other)
        a, b = self._find(one), self._find(other)
        if a != b and self._may_join(a, b):
            self._merge(a, b)

    def keep_apart(self, one: int, other: int) -> None:
        """Never let two come together that are not yet."""
        self._add(one)
        self._add(other)
        a, b = self._find(one), self._find(other)
        if a != b:
            self._clusters[a].apart.add(b)
            self._clusters[b].apart.add(a)

    def join(self) -> None:
        """Join clusters while there are two with a mean above 0."""
        pairs = [(a, b) for a, cluster in self._clusters.items() for b in cluster.near if a < b]
        heap = [entry for a, b in pairs if (entry := self._entry(a, b)) is not None]
        heapify(heap)
        while heap:
            found = heappop(heap)
            a, b = found[3:]
            if a not in self._clusters or b not in self._clusters or not self._may_join(a, b):
                continue
            entry = self._entry(a, b)
            if entry == found:
                stays, concerned = self._merge(a, b)
                for fresh in (self._entry(stays, other) for other in concerned):
                    if fresh is not None:
                        heappush(heap, fresh)
            elif entry is not None:
                heappush(heap, entry)

    def groups(self) -> list[list[int]]:
        """The clusters that have more than one member."""
        return sorted(sorted(cluster.members) for cluster in self._clusters.values() if len(cluster.members) > 1)

    def _add(self, id: int) -> _Cluster:
        if id not in self._key:
            self._key[id] = id
            self._clusters[id] = _Cluster(id)
        return self._clusters[self._find(id)]

    def _find(self, id: int) -> int:
        while self._key[id] != id:
            self._key[id] = self._key[self._key[id]]
            id = self._key[id]
        return id

    def _may_join(self, a: int, b: int) -> bool:
        one, other = self._clusters[a], self._clusters[b]
        is_small = self._most is None or len(one.members) + len(other.members) <= self._most
        return is_small and b not in one.apart

    def _entry(self, a: int, b: int) -> tuple[float, int, int, int, int] | None:
        """The pair as the heap orders it, the highest mean first, then by ids; None when it is not above 0."""
        one, other = self._clusters[a], self._clusters[b]
        pairs = len(one.members) * len(other.members)
        total, asked = one.near[b]
        total += UNASKED * (pairs - asked)
        if total <= 0:
            return None
        return (-total / pairs, min(one.first, other.first), max(one.first, other.first), min(a, b), max(a, b))

    def _merge(self, a: int, b: int) -> tuple[int, list[int]]:
        """Let the cluster with more neighbours take in the other; its key, and whom it has got votes on."""
        if len(self._clusters[a].near) < len(self._clusters[b].near):
            a, b = b, a
        large, small = self._clusters[a], self._clusters.pop(b)
        self._key[b] = a
        large.members += small.members
        large.first = min(large.first, small.first)
        large.near.pop(b, None)
        small.near.pop(a, None)
        for key, (total, asked) in small.near.items():
            near = self._clusters[key].near
            del near[b]
            before = large.near.get(key, (0, 0))
            large.near[key] = near[a] = (before[0] + total, before[1] + asked)
        for key in small.apart:
            self._clusters[key].apart.discard(b)
            self._clusters[key].apart.add(a)
        large.apart |= small.apart
        return a, list(small.near)
