"""Phases for tests of the runner: a whole chain whose every slice leaves a row that would show if it happened twice."""

from collections.abc import Mapping

from ossgard.pipeline.outcome import NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import PhaseProcessor, Slice
from ossgard.spec import writes
from ossgard.spec.entities import Progress
from ossgard.spec.phases import PHASES

SLICES = 2


class CountingPhase:
    """Works in two slices, the second after a wait; each writes one group and uses three tokens."""

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
            next, [mark], input_tokens=1, output_tokens=2, progress=progress, pr_count=7, dupe_group_count=done
        )


def counting_chain() -> Mapping[str, PhaseProcessor]:
    """Every phase of the pipeline, counting."""
    return {name: CountingPhase(name) for name in PHASES}


MARKS = [(f"{name} {number}",) for name in PHASES for number in range(SLICES)]
