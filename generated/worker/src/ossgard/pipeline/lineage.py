"""Which group of the scan before a group goes on from: it keeps that one's number, and says what has changed."""

from collections import Counter
from collections.abc import Collection, Sequence

from ossgard.model import CamelModel
from ossgard.spec.entities import FormerGroup, PRState


class GroupOrigin(CamelModel):
    """What a verified group has from the scan before, and what the model said of it as a whole.

    Args:
        number: the number that it keeps; None: it is new.
        merged_number: the pull request that was its best member and has been merged.
        known: the members that were in it before.
        confidence: how sure the model is of it, if it was asked.
        relationship: how the model says that the members are related.
    """

    number: int | None = None
    merged_number: int | None = None
    known: tuple[int, ...] = ()
    confidence: float | None = None
    relationship: str | None = None


class Remainder(CamelModel):
    """Members of a group whose best one has been merged, when they form no group of their own any more."""

    pr_ids: tuple[int, ...]
    label: str | None
    origin: GroupOrigin


def origins(previous: Sequence[FormerGroup], groups: Sequence[Sequence[int]]) -> list[GroupOrigin]:
    """Where each group comes from: the one of whose open members it has more than half, the most of them first."""
    place = {id: index for index, group in enumerate(groups) for id in group}
    found = []
    for before in previous:
        still_open = _open(before)
        shared = Counter(place[id] for id in still_open if id in place)
        most = [(count, index) for index, count in shared.items() if 2 * count > len(still_open)]
        found += [(-count, before.number, index, before) for count, index in most]
    result = [GroupOrigin()] * len(groups)
    taken: set[int] = set()
    for _, number, index, before in sorted(found, key=lambda one: one[:3]):
        if number not in taken and result[index].number is None:
            taken.add(number)
            result[index] = _origin(before)
    return result


def remainders(
    previous: Sequence[FormerGroup],
    groups: Sequence[Sequence[int]],
    found: Collection[GroupOrigin],
    apart: Collection[tuple[int | None, int | None]],
) -> list[Remainder]:
    """What is left of groups whose best member has been merged, and that no group goes on from.

    `apart` are pairs of numbers, in either order, of which a person said that they are no duplicates.
    """
    grouped = {id for group in groups for id in group}
    gone_on = {origin.number for origin in found}
    left = []
    for before in previous:
        origin = _origin(before)
        if origin.merged_number is None or origin.number in gone_on:
            continue
        merged = origin.merged_number
        members = tuple(
            member.id
            for member in before.members
            if member.state is PRState.OPEN
            and member.id not in grouped
            and not {(member.number, merged), (merged, member.number)} & set(apart)
        )
        if members:
            left.append(Remainder(pr_ids=members, label=before.label, origin=origin))
    return left


def _open(group: FormerGroup) -> list[int]:
    return [member.id for member in group.members if member.state is PRState.OPEN]


def _origin(before: FormerGroup) -> GroupOrigin:
    best = before.members[0] if before.members else None
    merged = best.number if best is not None and best.state is PRState.MERGED else before.merged_number
    return GroupOrigin(number=before.number, merged_number=merged, known=tuple(member.id for member in before.members))
