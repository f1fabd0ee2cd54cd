"""What hostile services do to answers that were right: the same body with other values, another encoding, or an end."""

import json
from collections.abc import Callable
from typing import Any

Change = Callable[[bytes], bytes]
Edit = Callable[[Any], Any]


def everywhere(edit: Edit) -> Change:
    """Every value of a body that is neither an object nor a list becomes another."""
    return rewritten(lambda value: _each(value, edit))


def numbers(text: str) -> Change:
    """Every number of a body is written as this text."""
    return (
        lambda body: everywhere(lambda value: f"\u0001{text}\u0001" if type(value) in (int, float) else value)(body)
        .replace(b'"\\u0001', b"")
        .replace(b'\\u0001"', b"")
    )


def rewritten(edit: Edit) -> Change:
    """A body of JSON, or each line of a file of it, is another one; what is no JSON stays."""

    def change(body: bytes) -> bytes:
        try:
            return json.dumps(edit(json.loads(body))).encode()
        except ValueError:
            pass
        try:
            lines = [json.dumps(edit(json.loads(line))).encode() + b"\n" for line in body.splitlines()]
        except ValueError:
            return body
        return b"".join(lines)

    return change


def said(edit: Callable[[str], str]) -> Change:
    """The text of a model's answer is another one, whoever's model it is."""

    def change(answer: Any) -> Any:
        for choice in answer.get("choices", []):
            choice["message"]["content"] = edit(choice["message"]["content"])
        for block in answer.get("content", []):
            block["text"] = edit(block["text"])
        if "message" in answer:
            answer["message"]["content"] = edit(answer["message"]["content"])
        return answer

    return rewritten(change)


def usage(counts: Edit) -> Change:
    """Every count of tokens is another one."""

    def change(answer: Any) -> Any:
        for key, value in answer.items():
            if key in ("prompt_eval_count", "eval_count"):
                answer[key] = counts(value)
            elif key == "usage":
                answer[key] = {name: counts(count) for name, count in value.items()}
        return answer

    return rewritten(change)


def fields(**values: Any) -> Change:
    """These fields have these values, in an object or in every one of a list."""

    def change(answer: Any) -> Any:
        return [{**item, **values} for item in answer] if isinstance(answer, list) else {**answer, **values}

    return rewritten(change)


def recoded(encoding: str) -> Change:
    """The body is in another encoding."""
    return lambda body: body.decode("utf-8", "replace").encode(encoding)


def _each(value: Any, edit: Edit) -> Any:
    if isinstance(value, dict):
        return {key: _each(inner, edit) for key, inner in value.items()}
    if isinstance(value, list):
        return [_each(inner, edit) for inner in value]
    return edit(value)
