"""The estimate of tokens, and cutting by it."""

from hypothesis import given
from hypothesis import strategies as st

from ossgard.providers.tokens import byte_size, cut, estimate_tokens
from tests.outside.tokens import count_tokens


@given(st.text(max_size=400), st.integers(0, 200))
def test_a_cut_text_is_the_longest_beginning_that_fits(text: str, limit: int) -> None:
    for measure in (estimate_tokens, byte_size):
        shorter = cut(text, limit, measure)
        assert text.startswith(shorter)
        assert measure(shorter) <= limit
        assert shorter == text or measure(text[: len(shorter) + 1]) > limit


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_longer_text_has_no_fewer_tokens(one: str, other: str) -> None:
    assert estimate_tokens(one + other) >= estimate_tokens(one)


def test_real_texts_are_rather_overestimated() -> None:
    for text in (
        "The parser forgets the last byte of a chunk when the buffer is full, so that readers hang.\n" * 20,
        "\n".join(f"packages/core/src/module_{index}/handlers.test.ts" for index in range(100)),
        "修复缓冲区已满时解析器忘记最后一个字节的问题" * 20,
        "Парсер забывает последний байт" * 20,
    ):
        assert count_tokens(text) <= estimate_tokens(text) <= 3 * count_tokens(text)


def test_half_characters_do_no_harm() -> None:
    assert estimate_tokens("\ud83d") >= 1
    assert byte_size("a\ud83d") == 2
