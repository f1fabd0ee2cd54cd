"""Which issues a text refers to."""

import pytest

from ossgard.pipeline.references import MOST, referenced_issues


@pytest.mark.parametrize(
    ("title", "body", "numbers"),
    [
        ("Fix it", None, []),
        ("Fix #12 (GH-3)", "Closes #4, #12.", [12, 3, 4]),
        ("Fix", "closes acme/Widgets#5, other/widgets#6; see http://git.test/acme/widgets/issues/8", [5, 8]),
        ("Fix", "https://github.com/acme/widgets/pull/9 and https://github.com/other/widgets/pull/10", [9]),
        ("Fix", "itself #7, a colour &#39; in C#5, x#6, /#7, #0, #012, #99999999999", []),
        ("Fix", "<!-- Fixes #1000 -->", []),
    ],
)
def test_numbers_of_the_same_repository_are_found(title: str, body: str | None, numbers: list[int]) -> None:
    assert referenced_issues("acme/widgets", 7, title, body) == numbers


def test_there_is_an_end_to_it() -> None:
    body = " ".join(f"#{number}" for number in range(100, 200))
    assert referenced_issues("acme/widgets", 7, "", body) == list(range(100, 100 + MOST))
    assert referenced_issues("acme/widgets", 7, "", "a." * 30_000 + "/" + "a-" * 30_000) == []
