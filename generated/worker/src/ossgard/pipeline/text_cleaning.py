"""Takes out of a description what its author has not written: templates, badges, sign-offs, what bots add."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

# A line, and whether it is code.
_Line = tuple[str, bool]

# Counts the changes of the rules below; pull requests are embedded again when it changes.
CLEANING_VERSION = 1

# A line belongs to a template when so many of the descriptions have it: this many, and this share.
SHARED_BY = 8
SHARED_SHARE = 0.03

_COMMENT_START, _COMMENT_END = "<!--", "-->"
_FENCE = ("```", "~~~")
_BOX = re.compile(r"[-*+] \[([ xX]?)\]\s*")
_IMAGE = re.compile(r"!\[[^\[\]\n]*\]\([^()\n]*\)|<img\b[^<>\n]*>")
# What an image that was linked leaves behind.
_EMPTY_LINK = re.compile(r"\[\s*\]\([^()\n]*\)|<a\b[^<>\n]*>\s*</a>")
# Of `[//]: # (text)`, which shows nothing either.
_HIDDEN = re.compile(r"\[//\]:\s*#")
_HEADING = re.compile(r"(#{1,6})(?:\s|$)")
# Lower than any heading.
_TEXT = 7
_TRAILER = re.compile(r"(?:[a-z]+(?:-[a-z]+)*-by|change-id|cc|git-svn-id):\s", re.IGNORECASE)
_TOOLS = "aider|claude|codex|copilot|cursor|dependabot|devin|gemini|jules|openhands|renovate|snyk|sweep"
_FOOTER = re.compile(
    r"[\W_]*(?:this (?:pr|pull request) (?:was|has been) )?(?:automatically )?(?:generated|created|opened)"
    rf" (?:automatically )?(?:by|with|via|using) (?:\W*(?:{_TOOLS})(?![a-z])|\[)",
    re.IGNORECASE,
)
# From a line that begins like this on, a bot explains itself.
_REST = (
    "Dependabot will resolve any conflicts",
    "You can trigger a rebase of this PR",
    "<summary>Dependabot commands and options",
    "### Configuration\n\n📅",
    "Note: *You are seeing this because you or someone else",
)


def clean_body(body: str | None, shared_lines: Collection[str] = ()) -> str:
    """A description without what says nothing about the change; empty when nothing is left.

    Code between fences stays as it is.

    Args:
        body: as GitHub shows it.
        shared_lines: what `find_shared_lines` has found in the repository.
    """
    text = _without_rest(_without_comments((body or "").replace("\r\n", "\n")))
    kept: list[_Line] = []
    for text_line, is_code in _lines(text):
        if _normalised(text_line) in shared_lines:
            continue
        cleaned = text_line.rstrip() if is_code else _cleaned(text_line)
        # One empty line between paragraphs is enough.
        if cleaned is not None and (cleaned or is_code or (kept and kept[-1][0])):
            kept.append((cleaned, is_code))
    return "\n".join(_without_empty_headings(kept)).strip()


def find_shared_lines(bodies: Sequence[str], known: Collection[str] = ()) -> list[str]:
    """The lines, normalised, that so many descriptions of a repository have that they come from its template.

    Those that were `known` before stay as long as half as many have them, so that they seldom come and go.
    """
    found = Counter(line for body in bodies for line in {_normalised(line) for line in body.splitlines()})
    least = max(SHARED_BY, SHARED_SHARE * len(bodies))
    return sorted(
        line
        for line, count in found.items()
        if count >= (least / 2 if line in known else least) and _says_something(line)
    )


def _normalised(line: str) -> str:
    """A line without what differs between copies of it: white space, case, and whether its box is ticked."""
    return " ".join(_BOX.sub("", line.strip(), count=1).lower().split())


def _says_something(line: str) -> bool:
    """Whether a line has words; fences and rules have none, and hold other things together."""
    return not line.startswith(_FENCE) and any(character.isalnum() for character in line)


def _without_comments(text: str) -> str:
    """The text without HTML comments; one that does not end stays."""
    parts, at = [], 0
    while (start := text.find(_COMMENT_START, at)) >= 0:
        end = text.find(_COMMENT_END, start)
        if end < 0:
            break
        parts.append(text[at:start])
        at = end + len(_COMMENT_END)
    return "".join([*parts, text[at:]])


def _without_rest(text: str) -> str:
    """The text up to where a bot begins to explain itself."""
    starts = [start for sign in _REST if (start := text.find(sign)) >= 0]
    return text[: min(starts)] if starts else text


def _lines(text: str) -> Iterator[_Line]:
    """The lines, and whether each is code: between fences, or one of them."""
    fence = None
    for line in text.splitlines():
        start = line.strip()[:3]
        if fence is None and start in _FENCE:
            fence = start
            yield line, True
        else:
            yield line, fence is not None
            if start == fence:
                fence = None


def _cleaned(line: str) -> str | None:
    """A line of text without images; None when nothing of it is to be kept."""
    text = line.strip()
    box = _BOX.match(text)
    if (box and not box[1].strip()) or _HIDDEN.match(text) or _TRAILER.match(text) or _FOOTER.match(text):
        return None
    shown = _EMPTY_LINK.sub("", _IMAGE.sub("", line)).rstrip()
    return shown if shown or not text else None


def _without_empty_headings(lines: Sequence[_Line]) -> list[str]:
    """The lines without headings under which nothing stands: no text, and no heading of a lower level."""
    kept: list[str] = []
    below = 0
    for line, is_code in reversed(lines):
        heading = None if is_code else _HEADING.match(line)
        level = len(heading[1]) if heading else _TEXT
        if heading and below <= level:
            continue
        if line:
            below = level
        kept.append(line)
    return kept[::-1]
