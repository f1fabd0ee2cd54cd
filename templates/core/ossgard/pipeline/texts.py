"""What is computed from a pull request's text: its hashes, the texts that are embedded, the names of its vectors."""

import hashlib
import json
from collections.abc import Sequence

from ossgard.pipeline.text_cleaning import CLEANING_VERSION

_PART = "diff --git "
_HUNK = "@@"
# Lines above the first hunk of a file that differ between equal changes on different bases.
_VOLATILE = ("index ", "--- ", "+++ ")
_RENAMED = ("rename to ", "copy to ")
_EMBED_HASH_DIGITS = 16


def code_point_id(repo_id: int, pr_number: int) -> str:
    """The id of the vector of a pull request's code text."""
    return f"{repo_id}-{pr_number}-code"


def intent_point_id(repo_id: int, pr_number: int) -> str:
    """The id of the vector of a pull request's intent text."""
    return f"{repo_id}-{pr_number}-intent"


def code_text(file_paths: Sequence[str]) -> str:
    """The text that stands for what a pull request touches."""
    return "\n".join(file_paths)


def intent_text(title: str, body: str, file_paths: Sequence[str]) -> str:
    """The text that stands for what a pull request is meant to do; `body` is a cleaned one."""
    return "\n\n".join(part for part in (title, body, code_text(file_paths)) if part)


def embed_hash(diff_hash: str | None, title: str, body: str | None, file_paths: Sequence[str]) -> str:
    """Stands for all that the vectors of a pull request are computed from.

    The description counts as it is: what is cleaned out of it changes with the descriptions of others, too, and their
    changes embed nothing again.
    """
    # As JavaScript writes it: no spaces, and every letter as itself.
    paths = json.dumps(list(file_paths), ensure_ascii=False, separators=(",", ":"))
    content = "|".join((f"cleaning {CLEANING_VERSION}", diff_hash or "", title, body or "", paths))
    return hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:_EMBED_HASH_DIGITS]


def diff_hash(diff: str) -> str | None:
    """A hash that equal changes have in common; None when nothing is changed, since that makes no two alike."""
    normalised = normalise_diff(diff)
    return hashlib.sha256(normalised.encode("utf-8", "replace")).hexdigest() if normalised else None


def normalise_diff(diff: str) -> str:
    """A diff without what depends on the base of the change, on the order of files, or on white space around lines."""
    parts: list[list[str]] = [[]]
    # The end of the last line is no line of whatever file comes last.
    for line in diff.rstrip("\r\n").split("\n"):
        if line.startswith(_PART):
            parts.append([])
        parts[-1].append(line)
    in_order = sorted(parts, key=lambda part: (_path(part), part[:1]))
    return "\n".join(line for part in in_order for line in _lasting(part))


def _lasting(part: Sequence[str]) -> list[str]:
    """The lines of one file's part that are kept."""
    kept = []
    in_hunk = False
    for line in part:
        if line.startswith(_HUNK):
            in_hunk = True
        # Inside a hunk, `--- x` is a removed line `-- x`, not the old file's name.
        elif in_hunk or not line.startswith(_VOLATILE):
            kept.append(line.strip())
    return kept


def _path(part: Sequence[str]) -> str:
    """The path of the file that a part of a diff changes."""
    if not part or not part[0].startswith(_PART):
        return ""
    names = part[0].removeprefix(_PART).rstrip()
    # `a/P b/P`: there is no telling where P ends if it has spaces, but both halves are as long.
    half = len(names) // 2
    if names[half : half + 1] == " " and names[2:half] == names[half + 3 :]:
        return names[2:half]
    for line in part[1:]:
        if line.startswith(_HUNK):
            break
        if line.startswith(_RENAMED):
            return line.partition(" to ")[2].rstrip()
    return names
