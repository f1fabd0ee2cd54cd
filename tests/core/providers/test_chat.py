"""Chat models of every provider answer the pipeline's own prompts, over real HTTP."""

import asyncio
from typing import Any

import pytest

from ossgard.errors import ConnectionFailure, PermanentError, RetryableError
from ossgard.pipeline.answers import RankAnswer, VerifyAnswer, confirmed_groups, ranked
from ossgard.pipeline.prompts import rank_prompt, verify_prompt
from ossgard.providers.chat import UnusableAnswer
from ossgard.providers.structured import StructuredAnswer, ask_structured
from ossgard.spec.entities import PR, PRState
from tests.core.providers.conftest import providers
from tests.outside.endpoints import CHAT
from tests.outside.llm import Behaviour
from tests.outside.planting import Plan
from tests.outside.world import World, world

ALL = pytest.mark.parametrize("llm", ["openai", "anthropic", "ollama"])


def pulls(outside: World) -> list[PR]:
    """A planted group, and two pull requests that have nothing to do with it."""
    group = max(outside.repository.planted_groups, key=len)
    others = sorted(outside.repository.open_numbers - {number for one in outside.repository.groups for number in one})
    return [
        PR(
            id=number + 5000,
            repo_id=1,
            number=number,
            title=there.title,
            body=there.body,
            author=there.author or "ghost",
            diff_hash=None,
            file_paths=[file.path for file in there.files[:300]],
            state=PRState.OPEN,
            github_etag=None,
            embed_hash=None,
            created_at="",
            updated_at="",
            base_ref="main",
            head_ref=None,
            is_draft=False,
            closes=[],
            committed_at=None,
        )
        for number in [*group, *others[-2:]]
        for there in [outside.repository.pulls[number]]
    ]


def verify(outside: World, changes: Any = None, **config: Any) -> StructuredAnswer[VerifyAnswer]:
    model = providers(outside, changes=changes, **config).chat_model()
    prompt = verify_prompt("acme/widgets", pulls(outside), model.limits)
    return asyncio.run(ask_structured(model, prompt.system, prompt.user, VerifyAnswer))


@ALL
def test_the_planted_group_is_confirmed(outside: World, llm: str) -> None:
    answered = verify(outside, llm=llm)
    asked = pulls(outside)
    [group] = confirmed_groups(answered.value, [pull.id for pull in asked])
    assert set(group.pr_ids) == {pull.id for pull in asked[:-2]}
    assert group.label
    assert answered.input_tokens > 500
    assert answered.output_tokens > 20
    assert outside.count(outside.requests(CHAT)[0].endpoint).calls == 1


@ALL
def test_all_members_are_ranked(outside: World, llm: str) -> None:
    model = providers(outside, llm=llm).chat_model()
    prompt = rank_prompt("acme/widgets", pulls(outside), model.limits)
    answered = asyncio.run(ask_structured(model, prompt.system, prompt.user, RankAnswer))
    members = ranked(answered.value, pulls(outside))
    assert len(members) == len(pulls(outside))
    assert [member.score for member in members] == sorted((member.score for member in members), reverse=True)
    assert all(member.score > 0 and member.rationale for member in members)


@ALL
@pytest.mark.parametrize(
    "behaviour", [Behaviour(code_fence=1), Behaviour(invented_ids=1), Behaviour(code_fence=1, invented_ids=1)]
)
def test_fences_and_invented_ids_change_nothing(outside: World, llm: str, behaviour: Behaviour) -> None:
    outside.llm.behaviour = behaviour
    asked = pulls(outside)
    [group] = confirmed_groups(verify(outside, llm=llm).value, [pull.id for pull in asked])
    assert set(group.pr_ids) == {pull.id for pull in asked[:-2]}
    assert len(outside.requests(CHAT)) == 1


@ALL
@pytest.mark.parametrize("behaviour", [Behaviour(broken_first=1), Behaviour(wrong_shape_first=1)])
def test_a_wrong_answer_is_repaired_and_both_are_counted(llm: str, behaviour: Behaviour) -> None:
    # The model remembers what it was asked, so this world is new.
    with world(Plan(prs=40)) as outside:
        outside.llm.behaviour = behaviour
        twice = verify(outside, llm=llm)
        assert len(outside.requests(CHAT)) == 2
        once = verify(outside, llm=llm)
        assert len(outside.requests(CHAT)) == 3
    assert twice.value == once.value
    assert twice.input_tokens > 2 * once.input_tokens
    assert twice.output_tokens > once.output_tokens


@ALL
def test_an_answer_that_stays_unusable_is_one(outside: World, llm: str) -> None:
    outside.llm.behaviour = Behaviour(unusable_for={pulls(outside)[0].number})
    with pytest.raises(UnusableAnswer, match="even when asked again") as caught:
        verify(outside, llm=llm)
    assert len(outside.requests(CHAT)) == 2
    assert caught.value.input_tokens > 1000


@ALL
def test_an_answer_that_is_cut_off_is_not_believed(outside: World, llm: str) -> None:
    model = providers(outside, llm=llm).chat_model()
    prompt = verify_prompt("acme/widgets", pulls(outside), model.limits)
    answer = asyncio.run(model.complete(prompt.system, prompt.user, 10))
    assert answer.problem == "the answer was cut off, since it was too long"
    assert 0 < answer.output_tokens <= 10


