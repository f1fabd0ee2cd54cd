"""How generated TypeScript is laid out: with the breaks that the project's formatter (Biome, 120 columns) makes."""

import json
from collections.abc import Sequence

LINE_LENGTH = 120


def string(value: str) -> str:
    """A string literal, in double quotes unless it holds more of them than of single ones."""
    text = json.dumps(value, ensure_ascii=False)
    if value.count('"') > value.count("'"):
        return "'" + text[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"
    return text


def template(value: str) -> str:
    """A template literal with the text as it stands."""
    escaped = value.replace("\\", "\\\\").replace("`", "\\`").replace("${", "\\${")
    return f"`{escaped}`"


def signature(head: str, parameters: Sequence[str], tail: str, indent: int) -> str:
    """`head(parameters)tail` on one line, or one parameter a line when that is too long."""
    return _group(head + "(", parameters, ")" + tail, indent)


def import_names(head: str, names: Sequence[str], tail: str) -> str:
    """`import { a, b } from "x";` on one line, or one name a line; sorted, case ignored as the formatter does."""
    ordered = sorted(set(names), key=_import_order)
    line = f"{head} {', '.join(ordered)} {tail}"
    if len(line) <= LINE_LENGTH:
        return line
    return f"{head}\n" + "".join(f"  {name},\n" for name in ordered) + tail


def _import_order(name: str) -> tuple[list[int | str], str]:
    """Natural order: case ignored first."""
    return [name.lower()], name


def statement(head: str, expression: str, indent: int) -> str:
    """A statement that ends in a call `name(a, [b], c)`, its arguments one a line when it is too long."""
    line = f"{head}{expression};"
    if indent + len(line) <= LINE_LENGTH:
        return line
    name, text = expression.split("(", 1)
    arguments = _split(text.removesuffix(")"))
    if arguments[-1].startswith("["):
        # A list as the last argument hugs the call's brackets.
        first = ", ".join(arguments[:-1])
        return _group(f"{head}{name}({first}{', ' if first else ''}[", _split(arguments[-1][1:-1]), "]);", indent)
    broken = [
        _group("[", _split(item[1:-1]), "]", indent + 2, 1) if item.startswith("[") else item for item in arguments
    ]
    return _group(f"{head}{name}(", broken, ");", indent)


def returned_write(method: str, parameters: Sequence[str], indent: int) -> str:
    """`return { method: "name", parameters: [a, b] };` on one line, or one property a line."""
    line = f"return {{ method: {string(method)}, parameters: [{', '.join(parameters)}] }};"
    if indent + len(line) <= LINE_LENGTH:
        return line
    pad = " " * (indent + 2)
    listed = _group("parameters: [", parameters, "]", indent + 2, 1)
    return f"return {{\n{pad}method: {string(method)},\n{pad}{listed},\n{' ' * indent}}};"


def union(head: str, members: Sequence[str], indent: int) -> str:
    """`head a | b;` on one line, or one member a line."""
    line = f"{head} {' | '.join(members)};"
    if indent + len(line) <= LINE_LENGTH:
        return line
    pad = " " * (indent + 2)
    return head + "".join(f"\n{pad}| {member}" for member in members) + ";"


def _split(arguments: str) -> list[str]:
    """The arguments of a call, or the items of a list, at the top level."""
    parts, depth, start = [], 0, 0
    for index, character in enumerate(arguments):
        depth += (character in "([{<") - (character in ")]}>")
        if character == "," and depth == 0:
            parts.append(arguments[start:index].strip())
            start = index + 1
    last = arguments[start:].strip()
    return [*parts, last] if last else parts


def _group(opening: str, items: Sequence[str], closing: str, indent: int, extra: int = 0) -> str:
    line = f"{opening}{', '.join(items)}{closing}"
    first = line.split("\n", 1)[0]
    if (indent + len(first) + extra <= LINE_LENGTH and "\n" not in line) or not items:
        return line
    pad = " " * (indent + 2)
    return f"{opening}\n" + "".join(f"{pad}{item},\n" for item in items) + " " * indent + closing
