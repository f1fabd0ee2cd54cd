"""Questions as requests of a batch, and answers read back: the same as when a model is asked alone."""

import asyncio
from typing import Any

import pytest

from ossgard.errors import PermanentError, RetryableError
from ossgard.providers.chat import ChatAnswer
from tests.core.providers.batch_cases import anthropic_chat, openai_chat, openai_embeddings
from tests.core.providers.scripted import ScriptedClient, response

OPENAI_ANSWER: Any = {
    "choices": [{"message": {"content": "{}"}, "finish_reason": "length"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3},
}
ANTHROPIC_ANSWER: Any = {
    "content": [{"type": "text", "text": "{}"}],
    "stop_reason": "max_tokens",
    "usage": {"input_tokens": 4, "cache_read_input_tokens": 3, "output_tokens": 3},
}
READ = ChatAnswer("{}", 7, 3, "the answer was cut off, since it was too long")
CHATS = pytest.mark.parametrize(
    ("chat", "answer"), [(openai_chat, OPENAI_ANSWER), (anthropic_chat, ANTHROPIC_ANSWER)], ids=["openai", "anthropic"]
)


@CHATS
def test_an_answer_is_read_as_if_it_had_come_alone(chat: Any, answer: Any) -> None:
    model = chat(ScriptedClient(response(200, answer)))
    assert model.read(answer) == asyncio.run(model.complete("Answer in JSON.", "What?", 100)) == READ


def test_openai_is_asked_the_same_in_a_batch_and_alone() -> None:
    client = ScriptedClient(response(200, OPENAI_ANSWER))
    model = openai_chat(client)
    asyncio.run(model.complete("Answer in JSON.", "What?", 100))
    assert model.body("Answer in JSON.", "What?", 100) == client.sent[0][2]


def test_anthropic_is_asked_the_same_but_to_keep_the_system_prompt_for_longer() -> None:
    client = ScriptedClient(response(200, ANTHROPIC_ANSWER))
    model = anthropic_chat(client)
    asyncio.run(model.complete("Answer in JSON.", "What?", 100))
    alone, in_batch = client.sent[0][2], model.body("Answer in JSON.", "What?", 100)
    assert alone["system"][0].pop("cache_control") == {"type": "ephemeral"}
    assert in_batch["system"][0].pop("cache_control") == {"type": "ephemeral", "ttl": "1h"}  # type: ignore[index,union-attr,arg-type]
    assert in_batch == alone


@pytest.mark.parametrize(
    ("chat", "model", "temperature"),
    [
        (openai_chat, "gpt-4o-mini", 0),
        (openai_chat, "openai/gpt-4.1", 0),
        (openai_chat, "gpt-5-mini", None),
        (openai_chat, "o4-mini", None),
        (anthropic_chat, "claude-3-5-haiku-20241022", 0),
        (anthropic_chat, "claude-opus-4-20250514", 0),
        (anthropic_chat, "claude-opus-4-6", 0),
        (anthropic_chat, "claude-haiku-4-5-20251001", 0),
        (anthropic_chat, "claude-opus-4-7", None),
        (anthropic_chat, "claude-opus-4-8-20260401", None),
        (anthropic_chat, "claude-sonnet-5-5", None),
        (anthropic_chat, "claude-opus-5", None),
    ],
)
def test_a_batch_asks_for_a_temperature_where_the_model_takes_one(
    chat: Any, model: str, temperature: int | None
) -> None:
    made = chat(ScriptedClient(), model)
    assert made.body("s", "u", 10).get("temperature") == temperature
    assert "temperature" not in made.body("s", "u", 10, left_out=["temperature"])


def test_a_model_that_has_refused_a_temperature_is_given_none_in_a_batch() -> None:
    refusal = response(400, {"error": {"message": "`temperature` is deprecated for this model."}})
    model = anthropic_chat(ScriptedClient(refusal, response(200, ANTHROPIC_ANSWER)), "claude-next")
    assert model.body("s", "u", 10)["temperature"] == 0
    asyncio.run(model.complete("s", "u", 10))
    assert "temperature" not in model.body("s", "u", 10)


@CHATS
def test_a_malformed_answer_is_one(chat: Any, answer: Any) -> None:
    with pytest.raises(RetryableError, match="malformed"):
        chat(ScriptedClient()).read({})


def vectors(*found: list[float]) -> Any:
    data = [{"index": index, "embedding": one} for index, one in enumerate(found)]
    return {"data": data, "usage": {"prompt_tokens": 5}}


def test_texts_are_embedded_the_same_in_a_batch_and_alone() -> None:
    client = ScriptedClient(response(200, vectors([1, 2], [3, 4])))
    model = openai_embeddings(client)
    alone = asyncio.run(model.embed(["a", "b"]))
    assert model.body(["a", "b"]) == client.sent[0][2]
    read = model.read(vectors([1, 2], [3, 4]), 2)
    assert (read.vectors, read.input_tokens) == (alone.vectors, alone.input_tokens)


@pytest.mark.parametrize(
    ("answer", "words"),
    [(vectors([1, 2]), "answered 2 texts with 1 vectors"), (vectors([1], [2]), "vectors of 1 dimensions")],
)
def test_vectors_of_a_batch_are_checked_like_others(answer: Any, words: str) -> None:
    with pytest.raises(PermanentError, match=words):
        openai_embeddings(ScriptedClient()).read(answer, 2)
    with pytest.raises(RetryableError, match="malformed"):
        openai_embeddings(ScriptedClient()).read({}, 2)
