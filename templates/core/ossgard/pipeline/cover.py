"""Covers pairs of pull requests by questions about one and a few others, each pair once, with few questions."""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush

MAX_CANDIDATES = 5


def cover(pairs: Iterable[tuple[int, int]], most: int = MAX_CANDIDATES) -> list[list[int]]:
    """Questions, each the pull request that it is about and then its candidates, `most` at most.

    Whoever has the most pairs left is asked about next. Of its candidates those go first that have the fewest pairs of
    their own left, since these are the hardest to ask about otherwise. Takes about as long as sorting the pairs.
    """
    left: dict[int, set[int]] = {}
    for one, other in pairs:
        left.setdefault(one, set()).add(other)
        left.setdefault(other, set()).add(one)
    waiting = [(-len(others), id) for id, others in left.items()]
    heapify(waiting)
    questions = []
    while waiting:
        count, id = heappop(waiting)
        others = left[id]
        if -count > len(others):
            if others:
                heappush(waiting, (-len(others), id))
            continue
        ordered = sorted(others, key=lambda other: (len(left[other]), other))
        # As many as make whole questions at once: who has thousands would be sorted thousands of times.
        ordered = ordered[: len(ordered) // most * most or len(ordered)]
        for other in ordered:
            others.remove(other)
            left[other].remove(id)
        if others:
            heappush(waiting, (-len(others), id))
        questions += [[id, *ordered[start : start + most]] for start in range(0, len(ordered), most)]
    return questions
