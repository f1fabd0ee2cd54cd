"""A chat model that knows the labels and errs now and then, and the count of what it was asked."""

import itertools
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any

from tests.outside.llm import Llm, pull_requests, rank
from tests.quality.labels import Labels, Pair

FALSE_NEGATIVES = 0.10
FALSE_POSITIVES_RELATED = 0.03
FALSE_POSITIVES = 0.003
# Characters of a token, about.
TOKEN = 4


class Oracle(Llm):
    """Answers by labels; asked the same about a pair, it errs the same."""

    def __init__(self, labels: Labels, numbers: Collection[int], seed: int) -> None:
        super().__init__()
        self._seed = seed
        self.learn(labels, numbers)
        self.forget()

    def learn(self, labels: Labels, numbers: Collection[int]) -> None:
        """Know these labels, of pull requests with these numbers, and no others."""
        self._true, self._related = labels.true_pairs(numbers), labels.related

    def forget(self) -> None:
        """Count from nothing."""
        self.asked: set[Pair] = set()
        self.questions: Counter[str] = Counter()
        self.prompt_tokens: Counter[str] = Counter()
        self.answer_tokens: Counter[str] = Counter()

    def answer(self, system: str, messages: Sequence[Mapping[str, str]]) -> str:
        """What the model says."""
        pulls = pull_requests([message["content"] for message in messages if message["role"] == "user"])
        kind = next(key for key in ("verdicts", "groups", "rankings") if f'"{key}"' in system)
        text = json.dumps({"verdicts": self._compare, "groups": self._verify, "rankings": rank}[kind](pulls))
        self.questions[kind] += 1
        self.prompt_tokens[kind] += (len(system) + sum(len(message["content"]) for message in messages)) // TOKEN
        self.answer_tokens[kind] += len(text) // TOKEN
        return text

    def _compare(self, pulls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        first, *others = pulls
        verdicts = []
        for other in others:
            says = "duplicate" if self._says(first["prNumber"], other["prNumber"], "pairs") else "none"
            verdicts.append(
                {"prNumber": other["prNumber"], "verdict": says, "confidence": 0.9, "reason": "By the labels."}
            )
        return {"verdicts": verdicts}

    def _verify(self, pulls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Sets are joined while half of the pairs between them are the same, the surest first."""
        ids = {pull["prNumber"]: pull["prId"] for pull in pulls}
        sets = [[number] for number in ids]
        yes = {pair for pair in itertools.combinations(sorted(ids), 2) if self._says(*pair, "groups")}
        while True:
            shares = [
                (sum((min(a, b), max(a, b)) in yes for a in one for b in other) / (len(one) * len(other)), one, other)
                for one, other in itertools.combinations(sets, 2)
            ]
            share, one, other = max(shares, default=(0.0, [], []), key=lambda found: found[0])
            if share < 0.5:
                break
            sets.remove(other)
            one += other
        groups = [
            {"prIds": [ids[one] for one in some], "label": "Group", "confidence": 0.9, "relationship": "The same."}
            for some in sets
            if len(some) > 1
        ]
        return {"groups": groups, "unrelated": [ids[some[0]] for some in sets if len(some) == 1]}

    def _says(self, one: int, other: int, kind: str) -> bool:
        pair = (min(one, other), max(one, other))
        self.asked.add(pair)
        digits = sha256(f"{self._seed}|{kind}|{pair}".encode()).hexdigest()[:12]
        dice = int(digits, 16) / 2**48
        if pair in self._true:
            return dice >= FALSE_NEGATIVES
        return dice < (FALSE_POSITIVES_RELATED if pair in self._related else FALSE_POSITIVES)
