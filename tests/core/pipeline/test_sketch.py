"""Sketches of changed lines."""

from ossgard.pipeline.sketch import SIZE, sketch


def diff(*lines: str, path: str = "a.py") -> str:
    head = f"diff --git a/{path} b/{path}\nindex 1..2 100644\n--- a/{path}\n+++ b/{path}\n@@ -1,9 +1,9 @@ def f():\n"
    return head + "".join(f"{line}\n" for line in lines)


def test_only_changed_lines_count_whatever_their_white_space_and_file() -> None:
    one = sketch(diff("+return  value", "-old line", " context"))
    assert len(one) == 2
    assert sketch(diff("+\treturn value", "-old line", " other context", path="b.py")) == one


def test_lines_without_words_do_not_count() -> None:
    assert sketch(diff("+}", "+", "-  );", "+++x")) == []
    assert sketch("") == []


def test_a_revert_is_not_like_what_it_reverts() -> None:
    assert not set(sketch(diff("+new line", "-old line"))) & set(sketch(diff("-new line", "+old line")))


def test_changes_that_are_alike_share_hashes() -> None:
    many = [f"+line number {index}" for index in range(500)]
    whole, part = sketch(diff(*many)), sketch(diff(*many[:400], *(f"+another {index}" for index in range(100))))
    assert len(whole) == SIZE
    assert whole == sorted(set(whole))
    assert SIZE // 3 < len(set(whole) & set(part)) < SIZE
