"""The file of a batch's requests: its form at each provider, what it takes, and that it exists only once."""

import json
import tracemalloc
from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossgard.providers.batch.anthropic import AnthropicBatches
from ossgard.providers.batch.openai import OpenAIBatches
from ossgard.providers.batch.request_file import BatchLimits, FileForm, RequestFile
from tests.core.providers.batch_cases import CLAIM, anthropic_chat, openai_chat, openai_embeddings
from tests.core.providers.scripted import ScriptedClient

PLAIN = FileForm("text/plain", b"<", b",", b">", lambda id, body: {"id": id, **body})


def plain(requests: int = 100, size: int = 10_000, tokens: int | None = None) -> RequestFile:
    return RequestFile("c", BatchLimits(requests, size, tokens), PLAIN)


def parts(file: RequestFile) -> list[Message]:
    """The parts of a multipart form, read by somebody else's code."""
    form = message_from_bytes(f"Content-Type: {file.content_type}\r\n\r\n".encode() + file.content)
    assert form.is_multipart()
    assert not form.defects
    return form.get_payload()  # type: ignore[return-value]


def test_openai_is_sent_a_form_with_json_lines() -> None:
    file = openai_chat(ScriptedClient()).batches.new_file(CLAIM)
    assert file.add("17", {"model": "m", "messages": ["ä\r\n--ossgard"]}, 5)
    assert file.add("18", {"model": "m"}, 6)
    purpose, content = parts(file)
    assert purpose["Content-Disposition"] == 'form-data; name="purpose"'
    assert purpose.get_payload() == "batch"
    assert content["Content-Disposition"] == f'form-data; name="file"; filename="ossgard-{CLAIM}.jsonl"'
    assert [json.loads(line) for line in str(content.get_payload()).splitlines()] == [
        {
            "custom_id": f"{CLAIM}-17",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "m", "messages": ["ä\r\n--ossgard"]},
        },
        {"custom_id": f"{CLAIM}-18", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m"}},
    ]
    assert (file.requests, file.tokens) == (2, 11)


def test_embeddings_name_their_own_path() -> None:
    file = openai_embeddings(ScriptedClient()).batches.new_file(CLAIM)
    file.add("412-88-0123456789abcdef", {"input": ["a"]}, 1)
    _, content = parts(file)
    assert json.loads(str(content.get_payload()))["url"] == "/v1/embeddings"


def test_anthropic_is_sent_one_document() -> None:
    file = anthropic_chat(ScriptedClient()).batches.new_file(CLAIM)
    file.add("1", {"model": "m"}, 1)
    file.add("2", {"model": "n"}, 1)
    assert json.loads(file.content) == {
        "requests": [
            {"custom_id": f"{CLAIM}-1", "params": {"model": "m"}},
            {"custom_id": f"{CLAIM}-2", "params": {"model": "n"}},
        ]
    }
    assert file.content_type == "application/json"


@given(st.lists(st.dictionaries(st.text(), st.text()), min_size=1, max_size=5))
def test_no_text_breaks_the_form(bodies: list[dict[str, Any]]) -> None:
    file = openai_chat(ScriptedClient()).batches.new_file(CLAIM)
    for place, body in enumerate(bodies):
        assert file.add(str(place), body, 1)
    _, content = parts(file)
    payload = content.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert [json.loads(line)["body"] for line in payload.splitlines()] == bodies


def test_what_is_beyond_a_limit_is_left_out_and_a_smaller_one_may_still_fit() -> None:
    file = plain(tokens=100)
    assert file.add("1", {}, 60)
    assert not file.add("2", {}, 41)
    assert file.add("3", {}, 40)
    assert (file.requests, file.tokens) == (2, 100)
    assert file.content == b'<{"id":"c-1"},{"id":"c-3"}>'


def test_the_number_of_requests_is_limited() -> None:
    file = plain(requests=2)
    assert [file.add(str(place), {}, 0) for place in range(3)] == [True, True, False]


def test_a_request_counts_by_its_inputs() -> None:
    file = plain(requests=5)
    assert [file.add(str(place), {"input": ["a", "b"]}, 0) for place in range(3)] == [True, True, False]
    assert file.add("single", {"input": ["a"]}, 0)


def test_the_bytes_of_the_whole_file_are_limited() -> None:
    whole = len(b'<{"id":"c-1"},{"id":"c-2"}>')
    roomy, tight = plain(size=whole), plain(size=whole - 1)
    assert [roomy.add(item, {}, 0) for item in ("1", "2")] == [True, True]
    assert [tight.add(item, {}, 0) for item in ("1", "2")] == [True, False]
    assert len(roomy.content) == whole


def test_the_first_request_is_taken_whatever_its_size() -> None:
    file = plain(requests=1, size=1, tokens=1)
    assert file.add("1", {"input": ["a", "b"], "text": "x" * 100}, 50)
    assert not file.add("2", {}, 0)


def test_the_limits_of_the_providers() -> None:
    client = ScriptedClient()
    assert openai_chat(client).batches.limits == BatchLimits(50_000, 16 * 1024 * 1024, 2_000_000)
    assert openai_embeddings(client).batches.limits == BatchLimits(50_000, 16 * 1024 * 1024, 3_000_000)
    assert anthropic_chat(client).batches.limits == BatchLimits(100_000, 16 * 1024 * 1024, None)


@pytest.mark.parametrize(
    ("model", "asked", "fits"),
    [
        (openai_chat, None, 2_000_000),
        (openai_chat, 1000, 1000),
        (openai_chat, 9_000_000, 2_000_000),
        (anthropic_chat, 1000, 1000),
    ],
)
def test_fewer_tokens_can_be_asked_for_but_not_more(model: Any, asked: int | None, fits: int) -> None:
    batches: OpenAIBatches | AnthropicBatches = model(ScriptedClient()).batches
    file = batches.new_file(CLAIM, asked)
    assert file.add("1", {}, fits)
    assert not file.add("2", {}, 1)


@pytest.mark.parametrize("item", ["", "17", "412-88-0123456789abcdef", "x" * 47])
def test_ids_up_to_64_characters_are_taken(item: str) -> None:
    assert RequestFile(CLAIM, BatchLimits(1, 1, None), PLAIN).add(item, {}, 0)


@pytest.mark.parametrize("item", ["x" * 48, "a b", "ä", "1\n", "1/2"])
def test_other_ids_are_an_error_of_the_caller(item: str) -> None:
    with pytest.raises(ValueError, match="cannot be the id of a request"):
        RequestFile(CLAIM, BatchLimits(1, 1, None), PLAIN).add(item, {}, 0)


def test_a_file_whose_content_was_asked_for_is_closed() -> None:
    file = plain()
    file.add("1", {}, 0)
    assert file.content == file.content
    with pytest.raises(ValueError, match="takes nothing more"):
        file.add("2", {}, 0)


def test_the_content_is_no_copy() -> None:
    tracemalloc.start()
    try:
        file = openai_chat(ScriptedClient()).batches.new_file(CLAIM)
        while file.add(str(file.requests), {"text": "x" * 100_000}, 1):
            pass
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        content = file.content
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 15_000_000 < len(content) <= 16 * 1024 * 1024
    assert peak - before < 1_000_000
