"""What is told of a member of a group of duplicates: how it is related to the others, and which one is to be kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from ossgard.pipeline.answers import Scored
from ossgard.pipeline.lineage import GroupOrigin
from ossgard.spec.entities import PR, Relationship, Verdict, VerdictSource

EQUAL = "Its changes are equal to those of #{}."
SAID = "A person has said so."


@dataclass(frozen=True)
class Relation:
    """How a member is related to the rest of its group; all None where nothing was said of it."""

    relationship: Relationship | None = None
    confidence: float | None = None
    reason: str | None = None


def kept_first(members: Sequence[Scored], verdicts: Sequence[Verdict]) -> list[Scored]:
    """The members in order, but the one first that a person wants to be merged; of several, the one named last.

    `verdicts` are those on pairs of the group, the latest first.
    """
    kept = next((verdict.keep_number for verdict in verdicts if verdict.keep_number is not None), None)
    return sorted(members, key=lambda one: one.pull.number != kept)


def related(pull: PR, members: Sequence[PR], verdicts: Sequence[Verdict], origin: GroupOrigin) -> Relation:
    """How a member is related to the best one, or else to the one that it is surest to be the same as.

    A person's word comes before all, equal changes before a model's opinion on the pair, and that before one on the
    group.
    """
    best = members[0].id
    own = [
        verdict
        for verdict in verdicts
        if pull.id in (verdict.pr_id, verdict.other_id)
        and verdict.verdict in (Relationship.DUPLICATE, Relationship.SUPERSEDED)
    ]
    said = [verdict for verdict in own if verdict.source is VerdictSource.PERSON]
    if said:
        return Relation(said[0].verdict, 1.0, said[0].reason or SAID)
    equal = [one for one in members if one.id != pull.id and pull.diff_hash and one.diff_hash == pull.diff_hash]
    if equal:
        return Relation(Relationship.DUPLICATE, 1.0, EQUAL.format(equal[0].number))
    if own:
        found = max(own, key=lambda verdict: (best in (verdict.pr_id, verdict.other_id), verdict.confidence))
        return Relation(found.verdict, found.confidence, found.reason)
    if origin.confidence is None:
        return Relation()
    return Relation(Relationship.DUPLICATE, origin.confidence, origin.relationship)
