"""The invented repository: its planted duplicates come out above the contract's thresholds, everything else below."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pytest

from tests.outside.diffs import render_diff
from tests.outside.llm import rank, verify
from tests.outside.planting import Plan, plant
from tests.outside.repository import PullRequest, Repository
from tests.outside.text_vectors import embed, similarity
from tests.outside.tokens import count_tokens, cut_to_tokens

CODE, INTENT = 0.85, 0.80


def paths(pull: PullRequest) -> str:
    return "\n".join(file.path for file in pull.files)[:20_000] or "-"


def intent(pull: PullRequest) -> str:
    return f"{pull.title}\n\n{pull.body or ''}\n\n{paths(pull)}"[:20_000]


def neighbours(pulls: Sequence[PullRequest], dimensions: int = 1536) -> set[tuple[int, int]]:
    """The pairs of numbers that are alike enough in one of the two ways."""
    found: set[tuple[int, int]] = set()
    for text, threshold in ((paths, CODE), (intent, INTENT)):
        vectors = embed([text(pull) for pull in pulls], dimensions).astype(np.float32)
        first, second = np.nonzero(np.triu(vectors @ vectors.T >= threshold, 1))
        found |= {
            tuple(sorted((pulls[a].number, pulls[b].number)))  # type: ignore[misc]
            for a, b in zip(first.tolist(), second.tolist(), strict=True)
        }
    return found


def components(pairs: set[tuple[int, int]]) -> list[set[int]]:
    groups: dict[int, set[int]] = {}
    for a, b in pairs:
        merged = groups.get(a, {a}) | groups.get(b, {b})
        for number in merged:
            groups[number] = merged
    return [set(group) for group in {id(group): group for group in groups.values()}.values()]


def question(repository: Repository, numbers: set[int]) -> list[Mapping[str, object]]:
    return [
        {
            "prId": 1_000 + number,
            "prNumber": number,
            "title": repository.pulls[number].title,
            "body": repository.pulls[number].body,
            "filePaths": [file.path for file in repository.pulls[number].files],
        }
        for number in sorted(numbers)
    ]


@pytest.mark.parametrize(("prs", "seed", "dimensions"), [(200, 1, 1536), (200, 5, 768), (3_000, 1, 1536)])
def test_duplicates_are_neighbours_and_others_are_not(prs: int, seed: int, dimensions: int) -> None:
    repository = plant("acme", "widgets", Plan(prs, seed))
    assert len(repository.open_numbers) == prs
    pulls = repository.listed()
    edges = neighbours(pulls, dimensions)

    allowed = {pair for group in repository.planted_groups for pair in combinations(group, 2)}
    lookalikes = {pair for group in repository.lookalikes for pair in combinations(sorted(group), 2)}
    assert edges <= allowed | lookalikes
    assert lookalikes <= edges
    candidates = components(edges)
    assert all(any(set(group) <= candidate for candidate in candidates) for group in repository.planted_groups)

    ids = {1_000 + pull.number: pull.number for pull in pulls}
    answers = [verify(question(repository, candidate)) for candidate in candidates]
    score = repository.score([ids[one] for one in group["prIds"]] for answer in answers for group in answer["groups"])
    assert (score.precision, score.recall) == (1.0, 1.0)
    assert score.planted > prs * 0.15


def test_less_similar_duplicates_are_harder_to_find() -> None:
    def found(wanted: float) -> int:
        repository = plant("acme", "widgets", Plan(120, 3, similarity=wanted))
        return repository.score(components(neighbours(repository.listed()))).right

    assert found(0.1) < found(0.5) < found(1.0)


@pytest.mark.parametrize("prs", [0, 1, 2, 3, 50])
def test_any_size(prs: int) -> None:
    assert len(plant("acme", "widgets", Plan(prs)).open_numbers) == prs


def test_the_same_plan_gives_the_same_repository() -> None:
    def pulls() -> list[PullRequest]:
        return plant("acme", "widgets", Plan(60, 4)).listed("all")

    assert pulls() == pulls()
    assert pulls() != plant("acme", "widgets", Plan(60, 5)).listed("all")


def test_unusual_pull_requests_are_there() -> None:
    pulls = plant("acme", "widgets", Plan(200)).listed()
    assert {None, ""} <= {pull.body for pull in pulls}
    assert max(len(pull.files) for pull in pulls) > 300
    assert any(100 < len(pull.files) < 300 for pull in pulls)
    assert any(not pull.files for pull in pulls)
    assert any(pull.author is None for pull in pulls)
    assert any(not pull.title.isascii() for pull in pulls)


def test_rebasing_changes_the_diff_but_not_what_it_says() -> None:
    repository = plant("acme", "widgets", Plan(20))
    number = next(pull.number for pull in repository.listed() if len(pull.files) > 2)
    before = render_diff(repository.pulls[number].files, repository.pulls[number].cosmetic)
    rebased = repository.force_push_same(number)
    after = render_diff(rebased.files, rebased.cosmetic)

    def telling(diff: str) -> list[str]:
        return sorted(line.strip() for line in diff.splitlines() if not line.startswith(("index ", "@@ ")))

    assert before != after
    assert telling(before) == telling(after)
    assert telling(after) != telling(render_diff(repository.push(number).files))


def test_the_truth_follows_changes() -> None:
    repository = plant("acme", "widgets", Plan(60))
    group = next(group for group in repository.planted_groups if len(group) == 2)
    repository.merge(group[0])
    assert group not in repository.planted_groups
    copy = repository.open_duplicate(group[1])
    assert sorted((group[1], copy.number)) in repository.planted_groups
    assert repository.score([[group[1], copy.number]]).precision == 1.0


def test_vectors_of_any_dimension_are_unit_vectors_and_keep_similarity() -> None:
    one, other = "Fix crash of invoice header in billing", "Repair crash of invoice header in billing"
    for dimensions in (384, 768, 1536, 3072):
        vectors = embed([one, other, "something else altogether", ""], dimensions)
        assert np.allclose(np.linalg.norm(vectors[:3], axis=1), 1)
        assert not vectors[3].any()
        assert np.count_nonzero(vectors[0]) > dimensions * 0.9
        assert vectors[0] @ vectors[1] > 0.75 > 0.2 > abs(vectors[0] @ vectors[2])
    assert similarity(one, one) == pytest.approx(1)


def test_tokens_are_counted_about_as_a_tokenizer_does() -> None:
    assert count_tokens("Fix the crash in src/billing/invoice_header.py") in range(11, 18)
    assert count_tokens(cut_to_tokens("word " * 500, 100)) == 100


def test_ranking_does_not_depend_on_the_order_of_the_question() -> None:
    repository = plant("acme", "widgets", Plan(60))
    pulls = question(repository, set(repository.planted_groups[0]))
    assert rank(pulls) == rank(pulls[::-1])
    for ranking in rank(pulls)["rankings"]:
        assert 0 <= ranking["codeQuality"] <= 50
        assert 0 <= ranking["completeness"] <= 50
        assert ranking["score"] == pytest.approx(ranking["codeQuality"] + ranking["completeness"])
