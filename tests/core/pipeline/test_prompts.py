"""Prompts fit the model, and lose detail before they lose pull requests."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ossgard.pipeline.prompts import Prompt, rank_prompt, verify_prompt
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
    _, _, text = prompt.user.partition("\n\n")
    content: dict[str, Any] = json.loads(text)
    return content


def size(prompt: Prompt) -> int:
    return estimate_tokens(prompt.system) + estimate_tokens(prompt.user)


SMALL = chat_limits("ollama", "llama3.1")
LARGE = chat_limits("anthropic", "claude-sonnet-4-5")


def test_a_small_group_is_told_in_full() -> None:
    prompt = verify_prompt("acme/rocket", [pull(1), pull(2, body=None)], LARGE)
    assert document(prompt) == {
        "repository": "acme/rocket",
        "pullRequests": [
            {
                "prId": 1000 + number,
                "prNumber": number,
                "title": "Fix it",
                "body": body,
                "author": "ann",
                "filePaths": ["src/module_0.py", "src/module_1.py"],
                "codeHash": "abcdef012345",
            }
            for number, body in ((1, "It was broken"), (2, ""))
        ],
    }
    assert len(prompt.pulls) == 2


def test_the_instructions_are_constant_and_name_the_task_and_the_form() -> None:
    verify, rank = verify_prompt("a/b", [pull(1)], LARGE), rank_prompt("c/d", [pull(2)], SMALL)
    assert verify.system == verify_prompt("c/d", [pull(9)], SMALL).system
    assert "verification" in verify.system
    assert '"groups": [{"prIds": [1, 2]' in verify.system
    assert "ranking" in rank.system
    assert '"rankings": [{"prNumber": 17' in rank.system
    # OpenAI's JSON mode refuses prompts without the word.
    assert "JSON" in verify.system
    assert "JSON" in rank.system


@given(
    st.lists(
        st.builds(
            pull,
            st.integers(1, 10**6),
            title=st.text(max_size=300),
            body=st.one_of(st.none(), st.text(max_size=20).map(lambda text: text * 500)),
            files=st.integers(0, 400),
        ),
        min_size=1,
        max_size=50,
    ),
    st.sampled_from([SMALL, LARGE, ChatLimits(8192, 4096), ChatLimits(16_385, 4096), ChatLimits(5000)]),
    st.sampled_from([verify_prompt, rank_prompt]),
)
def test_no_prompt_is_larger_than_the_context_leaves_room_for(pulls: list[PR], limits: ChatLimits, make: Any) -> None:
    prompt = make("acme/rocket", pulls, limits)
    assert size(prompt) <= limits.context_tokens - min(ANSWER_TOKENS, limits.context_tokens // 2)
    assert prompt.pulls == pulls[: len(prompt.pulls)]
    assert [told["prId"] for told in document(prompt)["pullRequests"]] == [one.id for one in prompt.pulls]


def test_bodies_are_shortened_first() -> None:
    pulls = [pull(number, body="word " * 4000, files=20) for number in range(1, 51)]
    told = document(verify_prompt("acme/rocket", pulls, LARGE))["pullRequests"]
    assert all(0 < len(one["body"]) < 20_000 and one["body"].endswith("…") for one in told)
    assert all(len(one["filePaths"]) == 20 and one["title"] == "Fix it" for one in told)


def test_then_files_then_titles() -> None:
    pulls = [pull(number, title="long title " * 5, body="word " * 400, files=300) for number in range(1, 51)]
    prompt = verify_prompt("acme/rocket", pulls, SMALL)
    told = document(prompt)["pullRequests"]
    assert prompt.pulls == pulls
    assert {one["body"] for one in told} == {""}
    assert all(one["moreFiles"] == 300 - len(one["filePaths"]) for one in told)
    assert len(told) == 50


def test_what_fits_is_used() -> None:
    pulls = [pull(number, body="word " * 40_000) for number in range(1, 30)]
    prompt = verify_prompt("acme/rocket", pulls, LARGE)
    assert size(prompt) > 0.9 * (LARGE.context_tokens - ANSWER_TOKENS)


def test_pull_requests_are_left_out_only_when_nothing_else_helps() -> None:
    prompt = rank_prompt("acme/rocket", [pull(number) for number in range(1, 400)], SMALL)
    assert len(prompt.pulls) > 50
    assert len(prompt.pulls) < 399
