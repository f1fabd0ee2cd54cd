"""The made-up repository, with what looks like duplicates and is none: templates, backports, stacks, bumps and more."""

import itertools

from tests.outside.diffs import ChangedFile
from tests.outside.planting import Plan
from tests.outside.repository import Repository
from tests.quality.labels import Labels, Pair

PLAN = Plan(prs=150, odd=False, similarity=0.85, lookalike_share=0.1)

_TEMPLATE = """\
<!-- Thank you for your contribution! Please read CONTRIBUTING.md first. -->
## What does this change?
{}
## Checklist
- [ ] I have read the contributing guide and agree to the code of conduct of this project
- [x] I have searched for open and closed pull requests that do the same as this one
- [ ] Documentation and changelog are up to date, where the change needs it
## Type of change
Please tell us what kind of change this is, so that we can put it into the right section of the release notes.
"""
_STRANGERS = (
    "Quicken the crossword solver",
    "Render maps without tiles",
    "Teach parrots the alphabet",
    "Bill customers in Icelandic krona",
    "Drain the swamp of old sessions",
    "Let robots water plants",
    "Print labels sideways",
    "Hide the moon at noon",
    "Count sheep in parallel",
    "Salt soup by weight",
    "Sharpen pencils on demand",
    "Whistle when kettles boil",
)
_PACKAGES = ("lodash", "express", "left-pad", "react", "webpack", "chalk")
_LANGUAGES = ("French", "German", "Spanish", "Japanese", "Polish", "Turkish")


def add_traps(repository: Repository) -> Labels:
    """Open what looks alike in a planted repository; the truth about all of it."""
    traps: set[Pair] = set()

    def open_alike(*pulls: tuple[str, str | None, list[ChangedFile]]) -> list[int]:
        numbers = [repository.open(*pull, author=f"author-{pull[0]}").number for pull in pulls]
        traps.update(itertools.combinations(numbers, 2))
        return numbers

    open_alike(
        *((title, _TEMPLATE.format(f"{title}."), [ChangedFile(f"zoo/{title[:8]}.py", title)]) for title in _STRANGERS)
    )
    fix = [ChangedFile("net/socket.py", "close sockets twice")]
    backports = open_alike(*((title, None, fix) for title in ("Close sockets once", "[1.x] Close sockets once")))
    repository.update(backports[1], base="1.x")
    below, above = open_alike(
        ("Split the tokenizer from the parser", None, [ChangedFile("parse/tokens.py", "split")]),
        ("Stream tokens of the tokenizer into the parser", None, [ChangedFile("parse/tokens.py", "stream")]),
    )
    repository.update(below, branch="tokenizer")
    repository.update(above, base="tokenizer")
    open_alike(
        *(
            (
                f"Bump {name} from 4.1.{place} to 4.1.{place + 1}",
                f"Bumps {name}.",
                [ChangedFile("package-lock.json", name)],
            )
            for place, name in enumerate(_PACKAGES)
        )
    )
    open_alike(
        ("Cache avatars for a day", None, [ChangedFile("web/avatars.py", "cache")]),
        ('Revert "Cache avatars for a day"', "It broke logins.", [ChangedFile("web/avatars.py", "no cache", 1, 3)]),
    )
    open_alike(
        *(
            (
                f"Translate the handbook into {language}",
                None,
                [ChangedFile(f"docs/{language[:2].lower()}.md", language)],
            )
            for language in _LANGUAGES
        )
    )
    ready = repository.open("Retry uploads after a lost connection", None, [ChangedFile("up/load.py", "retry")])
    draft = repository.open(
        "WIP: retry uploads when the connection is lost", None, [ChangedFile("up/load.py", "again")]
    )
    repository.update(draft.number, draft=True)
    repository.groups.append({ready.number, draft.number})
    return Labels(repository.planted_groups, related=traps)
