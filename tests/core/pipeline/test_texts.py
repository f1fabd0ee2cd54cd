"""Hashes and texts of pull requests: equal for equal changes, different for different ones."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossgard.pipeline.texts import (
    code_point_id,
    code_text,
    diff_hash,
    embed_hash,
    intent_point_id,
    intent_text,
    normalise_diff,
)
from tests.outside.diffs import ChangedFile, changed, render_diff

NAMES = st.text("abcxyz_/. é日\"'", min_size=1, max_size=12).map(lambda name: f"src/{name}x")
FILES = st.lists(
    st.builds(
        ChangedFile,
        path=NAMES,
        content=st.text(max_size=5),
        additions=st.integers(0, 4),
        deletions=st.integers(0, 3),
        status=st.sampled_from(["modified", "added", "removed", "renamed"]),
        previous=st.just("src/before.py"),
        binary=st.booleans(),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda file: file.path,
)


@given(FILES, st.integers(1, 1000))
def test_order_positions_index_lines_and_line_ends_do_not_matter(files: list[ChangedFile], cosmetic: int) -> None:
    assert diff_hash(render_diff(files)) == diff_hash(render_diff(files, cosmetic))


@given(FILES)
def test_normalising_twice_is_normalising_once(files: list[ChangedFile]) -> None:
    once = normalise_diff(render_diff(files))
    assert normalise_diff(once) == once


def test_windows_line_ends_do_not_matter() -> None:
    diff = render_diff([ChangedFile("a.py", "x"), ChangedFile("b.py", "y")])
    assert diff_hash(diff) == diff_hash(diff.replace("\n", "\r\n"))


@pytest.mark.parametrize(
    "other",
    [
        [ChangedFile("a.py", "x")],
        [ChangedFile("a.py", "x"), changed(ChangedFile("b.py", "y"), "z")],
        [ChangedFile("a.py", "x"), ChangedFile("c.py", "y")],
    ],
)
def test_another_change_has_another_hash(other: list[ChangedFile]) -> None:
    files = [ChangedFile("a.py", "x"), ChangedFile("b.py", "y")]
    assert diff_hash(render_diff(files)) != diff_hash(render_diff(other))


def test_the_form_that_is_hashed() -> None:
    diff = (
        "diff --git a/z.sql b/z.sql\nindex 1..2 100644\n--- a/z.sql\n+++ b/z.sql\n@@ -1,2 +1,2 @@ SELECT\n"
        "--- an old comment\n+-- a new one  \n context\n"
        "diff --git a/a.py b/a.py\nnew file mode 100644\nindex 0..1\n--- /dev/null\n+++ b/a.py\n@@ -0,0 +1 @@\n+pass\n"
    )
    expected = (
        "diff --git a/a.py b/a.py\nnew file mode 100644\n+pass\n"
        "diff --git a/z.sql b/z.sql\n--- an old comment\n+-- a new one\ncontext"
    )
    assert normalise_diff(diff) == expected
    assert diff_hash(diff) == hashlib.sha256(expected.encode()).hexdigest()


def test_an_empty_diff_has_no_hash() -> None:
    assert diff_hash("") is None
    assert diff_hash("\n") is None


def test_files_are_sorted_by_path_even_when_it_holds_spaces_or_was_renamed() -> None:
    parts = [
        "diff --git a/docs/a b/c b/docs/a b/c\n@@ -1 +1 @@\n+one",
        "diff --git a/old name.txt b/a name.txt\nrename from old name.txt\nrename to a name.txt\n@@ -1 +1 @@\n+two",
        'diff --git "a/\\303\\251" "b/\\303\\251"\n@@ -1 +1 @@\n+three',
    ]
    assert normalise_diff("\n".join(parts)) == normalise_diff("\n".join(reversed(parts)))


def test_the_embed_hash_counts_the_version_of_the_cleaning() -> None:
    # Computed with JSON.stringify and node:crypto.
    content = 'cleaning 1|abc|Fix "it"|Body\nof two lines|["src/a b.py","docs/é.md","q\\"q\\\\q\\u0001.txt"]'
    paths = ["src/a b.py", "docs/é.md", 'q"q\\q\u0001.txt']
    expected = hashlib.sha256(content.encode()).hexdigest()[:16]
    assert embed_hash("abc", 'Fix "it"', "Body\nof two lines", paths) == expected
    assert embed_hash(None, "t", None, []) == hashlib.sha256(b"cleaning 1||t||[]").hexdigest()[:16]


def test_texts_and_ids() -> None:
    assert code_text(["a", "b"]) == "a\nb"
    assert code_text([]) == ""
    assert intent_text("title", "", ["a", "b"]) == "title\n\na\nb"
    assert intent_text("title", "body", []) == "title\n\nbody"
    assert (code_point_id(7, 42), intent_point_id(7, 42)) == ("7-42-code", "7-42-intent")
