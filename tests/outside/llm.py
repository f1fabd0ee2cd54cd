"""A chat model that reads the pull requests in its prompt and judges them by their words; it knows nothing else."""

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from tests.outside.text_vectors import COMMON_WORDS, words

# How alike two pull requests are when the model calls them duplicates.
SAME = 0.42
NO_DATA = "I could not find any pull requests in your message. Could you send them again?"


@dataclass
class Behaviour:
    """How the model misbehaves. A share is the part of all questions that meets it, the same ones each time.

    Args:
        code_fence: the answer comes inside a code fence, with some words around it.
        invented_ids: the answer names pull requests that were not asked about.
        broken_first: the first answer to a question is no JSON; the next one is right.
        wrong_shape_first: the first answer is JSON of another shape; the next one is right.
        unusable_for: numbers of pull requests; a question with one of them never gets a usable answer.
        silent: no question gets any text as an answer.
        refuses: words; the provider refuses a question with one of them.
        refuses_to_embed: words; the provider refuses texts to embed when one of them is in any.
    """

    code_fence: float = 0
    invented_ids: float = 0
    broken_first: float = 0
    wrong_shape_first: float = 0
    unusable_for: set[int] = field(default_factory=set)
    silent: bool = False
    refuses: frozenset[str] = frozenset()
    refuses_to_embed: frozenset[str] = frozenset()


class PromptRefused(Exception):
    """The provider lets no model see this."""

    def __init__(self) -> None:
        super().__init__("Invalid prompt: your prompt was flagged as potentially violating our usage policy.")


def refuse(words: Iterable[str], texts: Iterable[str]) -> None:
    """Raise `PromptRefused` when one of the words is in one of the texts."""
    whole = "\n".join(texts)
    if any(word in whole for word in words):
        raise PromptRefused


