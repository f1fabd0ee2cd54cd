"""The migrations: read in order, and split into statements."""

import re
import sqlite3
from pathlib import Path

from generator.diagnostics import Diagnostic, Position
from generator.findings.migrations import MIG001, MIG002
from generator.findings.spec import SPEC001, SPEC007
from generator.spec.base import SpecModel
from generator.spec.lock import check_lock, locked_names
from generator.spec.sql import tokens

MIGRATION_NAME = re.compile(r"\d{4}_[a-z0-9_]+\.sql")

_REQUIRES_EMPTY = re.compile(r"^--\s*requires:\s*empty\b", re.M)


class Migration(SpecModel):
    """A migration: its file name, its text, the statements of it, and whether it is released (`lock.json` has it)."""

    name: str
    text: str
    statements: list[str]
    released: bool = False

    @property
    def requires_empty(self) -> bool:
        """Whether it says that it refuses tables with rows."""
        return _REQUIRES_EMPTY.search(self.text) is not None

    def diagnostic(self, kind: type[Diagnostic], offset: int, message: str, hint: str = "") -> Diagnostic:
        """A finding `offset` characters into the text."""
        line = self.text.count("\n", 0, offset)
        column = offset - (self.text.rfind("\n", 0, offset) + 1)
        position = Position(f"spec/migrations/{self.name}", line + 1, column + 1)
        return kind(position, message, hint, self.text.splitlines()[line])

    def find_column(self, table: str, column: str) -> int | None:
        """Where a table's column is made: the offset of its name; None when another migration makes it."""
        found = None
        for offset, statement in raw_statements(self.text):
            words = [token for token in tokens(statement) if token.text != ";"]
            names = [(token.identifier or "").lower() for token in words]
            if names[:2] in (["create", "table"], ["alter", "table"]) and table.lower() in names[2:6]:
                start = names.index(table.lower(), 2) + 1
                if column.lower() in names[start:]:
                    found = offset + words[names.index(column.lower(), start)].offset
        return found


def read_migrations(folder: Path, parent: str) -> tuple[list[Migration], list[Diagnostic]]:
    migrations: list[Migration] = []
    diagnostics: list[Diagnostic] = []
    paths = sorted(folder.glob("*.sql")) if folder.is_dir() else []
    here = f"{parent}/{folder.name}"
    if not paths:
        diagnostics.append(
            MIG001(Position(here, 1, 1), "there is no migration", "write the tables into 0001_initial.sql")
        )
    changed = check_lock(folder, here, [path.name for path in paths])
    diagnostics += changed
    locked = () if changed else locked_names(folder)
    for number, path in enumerate(paths, start=1):
        position = Position(f"{here}/{path.name}", 1, 1)
        if not changed and (not MIGRATION_NAME.fullmatch(path.name) or int(path.name[:4]) != number):
            hint = f"name it {number:04d}_what_it_does.sql"
            diagnostics.append(MIG001(position, f"migration {number} is named {path.name!r}", hint))
        try:
            text = path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            diagnostics.append(SPEC001(position, f"cannot be read: {error}", "write it as UTF-8 text"))
            continue
        if control := re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]", text):
            line = text.count("\n", 0, control.start()) + 1
            message = f"the text holds the character U+{ord(control[0]):04X}"
            diagnostics.append(SPEC007(Position(position.file, line, 1), message, "remove it"))
            continue
        statements, rest = split_statements(text)
        if rest:
            line = text.count("\n", 0, text.rfind(rest)) + 1
            diagnostics.append(
                MIG002(Position(f"{here}/{path.name}", line, 1), "the last statement does not end", "end it with ';'")
            )
        released = path.name in locked
        migrations.append(Migration(name=path.name, text=text, statements=statements, released=released))
    return migrations, diagnostics


def split_statements(text: str) -> tuple[list[str], str]:
    """Split SQL at the ends of its statements (triggers stay whole); the second value is what is left unended."""
    pieces = raw_statements(text)
    rest = ""
    if pieces and not _is_complete(pieces[-1][1]):
        rest = _without_comments(pieces.pop()[1]).strip()
    statements = [_without_comments(piece).strip() for _, piece in pieces]
    return [statement for statement in statements if statement != ";"], rest


def raw_statements(text: str) -> list[tuple[int, str]]:
    """The statements as they stand, comments and all, with the offset of each; what is left unended comes last."""
    statements: list[tuple[int, str]] = []
    pending, start = "", 0
    for piece in re.split(r"(?<=;)", text):
        pending += piece
        if _is_complete(pending):
            statements.append((start, pending))
            start += len(pending)
            pending = ""
    return [*statements, (start, pending)] if pending.strip() else statements


def _is_complete(text: str) -> bool:
    return text.rstrip().endswith(";") and sqlite3.complete_statement(text)


def _without_comments(sql: str) -> str:
    """SQL without its `--` and block comments, and without the lines that they leave empty."""
    bare = re.sub(
        r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")|--[^\n]*|/\*.*?\*/", lambda match: match[1] or "", sql, flags=re.S
    )
    return "\n".join(line.rstrip() for line in bare.splitlines() if line.strip())
