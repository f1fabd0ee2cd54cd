"""What was said of pairs of pull requests, as votes: by the model, by persons, and by equal changes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from ossgard.pipeline.answers import ConfirmedGroup, VerifyAnswer, confirmed_groups
from ossgard.pipeline.groups import model_key
from ossgard.pipeline.linkage import SURE, Pair, average_linkage, pair_of
from ossgard.pipeline.phase import Slice
from ossgard.pipeline.prompts import MAX_GROUP, PAIRS_VERSION
from ossgard.spec.cursors import VerifyCursor
from ossgard.spec.entities import Bond, CandidateGroup, Relationship

_SAME = (Relationship.DUPLICATE, Relationship.SUPERSEDED)
# A no counts less than a yes, since models overlook duplicates more often than they invent them: with two thirds, most
# of the pairs of which a third one is the same as both come together, and precision stays.
_NO_SHARE = 2 / 3
# A vote on two that a model puts into different groups; how sure it is of that, it is not asked.
_DIFFERENT = -600


@dataclass(frozen=True)
class Votes:
    """What is known of a repository's open pull requests.

    Args:
        model: votes of the model, by pair.
        settled: pairs of which nobody need be asked that they are the same.
        bonds: what persons said, the latest first, and then which changes are equal: what outranks the model.
    """

    model: dict[Pair, int]
    settled: frozenset[Pair]
    bonds: Sequence[Bond]

    def all(self, opinions: Iterable["Opinion"] = ()) -> dict[Pair, int]:
        """The votes by pair, the mean of what was said of each; those on settled pairs are not in doubt."""
        said: dict[Pair, list[int]] = {pair: [vote] for pair, vote in self.model.items()}
        for opinion in opinions:
            for pair, vote in opinion.votes(self.settled):
                said.setdefault(pair, []).append(vote)
        means = {pair: sum(votes) // len(votes) for pair, votes in said.items()}
        return means | dict.fromkeys(self.settled, SURE)

    def parts(self) -> list[list[int]]:
        """The groups to look at again as a whole, in parts that are small enough; not those that are settled."""
        votes = self.all()
        groups = average_linkage(votes, self.bonds)
        large = {id: place for place, group in enumerate(groups) if len(group) > MAX_GROUP for id in group}
        inside = {pair: vote for pair, vote in votes.items() if _is_inside(pair, large)}
        bonds = [bond for bond in self.bonds if _is_inside((bond.pr_id, bond.other_id), large)]
        parts = [group for group in groups if len(group) <= MAX_GROUP] + average_linkage(inside, bonds, MAX_GROUP)
        return [part for part in sorted(parts) if not self._is_settled(part)]

    def _is_settled(self, group: Sequence[int]) -> bool:
        """Whether settled pairs alone hold a group together."""
        reached, waiting = {group[0]}, [group[0]]
        while waiting:
            one = waiting.pop()
            near = [other for other in group if other not in reached and pair_of(one, other) in self.settled]
            reached.update(near)
            waiting += near
        return len(reached) == len(group)


@dataclass(frozen=True)
class Opinion:
    """What a model said of a group as a whole."""

    pr_ids: Sequence[int]
    groups: Sequence[ConfirmedGroup]

    def votes(self, settled: Collection[Pair]) -> Iterable[tuple[Pair, int]]:
        """A vote on each pair of the group; whom the model left out goes where the other one of a settled pair is."""
        place = {id: group for group in self.groups for id in group.pr_ids}
        pairs = list(combinations(sorted(self.pr_ids), 2))
        for one, other in pairs:
            if (one, other) in settled and (one in place) != (other in place):
                place[one] = place[other] = place.get(one) or place[other]
        for one, other in pairs:
            group = place.get(one)
            is_same = group is not None and place.get(other) is group
            yield (one, other), thousandths(group.confidence) if is_same and group is not None else _DIFFERENT


def _is_inside(pair: Pair, groups: Mapping[int, int]) -> bool:
    """Whether both are in the same one of the groups; who is in none of them is not."""
    return pair[0] in groups and groups[pair[0]] == groups.get(pair[1])


def opinion(group: CandidateGroup) -> Opinion | None:
    """What was said of a group, by its notes; None when there is nothing."""
    if group.notes is None:
        return None
    return Opinion(group.pr_ids, confirmed_groups(VerifyAnswer.model_validate(group.notes), group.pr_ids))


def thousandths(confidence: float) -> int:
    """A confidence as a vote; one of a no is below 0."""
    return round(confidence * SURE)


async def read_votes(slice: Slice[VerifyCursor]) -> Votes:
    """All that is known of the repository's open pull requests, and still stands."""
    db = slice.db
    model = {
        (found.pr_id, vote.id): thousandths(vote.confidence * (1 if vote.verdict in _SAME else -_NO_SHARE))
        for found in await db.list_votes(slice.repo_id, model_key(slice), PAIRS_VERSION)
        for vote in found.votes
    }
    certain = {(found.pr_id, id) for found in await db.list_certain_pairs(slice.scan_id) for id in found.others}
    said = await db.list_bonds(slice.repo_id)
    apart = {(bond.pr_id, bond.other_id) for bond in said if not bond.is_together}
    together = {(bond.pr_id, bond.other_id) for bond in said if bond.is_together}
    equal = [Bond(pr_id=one, other_id=other, is_together=True) for one, other in sorted(certain)]
    return Votes(model, frozenset((certain | together) - apart), [*said, *equal])
