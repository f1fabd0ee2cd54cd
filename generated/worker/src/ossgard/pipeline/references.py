"""Which issues the text of a pull request closes or refers to."""

import re

from ossgard.pipeline.text_cleaning import clean_body

# As many as a question could show.
MOST = 20

_DIGITS = r"(?P<number>[1-9]\d{0,9})\b"
_REFERENCE = re.compile(
    rf"(?<![\w/&])(?P<short>[\w.-]{{1,39}}/[\w.-]{{1,100}})?(?:#|\bGH-){_DIGITS}"
    rf"|https?://[^\s/]{{1,100}}/(?P<long>[\w.-]{{1,39}}/[\w.-]{{1,100}})/(?:issues|pull)/{_DIGITS.replace('number', 'in_url')}",
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
