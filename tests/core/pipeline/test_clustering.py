"""Candidate groups against a naive search of the graph, and how groups that are too large are split."""

import time
from collections.abc import Mapping, Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ossgard.pipeline.clustering import MAX_GROUP, Edge, candidate_groups

IDS = st.integers(1, 120)
HASHES = st.dictionaries(IDS, st.one_of(st.none(), st.sampled_from(["", "a", "b", "c", "d"])), max_size=120)
EDGES = st.lists(st.builds(Edge, IDS, IDS, st.floats(0, 1)), max_size=150)


def naive_components(diff_hashes: Mapping[int, str | None], edges: Sequence[Edge]) -> list[set[int]]:
    """What is reachable from each pull request, found by walking."""
    near: dict[int, set[int]] = {id: set() for id in diff_hashes}
    for one, other, _ in edges:
        if one in near and other in near:
            near[one].add(other)
            near[other].add(one)
    for one, one_hash in diff_hashes.items():
        near[one].update(other for other, other_hash in diff_hashes.items() if one_hash and one_hash == other_hash)
    components: list[set[int]] = []
    for id in sorted(near):
        if any(id in component for component in components):
            continue
        reached, waiting = {id}, [id]
        while waiting:
            for other in near[waiting.pop()] - reached:
                reached.add(other)
                waiting.append(other)
        components.append(reached)
    return [component for component in components if len(component) > 1]


@given(HASHES, EDGES)
def test_groups_are_the_components_of_the_graph_cut_to_size(
    diff_hashes: dict[int, str | None], edges: list[Edge]
) -> None:
    components = naive_components(diff_hashes, edges)
    groups = candidate_groups(diff_hashes, edges)
    assert all(2 <= len(group) <= MAX_GROUP for group in groups)
    for component in components:
        parts = [group for group in groups if component.intersection(group)]
        assert sorted(id for part in parts for id in part) == sorted(component)
        assert len(component) > MAX_GROUP or len(parts) == 1
    assert sum(map(len, groups)) == sum(map(len, components))


@given(HASHES, EDGES, st.randoms())
def test_the_order_of_the_edges_does_not_matter(
    diff_hashes: dict[int, str | None], edges: list[Edge], dice: object
) -> None:
    shuffled = [Edge(edge.neighbour_id, edge.pr_id, edge.score) for edge in edges]
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert candidate_groups(diff_hashes, edges) == candidate_groups(dict(reversed(diff_hashes.items())), shuffled)


def test_equal_diffs_join_without_an_edge_but_missing_ones_do_not() -> None:
    assert candidate_groups({1: "x", 2: None, 3: "x", 4: None, 5: "", 6: ""}, []) == [[1, 3]]


def test_a_large_group_is_split_at_its_weakest_link() -> None:
    first, second = list(range(1, 41)), list(range(41, 81))
    edges = [Edge(a, b, 0.95) for part in (first, second) for a, b in pairwise(part)]
    assert candidate_groups(dict.fromkeys(first + second), [*edges, Edge(40, 41, 0.81)]) == [first, second]


def test_nobody_is_left_alone_when_a_group_is_split() -> None:
    ids = range(1, MAX_GROUP + 2)
    edges = [Edge(1, id, 0.9) for id in ids if id > 1]
    groups = candidate_groups(dict.fromkeys(ids), edges)
    assert sorted(map(len, groups)) == [2, MAX_GROUP - 1]


def test_a_repository_of_3000_near_equal_pull_requests_takes_little_time() -> None:
    ids = range(1, 3001)
    edges = [Edge(id, (id * step) % 3000 + 1, 0.9 + step / 1000) for id in ids for step in range(1, 21)]
    began = time.perf_counter()
    groups = candidate_groups(dict.fromkeys(ids, "same"), edges)
    assert sum(map(len, groups)) == 3000
    assert time.perf_counter() - began < 5
