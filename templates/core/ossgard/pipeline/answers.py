"""What chat models answer in the phases verify and rank, and what of it is believed."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, FailFast, Field

from ossgard.model import CamelModel
from ossgard.providers.chat import UnusableAnswer
from ossgard.spec.entities import PR, Relationship

_MAX_LABEL = 200
_MAX_REASON = 500
_MAX_RATIONALE = 2000
# How sure a model is taken to be that does not say it in a number.
_CONFIDENCES = {"very high": 0.95, "high": 0.9, "medium": 0.7, "moderate": 0.7, "low": 0.4, "very low": 0.2}
_USUAL_CONFIDENCE = 0.9
# What models call a verdict, besides its own name.
_OTHER_NAMES = {
    "duplicates": "duplicate",
    "duplicated": "duplicate",
    "same": "duplicate",
    "superseding": "superseded",
    "supersedes": "superseded",
    "superseded_by": "superseded",
    "not_duplicate": "none",
    "not_a_duplicate": "none",
    "not_duplicates": "none",
    "unrelated": "none",
    "independent": "none",
    "different": "none",
    "no": "none",
}
NOT_SCORED = "The model gave no score for this pull request."
NOT_RANKED = "The model gave no usable answer about this group: its members are in the order of their numbers."


def _named(value: object) -> object:
    """A verdict by its own name, however a model has spelled it."""
    if value is None:
        return "none"
    if not isinstance(value, str):
        return value
    name = "_".join(value.lower().replace("-", " ").replace("_", " ").split()).strip(".")
    return _OTHER_NAMES.get(name, name)


class PairVerdict(CamelModel):
    """What a model says of a candidate and the pull request that it was asked about."""

    pr_number: int
    verdict: Annotated[Relationship, BeforeValidator(_named)]
    confidence: float | str | None = None
    reason: str | None = None


class PairsAnswer(CamelModel):
    """The answer to a question about a pull request and its candidates."""

    verdicts: Annotated[list[PairVerdict], FailFast()]


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
    confidence: float
    relationship: str | None


@dataclass(frozen=True)
class Judged:
    """What is believed of a verdict on a candidate."""

    verdict: Relationship
    confidence: float
    reason: str | None


def judged(answer: PairsAnswer, numbers: Collection[int]) -> dict[int, Judged]:
    """The verdicts of an answer by number: without candidates that were not asked about, the first of several.

    Raises:
        UnusableAnswer: the model spoke of none of them.
    """
    found: dict[int, Judged] = {}
    for one in answer.verdicts:
        if one.pr_number in numbers:
            sure = Judged(one.verdict, confidence_of(one.confidence), _shortened(one.reason, _MAX_REASON))
            found.setdefault(one.pr_number, sure)
    if not found:
        raise UnusableAnswer("The model spoke of none of the pull requests that it was asked about")
    return found


def confidence_of(said: float | str | None) -> float:
    """From 0 to 1, whether a model gives a share, a percentage, a word or nothing."""
    if isinstance(said, str):
        word = said.strip().lower().removesuffix("%")
        try:
            said = float(word)
        except ValueError:
            said = _CONFIDENCES.get(word)
    if said is None or not math.isfinite(said) or said < 0:
        return _USUAL_CONFIDENCE
    return min(1.0, said / 100 if said > 1 else said)


def confirmed_groups(answer: VerifyAnswer, pr_ids: Collection[int]) -> list[ConfirmedGroup]:
    """The groups of an answer, without ids that were not asked about; one that is in several stays in the first."""
    left = set(pr_ids)
    confirmed = []
    for group in answer.groups:
        members = sorted(left.intersection(group.pr_ids))
        if len(members) > 1:
            left.difference_update(members)
            label, relationship = _shortened(group.label, _MAX_LABEL), _shortened(group.relationship, _MAX_REASON)
            confirmed.append(ConfirmedGroup(members, label, confidence_of(group.confidence), relationship))
    return confirmed


@dataclass(frozen=True)
class Scored:
    """What a member of a group has got, for whatever reason."""

    pull: PR
    score: float
    rationale: str | None


def unranked(pulls: Iterable[PR]) -> list[Scored]:
    """The members of a group without anybody's opinion: the oldest first, all with the score 0."""
    return [Scored(pull, 0.0, NOT_RANKED) for pull in sorted(pulls, key=lambda pull: (pull.is_draft, pull.number))]


def ranked(answer: RankAnswer, pulls: Iterable[PR]) -> list[Scored]:
    """The members of a group, best first: drafts after those that are ready, last those that the model forgot.

    Raises:
        UnusableAnswer: the model spoke of none of them.
    """
    opinions: dict[int, Ranking] = {}
    for ranking in answer.rankings:
        opinions.setdefault(ranking.pr_number, ranking)
    members = [(pull, opinions.get(pull.number)) for pull in pulls]
    if not any(opinion for _, opinion in members):
        raise UnusableAnswer("The model ranked none of the pull requests that it was asked about")
    best_first = sorted(members, key=lambda member: (member[0].is_draft, *_worst(member[1]), member[0].number))
    return [
        (
            Scored(pull, opinion.score, _shortened(opinion.rationale, _MAX_RATIONALE))
            if opinion
            else Scored(pull, 0.0, NOT_SCORED)
        )
        for pull, opinion in best_first
    ]


def _worst(opinion: Ranking | None) -> tuple[bool, float, float]:
    """A sort key: no opinion after any, then by score, then by what the score is made of."""
    if opinion is None:
        return True, 0.0, 0.0
    return False, -opinion.score, -((opinion.code_quality or 0.0) + (opinion.completeness or 0.0))


def _shortened(text: str | None, limit: int) -> str | None:
    stripped = (text or "").strip()
    return stripped[:limit] or None
