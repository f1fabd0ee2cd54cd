"""Prompts fit the model, tell little of much, and of each pull request the same whoever else is in them."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ossgard.pipeline.cover import MAX_CANDIDATES
from ossgard.pipeline.prompts import MAX_GROUP, Prompt, pairs_prompt, rank_prompt, shown_hash, verify_prompt
from ossgard.providers.chat import ANSWER_TOKENS, ChatLimits, chat_limits
from ossgard.providers.tokens import estimate_tokens
from ossgard.spec.entities import PR, PRState


def pull(number: int, *, title: str = "Fix it", body: str | None = "It was broken", files: int = 2) -> PR:
    return PR(
        id=number + 1000,
        repo_id=1,
        number=number,
        title=title,
        body=body,
        author="ann",
        diff_hash="abcdef0123456789" * 4,
        file_paths=[f"src/module_{index}.py" for index in range(files)],
        state=PRState.OPEN,
        github_etag=None,
        embed_hash=None,
        created_at="2026-01-01T00:00:00Z",
        updated_at="2026-01-01T00:00:00Z",
        base_ref="main",
        head_ref=None,
        is_draft=False,
        closes=[],
        committed_at=None,
    )


def document(prompt: Prompt) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(prompt.user)
    return content


def told(prompt: Prompt) -> list[dict[str, Any]]:
    """What is told of each pull request, in order."""
    content = document(prompt)
    pulls: list[dict[str, Any]] = content.get("pullRequests") or [content["pullRequest"], *content["candidates"]]
    return pulls


def size(prompt: Prompt) -> int:
    return estimate_tokens(prompt.system) + estimate_tokens(prompt.user)


SMALL = chat_limits("ollama", "llama3.1")
LARGE = chat_limits("anthropic", "claude-sonnet-4-5")


def test_what_is_short_is_told_in_full() -> None:
    prompt = verify_prompt("acme/rocket", [pull(1), pull(2, body=None)], LARGE)
    shown = {
        "title": "Fix it",
        "author": "ann",
        "base": "main",
        "filePaths": ["src/module_0.py", "src/module_1.py"],
        "codeHash": "abcdef012345",
    }
    assert document(prompt) == {
        "repository": "acme/rocket",
        "pullRequests": [
            {"prId": 1001, "prNumber": 1, **shown, "body": "It was broken"},
            {"prId": 1002, "prNumber": 2, **shown},
        ],
    }
    assert len(prompt.pulls) == 2


def test_a_question_about_pairs_names_the_one_and_its_candidates() -> None:
    draft = pull(3).model_copy(update={"is_draft": True, "closes": [7, 8], "base_ref": "release-1", "diff_hash": None})
    content = document(pairs_prompt("acme/rocket", [pull(1), pull(2), draft], LARGE))
    assert content["repository"] == "acme/rocket"
    assert content["pullRequest"]["prNumber"] == 1
    assert [one["prNumber"] for one in content["candidates"]] == [2, 3]
    assert content["candidates"][1] | {"draft": True, "issues": [7, 8], "base": "release-1"} == content["candidates"][1]
    assert "codeHash" not in content["candidates"][1]
    assert "draft" not in content["pullRequest"]


def test_the_instructions_are_constant_and_name_the_task_and_the_form() -> None:
    pairs, verify, rank = (make("a/b", [pull(1)], LARGE) for make in (pairs_prompt, verify_prompt, rank_prompt))
    assert verify.system == verify_prompt("c/d", [pull(9)], SMALL).system
    assert '"verdicts": [{"prNumber": 12' in pairs.system
    assert "verification" in verify.system
    assert '"groups": [{"prIds": [1, 2]' in verify.system
    assert "ranking" in rank.system
    assert '"rankings": [{"prNumber": 17' in rank.system
    # OpenAI's JSON mode refuses prompts without the word.
    assert all("JSON" in prompt.system for prompt in (pairs, verify, rank))


PULLS = st.builds(
    pull,
    st.integers(1, 10**6),
    title=st.text(max_size=300),
    body=st.one_of(st.none(), st.text(max_size=20).map(lambda text: text * 500)),
    files=st.integers(0, 400),
)
LIMITS = st.sampled_from([SMALL, LARGE, ChatLimits(8192, 4096), ChatLimits(16_385, 4096), ChatLimits(4096, 2048)])


@given(st.lists(PULLS, min_size=1, max_size=50), LIMITS, st.sampled_from([pairs_prompt, verify_prompt, rank_prompt]))
def test_no_prompt_is_larger_than_the_context_leaves_room_for(pulls: list[PR], limits: ChatLimits, make: Any) -> None:
    if make is pairs_prompt:
        pulls = pulls[: 1 + MAX_CANDIDATES]
    prompt = make("acme/rocket", pulls, limits)
    assert size(prompt) <= limits.context_tokens - min(ANSWER_TOKENS, limits.context_tokens // 2)
    assert prompt.pulls == pulls[: len(prompt.pulls)]
    assert make is rank_prompt or len(prompt.pulls) >= min(len(pulls), MAX_GROUP) or limits.context_tokens < 8192
    assert [one["prNumber"] for one in told(prompt)] == [one.number for one in prompt.pulls]


@given(st.lists(PULLS, min_size=2, max_size=6, unique_by=lambda one: one.number), LIMITS)
def test_what_is_told_of_one_does_not_depend_on_the_others(pulls: list[PR], limits: ChatLimits) -> None:
    """Else a change of one would have its neighbours asked about again."""
    together = told(pairs_prompt("acme/rocket", pulls, limits))
    alone = [told(pairs_prompt("acme/rocket", [one], limits))[0] for one in pulls]
    assert together == alone


def test_the_hash_tells_what_is_told_and_nothing_else() -> None:
    one = pull(1)
    same = {"updated_at": "later", "state": PRState.CLOSED, "embed_hash": "e", "github_etag": "e", "id": 5}
    other = {"title": "x", "body": "x", "file_paths": ["x"], "diff_hash": "x", "base_ref": "x", "is_draft": True}
    assert shown_hash(one.model_copy(update=same), LARGE) == shown_hash(one, LARGE)
    hashes = {shown_hash(one.model_copy(update={key: value}), LARGE) for key, value in other.items()}
    assert len(hashes | {shown_hash(one, LARGE)}) == 1 + len(other)


def test_bodies_are_shortened_first() -> None:
    found = told(verify_prompt("acme/rocket", [pull(number, body="word " * 4000) for number in range(1, 9)], LARGE))
    assert all(500 < len(one["body"]) < 2000 and one["body"].endswith("…") for one in found)
    assert all(len(one["filePaths"]) == 2 and one["title"] == "Fix it" for one in found)


def test_files_and_titles_leave_something_for_the_body() -> None:
    [one] = told(
        verify_prompt("acme/rocket", [pull(1, title="long title " * 90, body="word " * 400, files=300)], LARGE)
    )
    assert min(len(one["body"]), len(one["title"])) > 200
    assert one["moreFiles"] == 300 - len(one["filePaths"]) < 295


def test_a_question_about_pairs_of_long_ones_has_a_bounded_size() -> None:
    pulls = [pull(number, title="title " * 40, body="word " * 4000, files=300) for number in range(1, 7)]
    assert len(pairs_prompt("acme/rocket", pulls, LARGE).user) < 10_000


def test_pull_requests_are_left_out_of_a_ranking_only_when_nothing_else_helps() -> None:
    prompt = rank_prompt("acme/rocket", [pull(number) for number in range(1, 400)], SMALL)
    assert 50 < len(prompt.pulls) < 399
