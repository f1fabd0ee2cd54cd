"""Joins pull requests that are near to each other into candidate groups, small enough for one question to a model."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

MAX_GROUP = 50

# Equal diffs are nearer than any two vectors.
_EQUAL = float("inf")


class Edge(NamedTuple):
    """Two pull requests whose vectors are near to each other."""

    pr_id: int
    neighbour_id: int
    score: float


def candidate_groups(diff_hashes: Mapping[int, str | None], edges: Iterable[Edge]) -> list[list[int]]:
    """The groups that pull requests form: each of two members at least and `MAX_GROUP` at most.

    Whoever is connected, directly or through others, belongs together. A group that is too large is split where its
    members are furthest apart, but so that no one is alone. The result does not depend on the order of the edges.

    Args:
        diff_hashes: the pull requests by id, with the hashes of their diffs where they have one.
        edges: pairs of near ones; those with a pull request that is not in `diff_hashes` are ignored.
    """
    clusters = _Clusters(diff_hashes)
    known = (edge for edge in edges if edge.pr_id in diff_hashes and edge.neighbour_id in diff_hashes)
    for edge in sorted([*known, *equal_diffs(diff_hashes)], key=_nearest_first):
        clusters.join(edge.pr_id, edge.neighbour_id)
    groups = [sorted(group) for blocks in clusters.components() for group in _pack(blocks)]
    return sorted(group for group in groups if len(group) > 1)


def equal_diffs(diff_hashes: Mapping[int, str | None]) -> list[Edge]:
    """An edge from each pull request to the first one with the same diff."""
    first: dict[str, int] = {}
    edges = []
    for pr_id in sorted(diff_hashes):
        diff_hash = diff_hashes[pr_id]
        if diff_hash:
            other = first.setdefault(diff_hash, pr_id)
            if other != pr_id:
                edges.append(Edge(other, pr_id, _EQUAL))
    return edges


def _nearest_first(edge: Edge) -> tuple[float, int, int]:
    return -edge.score, min(edge.pr_id, edge.neighbour_id), max(edge.pr_id, edge.neighbour_id)


class _Clusters:
    """Union-find, whose sets remember how they grew.

    A set is a list of blocks: what had grown together, nearest first, before it became too large for one group. Blocks
    that lie side by side are near to each other.
    """

    def __init__(self, ids: Iterable[int]) -> None:
        self._parent = {id: id for id in ids}
        self._size = {id: 1 for id in self._parent}
        self._blocks: dict[int, list[list[int]]] = {id: [[id]] for id in self._parent}

    def join(self, one: int, other: int) -> None:
        """Make one set of two; with edges from near to far, blocks are the groups to keep."""
        large, small = self._find(one), self._find(other)
        if large == small:
            return
        if self._size[large] < self._size[small]:
            large, small = small, large
        blocks, added = self._blocks[large], self._blocks.pop(small)
        if self._size[large] + self._size[small] <= MAX_GROUP:
            blocks[0].extend(added[0])
        else:
            blocks.extend(added)
        self._parent[small] = large
        self._size[large] += self._size[small]

    def components(self) -> Iterable[list[list[int]]]:
        """The blocks of every set."""
        return self._blocks.values()

    def _find(self, id: int) -> int:
        while self._parent[id] != id:
            self._parent[id] = self._parent[self._parent[id]]
            id = self._parent[id]
        return id


def _pack(blocks: Sequence[Sequence[int]]) -> list[list[int]]:
    """Groups of neighbouring blocks, as full as may be; one that would be alone gets company from the group before."""
    groups: list[list[int]] = []
    for block in blocks:
        if groups and len(groups[-1]) + len(block) <= MAX_GROUP:
            groups[-1].extend(block)
        else:
            groups.append(list(block))
    for before, group in pairwise(groups):
        if len(group) == 1:
            group.insert(0, before.pop())
    if len(groups) > 1 and len(groups[0]) == 1:
        groups[0].append(groups[1].pop())
    return groups
