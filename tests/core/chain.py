"""Phases for tests of the runner: a whole chain whose every slice leaves a row that would show if it happened twice."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from ossgard.cursor import Cursor
from ossgard.pipeline.outcome import NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import Phase, Processor, Slice
from ossgard.pipeline.warnings import warning
from ossgard.spec import writes
from ossgard.spec.entities import Progress, WarningCode
from ossgard.spec.phases import PHASES

SLICES = 2


@dataclass(frozen=True, kw_only=True)
class CountCursor(Cursor):
    """What the phases of tests leave: how many slices are done, and of which phase it comes."""

    done: int = 0
    phase: Annotated[str, Field(alias="from")] = ""


def processor(phase: Phase[CountCursor]) -> Processor[CountCursor]:
    """A phase of a test, as the runner takes it."""
    return Processor(phase, CountCursor)


class CountingPhase:
    """Works in two slices, the second after a wait; each writes one group, uses seven tokens and warns once."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def run(self, slice: Slice[CountCursor]) -> Outcome:
        """Leave a mark."""
        done = slice.cursor.done
        mark = writes.insert_dupe_group(slice.scan_id, slice.repo_id, f"{self.name} {done}", 2)
        progress = Progress(done=done + 1, total=SLICES, note=None)
        if done + 1 < SLICES:
            next: NextSlice | NextPhase = NextSlice(CountCursor(done=done + 1), wait_seconds=30)
        else:
            next = NextPhase(CountCursor(phase=self.name))
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


def counting_chain() -> Mapping[str, Processor[CountCursor]]:
    """Every phase of the pipeline, counting."""
    return {name: processor(CountingPhase(name)) for name in PHASES}


MARKS = [(f"{name} {number}",) for name in PHASES for number in range(SLICES)]


def assert_counted_once(scan: Mapping[str, Any]) -> None:
    """Every slice of a scan has used its tokens and given its warning, once."""
    slices = len(MARKS)
    used = scan["input_tokens"], scan["output_tokens"], scan["embedding_tokens"]
    assert used == (slices, 2 * slices, 4 * slices)
    [told] = json.loads(scan["warnings"])
    assert (told["code"], told["count"], told["examples"]) == ("NOT_RANKED", slices, list(range(SLICES)))
