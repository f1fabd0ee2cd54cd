"""YAML files read with the position of every key and value."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from generator.diagnostics import Diagnostic, Position
from generator.findings.spec import SPEC001, SPEC002, SPEC003, SPEC007

Location = tuple[str | int, ...]
# More than any spec has; what is over it comes from aliases of aliases.
MAX_VALUES = 200_000
MAX_DEPTH = 200
_BRACKETS = re.compile(r"[][{}]")
# Control characters, line separators and halves of surrogate pairs, which break what is generated.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass
class SourceFile:
    """A YAML file as plain data, with the position of each key and value by its location in the data.

    A location is the keys and indexes that lead to a value: `("methods", "getRepo", "sql")`.
    """

    name: str
    text: str
    data: Any = None
    diagnostics: list[Diagnostic] = field(default_factory=list)
    keys: dict[Location, yaml.Mark] = field(default_factory=dict)
    values: dict[Location, yaml.Node] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lines = self.text.splitlines()

    def diagnostic(
        self, kind: type[Diagnostic], location: Location, message: str, hint: str = "", *, at_key: bool = False
    ) -> Diagnostic:
        """A finding at the value (or key) of a location, or of the nearest one above it that the file has."""
        while location and location not in self.values:
            location, at_key = location[:-1], False
        mark = self.keys.get(location) if at_key else None
        if mark is None and location in self.values:
            mark = self.values[location].start_mark
        return self.at(kind, mark.line if mark else 0, mark.column if mark else 0, message, hint)

    def diagnostic_in_text(
        self, kind: type[Diagnostic], location: Location, offset: int, message: str, hint: str = ""
    ) -> Diagnostic:
        """A finding `offset` characters into a text value, however the text is written in the file."""
        node = self.values.get(location)
        if not isinstance(node, yaml.ScalarNode) or offset < 0:
            return self.diagnostic(kind, location, message, hint)
        before = node.value[:offset]
        line, column = before.count("\n"), offset - (before.rfind("\n") + 1)
        if node.style == "|":
            first = node.start_mark.line + 1
            while first < len(self.lines) and not self.lines[first].strip():
                first += 1
            indent = len(self.lines[first]) - len(self.lines[first].lstrip(" ")) if first < len(self.lines) else 0
            return self.at(kind, node.start_mark.line + 1 + line, indent + column, message, hint)
        # The C parser says "" for a plain text, the Python one None.
        if not node.style and "\n" not in node.value and node.start_mark.line == node.end_mark.line:
            return self.at(kind, node.start_mark.line, node.start_mark.column + offset, message, hint)
        return self.diagnostic(kind, location, message, hint)

    def at(self, kind: type[Diagnostic], line: int, column: int, message: str, hint: str = "") -> Diagnostic:
        """A finding at a line and column that count from 0."""
        text = self.lines[line] if line < len(self.lines) else ""
        return kind(Position(self.name, line + 1, column + 1), message, hint, text)


def read_source(path: Path, name: str) -> SourceFile:
    """Read a YAML file; syntax errors, duplicate keys and unreadable files become its diagnostics."""
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        missing = SourceFile(name, "")
        missing.diagnostics.append(
            missing.at(SPEC001, 0, 0, f"the spec needs a file {name}", "create it, or check --project")
        )
        return missing
    except (OSError, UnicodeDecodeError) as error:
        unreadable = SourceFile(name, "")
        unreadable.diagnostics.append(
            unreadable.at(SPEC001, 0, 0, f"cannot be read: {error}", "write it as UTF-8 text")
        )
        return unreadable
    source = SourceFile(name, text)
    try:
        node = _compose(text)
        if node is not None:
            source.data = _Reader(source).read(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "is not YAML"
        hint = 'inside { } and [ ], put types with ? or [] in quotes: "text?"' if "'?'" in problem else ""
        source.diagnostics.append(
            source.at(SPEC002, mark.line if mark else 0, mark.column if mark else 0, f"YAML: {problem}", hint)
        )
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position)
        column = error.position - (text.rfind("\n", 0, error.position) + 1)
        message = f"YAML: the character U+{ord(str(error.character)[:1]):04X} cannot stand here"
        source.diagnostics.append(source.at(SPEC007, line, column, message, "remove it"))
    except yaml.YAMLError as error:
        source.diagnostics.append(source.at(SPEC002, 0, 0, f"YAML: {error}".replace("\n", " ")))
    except RecursionError:
        source.diagnostics.append(source.at(SPEC002, 0, 0, "YAML: nested too deeply", "use fewer levels"))
    return source


def _compose(text: str) -> yaml.Node | None:
    """The nodes of a YAML text: read by libyaml for speed, and again in Python for the better words of its errors."""
    if _may_be_deep(text):
        # libyaml's composer overruns the stack where Python's raises RecursionError.
        return yaml.compose(text, Loader=yaml.SafeLoader)
    try:
        return yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return yaml.compose(text, Loader=yaml.SafeLoader)


def _may_be_deep(text: str) -> bool:
    """Whether a text could be nested more than some hundred levels: by brackets, by indentation, or within a line."""
    depth = 0
    for bracket in _BRACKETS.findall(text):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            return True
    return any(
        line.startswith(" " * MAX_DEPTH) or line.count("- ") + line.count("? ") + line.count(": ") > MAX_DEPTH
        for line in text.splitlines()
    )


class _Reader:
    """Builds plain data from YAML nodes and notes where each of them stands."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.constructor = yaml.SafeLoader("")
        self.open: set[int] = set()
        self.count = 0

    def read(self, node: yaml.Node, location: Location) -> Any:
        self.source.values[location] = node
        self.count += 1
        if self.count > MAX_VALUES:
            raise yaml.MarkedYAMLError(
                problem=f"more than {MAX_VALUES:,} values; aliases repeat what they stand for",
                problem_mark=node.start_mark,
            )
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self.open:
            self.source.diagnostics.append(
                self.source.diagnostic(SPEC002, location, "YAML: an alias inside its own anchor")
            )
            return None
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.read(item, (*location, index)) for index, item in enumerate(node.value)]
            assert isinstance(node, yaml.MappingNode)
            return self._read_mapping(node, location)
        finally:
            self.open.discard(id(node))

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        """The value of a scalar; what its tag cannot convert, and characters that no source can hold, are findings."""
        mark = node.start_mark
        if bad := _UNPRINTABLE.search(node.value):
            message = f"the text holds the character U+{ord(bad[0]):04X}"
            self.source.diagnostics.append(self.source.at(SPEC007, mark.line, mark.column, message, "remove it"))
            return None
        try:
            return self.constructor.construct_object(node)
        except Exception as error:
            # The constructors of PyYAML fail in many ways: ValueError, IndexError, KeyError, AttributeError, ...
            problem = (
                getattr(error, "problem", None)
                or f"{node.value[:40]!r} is not of the type {node.tag.rsplit(':', 1)[-1]}"
            )
            self.source.diagnostics.append(
                self.source.at(SPEC002, mark.line, mark.column, f"YAML: {problem}", "write it in quotes")
            )
            return None

    def _read_mapping(self, node: yaml.MappingNode, location: Location) -> dict[str | int, Any]:
        result: dict[str | int, Any] = {}
        for key_node, value_node in node.value:
            problems = len(self.source.diagnostics)
            key = self._scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            mark = key_node.start_mark
            if len(self.source.diagnostics) > problems:
                continue
            if not isinstance(key, str | int) or isinstance(key, bool):
                spelled = getattr(key_node, "value", "?")
                hint = "write it in quotes" if isinstance(key_node, yaml.ScalarNode) else "use plain text as the key"
                self.source.diagnostics.append(
                    self.source.at(SPEC003, mark.line, mark.column, f"the key {spelled!r} is not a name", hint)
                )
                continue
            if key in result:
                self.source.diagnostics.append(
                    self.source.at(
                        SPEC003, mark.line, mark.column, f"the key '{key}' stands twice", "remove or rename one"
                    )
                )
                continue
            self.source.keys[(*location, key)] = mark
            result[key] = self.read(value_node, (*location, key))
        return result
