"""Phases for tests of the runner: a whole chain whose every slice leaves a row that would show if it happened twice."""

import json
from collections.abc import Mapping
from typing import Any

from ossgard.pipeline.outcome import NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import PhaseProcessor, Slice
from ossgard.pipeline.warnings import warning
from ossgard.spec import writes
from ossgard.spec.entities import Progress, WarningCode
from ossgard.spec.phases import PHASES

SLICES = 2


class CountingPhase:
    """Works in two slices, the second after a wait; each writes one group, uses seven tokens and warns once."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def run(self, slice: Slice) -> Outcome:
        """Leave a mark."""
        done = slice.cursor.get(self.name, 0)
        assert isinstance(done, int)
        mark = writes.insert_dupe_group(slice.scan_id, slice.repo_id, f"{self.name} {done}", 2)
        progress = Progress(done=done + 1, total=SLICES, note=None)
        if done + 1 < SLICES:
            next: NextSlice | NextPhase = NextSlice({self.name: done + 1}, wait_seconds=30)
        else:
            next = NextPhase({"from": self.name})
        return Outcome(
            next,
            [mark],
            input_tokens=1,
            output_tokens=2,
            embedding_tokens=4,
            progress=progress,
            pr_count=7,
            dupe_group_count=done,
            warnings=[warning(WarningCode.NOT_RANKED, [done], self.name)],
        )


def counting_chain() -> Mapping[str, PhaseProcessor]:
    """Every phase of the pipeline, counting."""
    return {name: CountingPhase(name) for name in PHASES}


MARKS = [(f"{name} {number}",) for name in PHASES for number in range(SLICES)]


def assert_counted_once(scan: Mapping[str, Any]) -> None:
    """Every slice of a scan has used its tokens and given its warning, once."""
    slices = len(MARKS)
    used = scan["input_tokens"], scan["output_tokens"], scan["embedding_tokens"]
    assert used == (slices, 2 * slices, 4 * slices)
    [told] = json.loads(scan["warnings"])
    assert (told["code"], told["count"], told["examples"]) == ("NOT_RANKED", slices, list(range(SLICES)))
