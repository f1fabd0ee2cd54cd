"""What is wrong with a spec: each finding names its place, the offending text, and the way out."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Position:
    """A place in a spec file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, order=True)
class Diagnostic:
    """One finding. `text` is the source line, shown with a caret below the column; `hint` is the way out."""

    position: Position
    message: str
    hint: str = ""
    text: str = ""

    def __str__(self) -> str:
        lines = [f"{self.position}: error: {self.message}"]
        if self.text:
            lines += [f"    {self.text}", "    " + " " * (self.position.column - 1) + "^"]
        if self.hint:
            lines.append(f"    help: {self.hint}")
        return "\n".join(lines)


class SpecError(Exception):
    """The spec cannot be generated from; `diagnostics` has every finding, in the order of the files."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = sorted(set(diagnostics))
        super().__init__("\n".join(map(str, self.diagnostics)))


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
