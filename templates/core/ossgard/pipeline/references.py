"""Which issues the text of a pull request closes or refers to."""

import re

from ossgard.pipeline.text_cleaning import clean_body

# As many as a question could show.
MOST = 20

_REPOSITORY = r"[\w.-]{1,39}/[\w.-]{1,100}"
_DIGITS = r"[1-9]\d{0,9}"
_REFERENCE = re.compile(
    rf"(?<![\w/&])(?P<short>{_REPOSITORY})?(?:#|\bGH-)(?P<number>{_DIGITS})\b"
    rf"|https?://[^\s/]{{1,100}}/(?P<long>{_REPOSITORY})/(?:issues|pull)/(?P<in_url>{_DIGITS})\b",
    re.IGNORECASE,
)


def referenced_issues(repository: str, number: int, title: str, body: str | None) -> list[int]:
    """The numbers that a pull request mentions of its own repository (`owner/name`), in order, but for its own.

    What a template mentions in a comment does not count.
    """
    found: dict[int, None] = {}
    for match in _REFERENCE.finditer(f"{title}\n{clean_body(body)}"):
        where = match["short"] or match["long"]
        if where is None or where.lower() == repository.lower():
            found[int(match["number"] or match["in_url"])] = None
    found.pop(number, None)
    return list(found)[:MOST]