def test_what_anthropic_is_sent(outside: World) -> None:
    outside.anthropic.cache_minimum_tokens = 100
    first, second = verify(outside, llm="anthropic"), verify(outside, llm="anthropic")
    request = outside.requests("anthropic.messages")[0]
    body = request.json()
    assert (body["temperature"], body["max_tokens"]) == (0, 8192)
    assert body["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert request.headers["anthropic-version"] == "2023-06-01"
    # Tokens that the cache took in or gave out are counted as well.
    assert first.input_tokens == second.input_tokens > 500


def test_what_openai_is_sent(outside: World) -> None:
    verify(outside, llm="openai")
    body = outside.requests("openai.chat")[0].json()
    assert (body["temperature"], body["max_tokens"]) == (0, 8192)
    assert body["response_format"] == {"type": "json_object"}


def test_what_ollama_is_sent(outside: World) -> None:
    verify(outside, llm="ollama")
    body = outside.requests("ollama.chat")[0].json()
    assert (body["format"], body["stream"]) == ("json", False)
    assert body["options"] == {"temperature": 0, "num_ctx": 16_384, "num_predict": 8192}


@pytest.mark.parametrize(("llm", "path"), [("openai", "openai.chat"), ("anthropic", "anthropic.messages")])
def test_an_account_with_a_gateway_asks_through_it(outside: World, llm: str, path: str) -> None:
    verify(outside, llm=llm, gateway=True)
    assert [request.endpoint for request in outside.requests(CHAT)] == [f"gateway.{path}"]
    assert "cf-aig-cache-ttl" not in outside.requests(CHAT)[0].headers


@pytest.mark.parametrize("llm", ["openai", "anthropic"])
def test_the_gateways_cache_serves_a_repeated_question(outside: World, llm: str) -> None:
    before = outside.gateway.hits
    for _ in range(2):
        verify(outside, {"ai_gateway": {"cache_ttl": 3600}}, llm=llm, gateway=True)
    assert outside.gateway.hits == before + 1


@ALL
def test_a_provider_that_fails_can_be_asked_again(outside: World, llm: str) -> None:
    outside.fail(CHAT, 529, times=1, retry_after=3)
    with pytest.raises(RetryableError, match="failed") as caught:
        verify(outside, llm=llm)
    assert caught.value.retry_after == 3
    outside.fail(CHAT, 429, times=1, retry_after=9)
    with pytest.raises(RetryableError, match="rate limit") as limited:
        verify(outside, llm=llm)
    assert (limited.value.rate_limited, limited.value.retry_after) == (True, 9)
    outside.garble(CHAT, times=1)
    with pytest.raises(RetryableError, match="malformed"):
        verify(outside, llm=llm)
    outside.cut(CHAT, times=1)
    with pytest.raises(ConnectionFailure):
        verify(outside, llm=llm)
    assert verify(outside, llm=llm).value.groups


@pytest.mark.parametrize("llm", ["openai", "anthropic"])
def test_a_wrong_key_is_named(outside: World, llm: str) -> None:
    with pytest.raises(
        PermanentError, match=r"refuses the API key \(llm\.api_key\).*account's configuration"
    ) as caught:
        verify(outside, {"llm": {"api_key": "sk-not-the-right-one"}}, llm=llm)
    assert "sk-not-the-right-one" not in str(caught.value)


@ALL
def test_an_unknown_model_is_named(outside: World, llm: str) -> None:
    with pytest.raises(PermanentError, match=r"model 'no-such-model' was not found.*llm\.model"):
        verify(outside, {"llm": {"model": "no-such-model"}}, llm=llm)


@pytest.mark.parametrize("llm", ["openai", "anthropic"])
def test_a_question_that_is_too_long_is_unusable_and_no_more(outside: World, llm: str) -> None:
    model = providers(outside, llm=llm).chat_model()
    with pytest.raises(UnusableAnswer, match=r"too long|maximum context length"):
        asyncio.run(model.complete("Answer in JSON.", "word " * 210_000, 100))


@ALL
def test_fifty_of_the_longest_pull_requests_fit_a_prompt(outside: World, llm: str) -> None:
    long = [replace_texts(pull, number) for pull in pulls(outside)[:1] for number in range(1, 51)]
    model = providers(outside, llm=llm).chat_model()
    prompt = rank_prompt("acme/widgets", long, model.limits)
    answered = asyncio.run(ask_structured(model, prompt.system, prompt.user, RankAnswer))
    assert len(answered.value.rankings) == len(prompt.pulls) == 50
    # Ollama would not refuse, but forget the beginning.
    assert answered.input_tokens <= model.limits.context_tokens - 8192


def replace_texts(pull: PR, number: int) -> PR:
    body = "\n".join(f"| step {line} | passed after {line} ms |" for line in range(2000))
    paths = [f"packages/core/src/module_{index}/handlers.test.ts" for index in range(300)]
    changes = {"id": number, "number": number, "title": "Fix it. " * 30, "body": body, "file_paths": paths}
    return pull.model_copy(update=changes)
