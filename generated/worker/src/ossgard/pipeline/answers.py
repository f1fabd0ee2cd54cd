"""What chat models answer in the phases verify and rank, and what of it is believed."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import FailFast, Field

from ossgard.model import CamelModel
from ossgard.providers.chat import UnusableAnswer
from ossgard.spec.entities import PR, RankedMember

_MAX_LABEL = 200
_MAX_RATIONALE = 2000
NOT_SCORED = "The model gave no score for this pull request."
NOT_RANKED = "The model gave no usable answer about this group: its members are in the order of their numbers."


class VerifiedGroup(CamelModel):
    """Pull requests that a model takes for duplicates of each other."""

    pr_ids: Annotated[list[int], FailFast()]
    label: str | None = None
    confidence: float | str | None = None
    relationship: str | None = None


class VerifyAnswer(CamelModel):
    """The answer to a verification prompt; who is `unrelated` follows from the groups."""

    groups: Annotated[list[VerifiedGroup], FailFast()]


class Ranking(CamelModel):
    """A model's opinion of a pull request."""

    pr_number: int
    score: Annotated[float, Field(ge=0, le=100)]
    code_quality: Annotated[float, Field(ge=0, le=50)] | None = None
    completeness: Annotated[float, Field(ge=0, le=50)] | None = None
    rationale: str | None = None


class RankAnswer(CamelModel):
    """The answer to a ranking prompt."""

    rankings: Annotated[list[Ranking], FailFast()]


@dataclass(frozen=True)
class ConfirmedGroup:
    """A group of duplicates, two at least."""

    pr_ids: Sequence[int]
    label: str | None


def confirmed_groups(answer: VerifyAnswer, pr_ids: Collection[int]) -> list[ConfirmedGroup]:
    """The groups of an answer, without ids that were not asked about; one that is in several stays in the first."""
    left = set(pr_ids)
    confirmed = []
    for group in answer.groups:
        members = sorted(left.intersection(group.pr_ids))
        if len(members) > 1:
            left.difference_update(members)
            confirmed.append(ConfirmedGroup(members, _shortened(group.label, _MAX_LABEL)))
    return confirmed


def equal_diffs(pulls: Iterable[PR]) -> list[ConfirmedGroup]:
    """Groups that need nobody's opinion: those with equal diffs."""
    by_hash: dict[str, list[int]] = {}
    for pull in pulls:
        if pull.diff_hash:
            by_hash.setdefault(pull.diff_hash, []).append(pull.id)
    return [ConfirmedGroup(sorted(ids), None) for ids in by_hash.values() if len(ids) > 1]


def unranked(pulls: Iterable[PR]) -> list[RankedMember]:
    """The members of a group without anybody's opinion: the oldest first, all with the score 0."""
    oldest_first = sorted(pulls, key=lambda pull: pull.number)
    return [
        RankedMember(pr_id=pull.id, rank=rank, score=0.0, rationale=NOT_RANKED)
        for rank, pull in enumerate(oldest_first, 1)
    ]


def ranked(answer: RankAnswer, pulls: Iterable[PR]) -> list[RankedMember]:
    """The members of a group, best first; those that the model forgot come last.

    Raises:
        UnusableAnswer: the model spoke of none of them.
    """
    opinions: dict[int, Ranking] = {}
    for ranking in answer.rankings:
        opinions.setdefault(ranking.pr_number, ranking)
    members = [(pull, opinions.get(pull.number)) for pull in pulls]
    if not any(opinion for _, opinion in members):
        raise UnusableAnswer("The model ranked none of the pull requests that it was asked about")
    best_first = sorted(members, key=lambda member: (*_worst(member[1]), member[0].number))
    return [
        RankedMember(
            pr_id=pull.id,
            rank=rank,
            score=opinion.score if opinion else 0.0,
            rationale=_shortened(opinion.rationale, _MAX_RATIONALE) if opinion else NOT_SCORED,
        )
        for rank, (pull, opinion) in enumerate(best_first, 1)
    ]


def _worst(opinion: Ranking | None) -> tuple[bool, float, float]:
    """A sort key: no opinion after any, then by score, then by what the score is made of."""
    if opinion is None:
        return True, 0.0, 0.0
    return False, -opinion.score, -((opinion.code_quality or 0.0) + (opinion.completeness or 0.0))


def _shortened(text: str | None, limit: int) -> str | None:
    stripped = (text or "").strip()
    return stripped[:limit] or None
