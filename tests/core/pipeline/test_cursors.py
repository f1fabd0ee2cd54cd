"""Cursors as they are kept: those of scans that run are still read, and damage is told."""

from dataclasses import dataclass

import pytest

from ossgard.cursor import Cursor, dump, load
from ossgard.errors import PermanentError
from ossgard.model import JsonObject
from ossgard.pipeline.batch.states import Claimed, Failing, Over, Submitted, kept, kept_state
from ossgard.pipeline.disposition import Failed
from ossgard.pipeline.outcome import NextPhase, NextSlice, Outcome
from ossgard.pipeline.phase import Processor, Slice
from ossgard.spec.cursors import EmbedCursor, IngestCursor, RankCursor
from tests.core.chain import CountCursor, counting_chain
from tests.core.world import World

KEY: JsonObject = {"claim": "k", "claimedAt": "2026-11-23T10:00:00.000Z", "model": "m", "after": 7}


def test_a_cursor_is_read_as_it_was_kept() -> None:
    stored: JsonObject = {"full": True, "maxPrs": None, "part": "read", "afterNumber": 7, "removed": [1]}
    cursor = load(IngestCursor, stored)
    assert cursor == IngestCursor(full=True, part="read", after_number=7)
    assert dump(cursor) == {"full": True, "part": "read", "afterNumber": 7}
    assert dump(EmbedCursor(total=0)) == {"total": 0}


@pytest.mark.parametrize("cursor", [{"position": "3"}, {"works": 1}, {"total": None}, {"stored": 1.5}, {"batch": 3}])
def test_a_damaged_cursor_is_told(cursor: JsonObject) -> None:
    with pytest.raises(PermanentError, match=next(iter(cursor))):
        load(RankCursor, cursor)


def test_a_scan_with_a_damaged_cursor_fails_and_says_why() -> None:
    world = World(counting_chain())
    world.start_scan()
    world.executor.connection.execute("""UPDATE scans SET phase_cursor = '{"done": "many"}'""")
    assert isinstance(world.handle(world.queue.messages[0]), Failed)
    assert "(CountCursor): done must be a whole number" in world.scan()["error"]


@dataclass(frozen=True, kw_only=True)
class LateCursor(Cursor):
    """For a phase that is not the next one."""

    word: str = ""


def test_a_cursor_waits_for_its_phase() -> None:
    words: list[str] = []

    class Hands:
        async def run(self, slice: Slice[CountCursor]) -> Outcome:
            return Outcome(NextPhase(LateCursor(word="kept")))

    class Between:
        async def run(self, slice: Slice[CountCursor]) -> Outcome:
            return Outcome(NextPhase() if slice.cursor.done else NextSlice(CountCursor(done=1)))

    class Takes:
        async def run(self, slice: Slice[LateCursor]) -> Outcome:
            words.append(slice.cursor.word)
            return Outcome(NextPhase())

    between = {"embed": Processor(Hands(), CountCursor), "cluster": Processor(Between(), CountCursor)}
    world = World({**counting_chain(), **between, "verify": Processor(Takes(), LateCursor)})
    world.start_scan()
    world.drain()
    assert (world.scan()["status"], words) == ("done", ["kept"])


@pytest.mark.parametrize(
    ("batch", "state"),
    [
        ({"claim": "", "claimedAt": ""}, Over),
        (KEY, Claimed),
        ({**KEY, "id": "b", "submittedAt": "2026-11-23T10:00:00.000Z", "tokens": 9}, Submitted),
        ({**KEY, "id": "b", "submittedAt": "2026-11-23T10:00:00.000Z", "problem": "it expired"}, Failing),
    ],
)
def test_states_of_batches_that_older_versions_kept_are_read(batch: JsonObject, state: type[object]) -> None:
    found = kept_state({"batch": batch})
    assert found is not None
    assert type(found) is state
    assert kept_state({"batch": kept(found)}) == found


@pytest.mark.parametrize("batch", [3, "k", [], {"claim": "k"}, {**KEY, "id": 7, "submittedAt": ""}])
def test_a_damaged_state_of_batches_is_told(batch: object) -> None:
    with pytest.raises(PermanentError, match="cannot go on from what it has kept"):
        kept_state({"batch": batch})  # type: ignore[dict-item]
