"""Invents repositories: pull requests from a seed, some of them planted duplicates of one another."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from tests.outside import oddities
from tests.outside.diffs import ChangedFile, changed
from tests.outside.repository import START, PullRequest, Repository
from tests.outside.vocabulary import COMPONENTS, LOGINS, NOUNS, SENTENCES, SUFFIXES, SYMPTOMS, VERBS

# What duplicates have in common.
EQUAL_DIFF, SAME_FILES, SAME_TEXT = "equal diff", "same files", "same text"


@dataclass(frozen=True)
class Plan:
    """What to invent.

    Args:
        prs: how many pull requests are open.
        seed: the same plan gives the same repository.
        duplicate_share: the share of them that has a duplicate.
        similarity: how much of a text its duplicate keeps; below about 0.7 duplicates fall under the thresholds.
        lookalike_share: the share that touches the files of another one, and does something else.
        closed_share: how many closed and merged ones there are for each open one.
        odd: whether the unusual cases are among them, one of each (`oddities`).
        big_group: the size of one more group of duplicates.
    """

    prs: int = 200
    seed: int = 1
    duplicate_share: float = 0.3
    similarity: float = 0.9
    lookalike_share: float = 0.04
    closed_share: float = 0.1
    odd: bool = True
    big_group: int = 0


@dataclass(frozen=True)
class _Topic:
    """What one change is about; every topic has nouns of its own, in an order of their own."""

    component: str
    nouns: tuple[str, ...]
    symptom: str
    verb: int
    sentences: tuple[str, ...]
    files: tuple[ChangedFile, ...]

    @property
    def identifier(self) -> str:
        return f"{self.nouns[0]}_{self.nouns[1]}_{self.nouns[2]}"


@dataclass(frozen=True)
class _Draft:
    """A pull request before it has a number; those of one `group` are duplicates, of one `lookalike` only look so."""

    title: str
    body: str | None
    files: tuple[ChangedFile, ...]
    group: int | None = None
    lookalike: int | None = None
    cosmetic: int = 0


def plant(owner: str, name: str, plan: Plan, repository_id: int = 1) -> Repository:
    """Invent a repository."""
    dice = random.Random(f"{plan.seed}|{owner}/{name}")
    topics = _topics(dice)
    drafts = _draft_all(plan, dice, topics)
    closed = round(plan.prs * plan.closed_share)
    states = [True] * len(drafts) + [False] * closed
    drafts += [_plain(next(topics)) for _ in range(closed)]
    order = list(range(len(drafts)))
    dice.shuffle(order)

    repository = Repository(owner, name, repository_id)
    groups: dict[int, set[int]] = {}
    lookalikes: dict[int, set[int]] = {}
    number, moment = 0, START
    for index in order:
        # Issues take numbers too.
        number += dice.choice((1, 1, 1, 2, 3))
        moment += timedelta(seconds=dice.randint(60, 3000))
        draft = drafts[index]
        pull = PullRequest(
            number,
            draft.title,
            draft.body,
            dice.choice(LOGINS),
            list(draft.files),
            moment,
            moment + timedelta(seconds=dice.randint(0, 90_000)),
            draft=dice.random() < 0.05,
            cosmetic=draft.cosmetic,
        )
        if not states[index]:
            pull.state, pull.closed_at = "closed", pull.updated_at
            pull.merged_at = pull.closed_at if dice.random() < 0.7 else None
        repository.pulls[number] = pull
        if draft.group is not None:
            groups.setdefault(draft.group, set()).add(number)
        if draft.lookalike is not None:
            lookalikes.setdefault(draft.lookalike, set()).add(number)
    repository.groups = list(groups.values())
    repository.lookalikes = list(lookalikes.values())
    if plan.odd:
        taken = set().union(*repository.groups, *repository.lookalikes)
        oddities.apply([repository.pulls[one] for one in sorted(repository.open_numbers - taken)])
    return repository


def _draft_all(plan: Plan, dice: random.Random, topics: Iterator[_Topic]) -> list[_Draft]:
    drafts: list[_Draft] = []
    group = 0
    if plan.big_group > 1:
        drafts += _duplicates(next(topics), min(plan.big_group, plan.prs), group, plan.similarity, dice, EQUAL_DIFF)
    duplicates = round(plan.prs * plan.duplicate_share)
    while len(drafts) + 2 <= duplicates:
        group += 1
        size = min(dice.choice((2, 2, 2, 3, 3, 4, 5)), duplicates - len(drafts))
        kind = (EQUAL_DIFF, SAME_FILES, SAME_TEXT)[group % 3]
        drafts += _duplicates(next(topics), max(size, 2), group, plan.similarity, dice, kind)
    looking_alike = round(plan.prs * plan.lookalike_share)
    for pair in range(looking_alike // 2):
        if len(drafts) + 2 > plan.prs:
            break
        one, other = next(topics), next(topics)
        files = tuple(changed(file, f"another change {pair}") for file in one.files)
        drafts.append(_Draft(_title(one), _body(one), one.files, lookalike=pair))
        drafts.append(_Draft(_title(other), _body(other), files, lookalike=pair))
    drafts += [_plain(next(topics)) for _ in range(plan.prs - len(drafts))]
    return drafts


def _plain(topic: _Topic) -> _Draft:
    return _Draft(_title(topic), _body(topic), topic.files)


def _duplicates(
    topic: _Topic, size: int, group: int, similarity: float, dice: random.Random, kind: str
) -> list[_Draft]:
    """A pull request and others that do the same; each is alike enough to the first one to be found."""
    drafts = [_Draft(_title(topic), _body(topic), topic.files, group)]
    for copy in range(1, size):
        title = _title(topic, _reworded(topic.nouns, similarity, dice, keep=2), topic.verb + copy)
        if kind == EQUAL_DIFF:
            drafts.append(_Draft(title, _varied_body(topic, similarity * 0.8, dice), topic.files, group, None, copy))
        elif kind == SAME_FILES:
            files = tuple(changed(file, f"done otherwise {group}/{copy}") for file in topic.files)
            if len(files) >= 6 and dice.random() > similarity:
                files = files[:-1]
            body = None if copy % 3 == 2 else _varied_body(topic, similarity * 0.8, dice)
            drafts.append(_Draft(title, body, files, group))
        else:
            # Found by its words alone: done in another file.
            path = _path(topic.component, (topic.nouns[1], topic.nouns[0]), dice)
            files = (ChangedFile(path, f"elsewhere {group}/{copy}"), *topic.files[1:])
            drafts.append(_Draft(title, _varied_body(topic, (similarity + 1) / 2, dice), files, group))
    return drafts


def _topics(dice: random.Random) -> Iterator[_Topic]:
    """Topics without end, no two about the same things."""
    seen: set[frozenset[str]] = set()
    while True:
        nouns = tuple(dice.sample(NOUNS, 8))
        # Three nouns make the title and the name of the first file: no two topics may share them.
        if frozenset(nouns[:3]) in seen:
            continue
        seen.add(frozenset(nouns[:3]))
        component = dice.choice(COMPONENTS)
        symptom = dice.choice(SYMPTOMS)
        named = {"component": component, "name": "_".join(nouns[:3]), "symptom": symptom}
        sentences = tuple(_sentence(template, nouns, named, dice) for template in _templates(dice))
        yield _Topic(component, nouns, symptom, dice.randrange(len(VERBS)), sentences, _files(component, nouns, dice))


def _templates(dice: random.Random) -> list[str]:
    return dice.sample(SENTENCES, dice.randint(4, 7))


def _sentence(template: str, nouns: tuple[str, ...], named: dict[str, str], dice: random.Random) -> str:
    a, b, c = nouns[:3]
    others = {"d": dice.choice(nouns[3:]), "e": dice.choice(NOUNS), "f": dice.choice(NOUNS)}
    return template.format(a=a, b=b, c=c, n=dice.randint(2, 9999), **others, **named)


def _files(component: str, nouns: tuple[str, ...], dice: random.Random) -> tuple[ChangedFile, ...]:
    paths = {_path(component, nouns[:3], dice): None}
    for _ in range(dice.choice((0, 0, 1, 2, 3, 5, 7))):
        stem = dice.sample(NOUNS, 2)
        paths[_path(dice.choice((component, component, dice.choice(COMPONENTS))), (stem[0], stem[1]), dice)] = None
    if dice.random() < 0.4:
        paths[f"tests/{component}/test_{nouns[0]}_{nouns[1]}_{nouns[2]}.py"] = None
    topic = "_".join(nouns)
    return tuple(ChangedFile(path, topic, dice.randint(1, 30), dice.randint(0, 12)) for path in paths)


def _path(component: str, stem: tuple[str, ...], dice: random.Random) -> str:
    return f"src/{component}/{'_'.join(stem)}.{dice.choice(SUFFIXES)}"


def _title(topic: _Topic, nouns: tuple[str, ...] | None = None, verb: int | None = None) -> str:
    a, b, c = (nouns or topic.nouns)[:3]
    name = VERBS[(topic.verb if verb is None else verb) % len(VERBS)]
    return f"{name} {topic.symptom} of {a} {b} {c} in {topic.component}"


def _body(topic: _Topic) -> str:
    return "\n\n".join(topic.sentences)


def _varied_body(topic: _Topic, similarity: float, dice: random.Random) -> str:
    """The body as somebody else would write it: some sentences in another order, some words others."""
    sentences = [
        " ".join(word if dice.random() < (1 + similarity) / 2 else dice.choice(NOUNS) for word in sentence.split(" "))
        for sentence in topic.sentences
    ]
    if dice.random() > similarity and len(sentences) > 4:
        sentences.pop(dice.randrange(len(sentences)))
    dice.shuffle(sentences)
    return "\n\n".join(sentences)


def _reworded(nouns: tuple[str, ...], similarity: float, dice: random.Random, keep: int) -> tuple[str, ...]:
    """Some of the nouns exchanged, `keep` of the first three at least left."""
    changes = 0
    result = list(nouns)
    for index in range(3):
        if dice.random() > similarity and changes < 3 - keep:
            result[index] = dice.choice(NOUNS)
            changes += 1
    return tuple(result)