class Llm:
    """Answers the prompts of the phases verify and rank."""

    def __init__(self) -> None:
        self.behaviour = Behaviour()
        self._asked: dict[str, int] = {}
        self._lock = threading.Lock()

    def answer(self, system: str, messages: Sequence[Mapping[str, str]]) -> str:
        """What the model says to a system prompt and messages with `role` and `content`; raises `PromptRefused`."""
        refuse(self.behaviour.refuses, [message["content"] for message in messages])
        if self.behaviour.silent:
            return ""
        pulls = pull_requests([message["content"] for message in messages if message["role"] == "user"])
        if not pulls:
            return NO_DATA
        numbers = [int(pull["prNumber"]) for pull in pulls]
        if self.behaviour.unusable_for & set(numbers):
            return "I am sorry, I cannot compare these pull requests."
        kind, judge = next(one for key, one in _KINDS.items() if f'"{key}"' in system)
        question = f"{kind} {sorted(numbers)}"
        with self._lock:
            self._asked[question] = self._asked.get(question, 0) + 1
            is_first = self._asked[question] == 1
        result = judge(pulls)
        if _falls_in(self.behaviour.invented_ids, question, "invented"):
            _invent(result)
        text = json.dumps(result, ensure_ascii=False, indent=2)
        if is_first and _falls_in(self.behaviour.broken_first, question, "broken"):
            return text[: len(text) * 2 // 3]
        if is_first and _falls_in(self.behaviour.wrong_shape_first, question, "shape"):
            return json.dumps({"answer": next(iter(result.values()))})
        if _falls_in(self.behaviour.code_fence, question, "fence"):
            return f"Here is my answer:\n\n```json\n{text}\n```\n\nLet me know if you need more detail."
        return text


def compare(pulls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How each of the others is related to the first of the pull requests."""
    first, *others = pulls
    verdicts = []
    for other in others:
        alike = likeness(first, other)
        verdicts.append(
            {
                "prNumber": other["prNumber"],
                "verdict": "duplicate" if alike >= SAME else "none",
                "confidence": round(0.5 + abs(alike - SAME) / 2, 2),
                "reason": "They make the same change." if alike >= SAME else "They do different things.",
            }
        )
    return {"verdicts": verdicts}


def verify(pulls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Which of the pull requests are duplicates of one another."""
    groups: list[list[int]] = []
    left = list(range(len(pulls)))
    while left:
        group = [left.pop(0)]
        for one in group:
            near = [other for other in left if likeness(pulls[one], pulls[other]) >= SAME]
            group += near
            left = [other for other in left if other not in near]
        groups.append(group)
    return {
        "groups": [_group([pulls[index] for index in group]) for group in groups if len(group) > 1],
        "unrelated": [pulls[group[0]]["prId"] for group in groups if len(group) == 1],
    }


def rank(pulls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Scores for each pull request: tests and small changes for quality, a description and more files for the rest."""
    rankings = []
    for pull in pulls:
        paths = pull.get("filePaths") or []
        tested = any("test" in path for path in paths)
        # Some part that is nobody's merit keeps scores apart, whatever the order of the question.
        chance = int(sha256(f"{pull['prNumber']}|{pull.get('title')}".encode()).hexdigest()[:4], 16) / 65_536
        quality = round(20 + 15 * tested + max(0, 10 - len(paths)) + 5 * chance, 1)
        completeness = round(15 + min(len(pull.get("body") or ""), 1_000) / 50 + min(len(paths), 10) + 5 * chance, 1)
        rankings.append(
            {
                "prNumber": pull["prNumber"],
                "score": round(quality + completeness, 1),
                "codeQuality": quality,
                "completeness": completeness,
                "rationale": f"{'Has' if tested else 'Lacks'} tests, touches {len(paths)} files.",
            }
        )
    return {"rankings": sorted(rankings, key=lambda ranking: -ranking["score"])}


def likeness(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """How alike two pull requests are, 0 to 1.

    Equal changes are the same; else titles count most, then descriptions and paths where both have them.
    """
    if one.get("codeHash") and one.get("codeHash") == other.get("codeHash"):
        return 1.0
    parts = [(0.5, _overlap(_telling(one.get("title")), _telling(other.get("title"))))]
    if one.get("body") and other.get("body"):
        parts.append((0.25, _overlap(_telling(one["body"]), _telling(other["body"]))))
    if one.get("filePaths") and other.get("filePaths"):
        parts.append((0.25, _overlap(set(one["filePaths"]), set(other["filePaths"]))))
    return sum(weight * value for weight, value in parts) / sum(weight for weight, _ in parts)


def pull_requests(messages: Sequence[str]) -> list[Mapping[str, Any]]:
    """The pull requests of the first JSON document that has any; the one that it is about comes first."""
    decoder = json.JSONDecoder()
    for text in messages:
        start = text.find("{")
        while start >= 0:
            try:
                document, _ = decoder.raw_decode(text, start)
            except ValueError:
                document = None
            found = None
            if isinstance(document, dict):
                subject = [document["pullRequest"]] if "pullRequest" in document else []
                found = [*subject, *document.get("candidates", []), *document.get("pullRequests", [])]
            if found:
                return found
            start = text.find("{", start + 1)
    return []


def _telling(text: Any) -> set[str]:
    return {word for word in words(text or "") if word not in COMMON_WORDS and len(word) > 2}


def _overlap(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 0.0


def _group(pulls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    shared = set.intersection(*(_telling(pull.get("title")) for pull in pulls))
    label = " ".join(word for word in words(pulls[0].get("title") or "") if word in shared)
    alike = [likeness(pulls[0], pull) for pull in pulls[1:]]
    return {
        "prIds": [pull["prId"] for pull in pulls],
        "label": label or str(pulls[0].get("title")),
        "confidence": round(min(1.0, 0.5 + sum(alike) / len(alike) / 2), 2),
        "relationship": "They make the same change.",
    }


def _invent(result: dict[str, Any]) -> None:
    for group in result.get("groups", []):
        group["prIds"] = [*group["prIds"], 999_999_001]
    if "verdicts" in result:
        ghost = {"prNumber": 999_999_001, "verdict": "duplicate", "confidence": 1, "reason": "ghosts"}
        result["verdicts"].insert(0, ghost)
    if "groups" in result:
        ghost = {"prIds": [999_999_002, 999_999_003], "label": "ghosts", "confidence": 1, "relationship": "none"}
        result["groups"].append(ghost)
    if "rankings" in result:
        result["rankings"].append({**result["rankings"][0], "prNumber": 999_999_001, "score": 100})


def _falls_in(share: float, question: str, what: str) -> bool:
    return int(sha256(f"{what} {question}".encode()).hexdigest()[:8], 16) / 2**32 < share


# The kinds of questions, by a key of the answer that the instructions ask for.
_KINDS = {"rankings": ("rank", rank), "verdicts": ("pairs", compare), "groups": ("verify", verify)}
