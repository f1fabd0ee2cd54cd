"""Changed files of a pull request, and the diffs that GitHub would show of them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha1

# GitHub refuses to show a longer diff (406), and leaves out the patch of a longer file.
MAX_DIFF_LINES = 20_000
MAX_DIFF_FILES = 300
MAX_PATCH_LINES = 3_000
# The listing of files ends here.
MAX_LISTED_FILES = 3_000


@dataclass(frozen=True)
class ChangedFile:
    """One file of a pull request; `content` stands for what changes in it: equal texts give equal patches."""

    path: str
    content: str
    additions: int = 3
    deletions: int = 1
    status: str = "modified"
    previous: str | None = None
    binary: bool = False

    def patch(self, first_line: int = 10) -> list[str]:
        """The hunk; `first_line` only moves it."""
        dice = random.Random(f"{self.path}|{self.content}")
        removed = [f"-    {_code(dice)}" for _ in range(self.deletions)]
        added = [f"+    {_code(dice)}" for _ in range(self.additions)]
        context = [f"     {_code(dice)}" for _ in range(3)]
        old = "0,0" if self.status == "added" else f"{first_line},{self.deletions + 3}"
        header = f"@@ -{old} +{first_line},{self.additions + 3} @@ def section_{first_line}"
        return [header, *context[:2], *removed, *added, context[2]]

    def sha(self) -> str:
        """The blob's id."""
        return sha1(f"{self.path}|{self.content}|{self.additions}".encode()).hexdigest()


def changed_lines(files: Sequence[ChangedFile]) -> int:
    """The lines that a diff adds and takes away."""
    return sum(file.additions + file.deletions for file in files)


def render_diff(files: Sequence[ChangedFile], cosmetic: int = 0) -> str:
    """The unified diff; `cosmetic` changes what does not matter: order of files, positions, index lines, line ends."""
    dice = random.Random(cosmetic)
    order = list(files)
    if cosmetic:
        dice.shuffle(order)
    lines: list[str] = []
    for file in order:
        lines += _file_diff(file, dice, cosmetic)
    return "\n".join(lines) + "\n" if lines else ""


def _file_diff(file: ChangedFile, dice: random.Random, cosmetic: int) -> list[str]:
    before, after = _quoted(f"a/{file.previous or file.path}"), _quoted(f"b/{file.path}")
    lines = [f"diff --git {before} {after}"]
    if file.status == "added":
        lines.append("new file mode 100644")
    if file.status == "removed":
        lines.append("deleted file mode 100644")
    if file.status == "renamed":
        lines += ["similarity index 92%", f"rename from {file.previous}", f"rename to {file.path}"]
    index = sha1(f"{file.path}|{file.content}|{cosmetic}".encode()).hexdigest()
    lines.append(f"index {index[:7]}..{index[7:14]} 100644")
    if file.binary:
        return [*lines, f"Binary files {before} and {after} differ"]
    if file.additions + file.deletions == 0:
        return lines
    lines += [
        f"--- {'/dev/null' if file.status == 'added' else before}",
        f"+++ {'/dev/null' if file.status == 'removed' else after}",
    ]
    patch = file.patch(dice.randint(1, 900) if cosmetic else 10)
    return lines + ([f"{line}  " for line in patch] if cosmetic % 2 else patch)


def _quoted(path: str) -> str:
    """A path as git writes it: in quotes, bytes beyond ASCII in octal."""
    if path.isascii() and '"' not in path and "\\" not in path:
        return path
    escaped = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in (34, 92) else f"\\{byte:03o}" for byte in path.encode()
    )
    return f'"{escaped}"'


def _code(dice: random.Random) -> str:
    return f"{dice.choice(_STEMS)}_{dice.choice(_STEMS)} = {dice.choice(_STEMS)}({dice.randint(0, 9999)})"


def changed(file: ChangedFile, content: str) -> ChangedFile:
    """The same file, changed in another way."""
    return replace(file, content=content)


_STEMS = (
    "value",
    "result",
    "total",
    "entry",
    "handler",
    "buffer",
    "state",
    "reader",
    "offset",
    "limit",
    "cache",
    "node",
)
