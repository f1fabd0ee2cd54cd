"""What is wrong with a spec: each finding names its kind, its place, the offending text, and the way out."""

import difflib
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Position:
    """A place in a file of the project, which is named relative to it; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Diagnostic:
    """One finding. `text` is the source line, shown with a caret below the column; `hint` is the way out.

    Each kind of finding is a class of `generator.findings`, named by its code. A warning does not stop.
    """

    position: Position
    message: str
    hint: str = ""
    text: str = ""

    severity: ClassVar[Severity] = "error"

    @property
    def code(self) -> str:
        return type(self).__name__

    def __str__(self) -> str:
        lines = [f"{self.position}: {self.severity} {self.code}: {self.message}"]
        if self.text:
            lines += [f"    {self.text}", "    " + " " * (self.position.column - 1) + "^"]
        if self.hint:
            lines.append(f"    help: {self.hint}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Explanation:
    """What the docstring of a kind of finding says, a paragraph each."""

    what: str
    why: str
    example: str
    way_out: str


def explanation(kind: type[Diagnostic]) -> Explanation:
    """Read the docstring of a kind of finding.

    Raises:
        ValueError: it does not have the four paragraphs: what, why, an indented example, the way out.
    """
    paragraphs = inspect.cleandoc(kind.__doc__ or "").split("\n\n")
    examples = [index for index, paragraph in enumerate(paragraphs) if paragraph.startswith("    ")]
    if len(paragraphs) != 4 or examples != [2]:
        raise ValueError(f"{kind.__name__}: the docstring should be what, why, an indented example, the way out")
    what, why, example, way_out = paragraphs
    return Explanation(
        " ".join(what.split()), " ".join(why.split()), inspect.cleandoc("\n" + example), " ".join(way_out.split())
    )


class SpecError(Exception):
    """The spec cannot be generated from; `diagnostics` has every finding, in the order of the files."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = in_order(diagnostics)
        super().__init__("\n".join(map(str, self.diagnostics)))


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Each finding once, in the order of the files."""
    return sorted(set(diagnostics), key=lambda one: (one.position, one.message, one.hint, one.code))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint that names the closest of the known names, or all of them when none is close."""
    candidates = sorted(known)
    close = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
    if not close:
        folded = {candidate.lower(): candidate for candidate in candidates}
        close = [folded[name.lower()]] if name.lower() in folded else []
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known are: {', '.join(candidates)}" if candidates else ""
