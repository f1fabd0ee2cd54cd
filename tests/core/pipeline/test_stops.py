"""The runner under fire: stopped between any two of its actions, and two deliveries of one message at the same time."""

import asyncio
import itertools
import types
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping
from typing import Any

import pytest

from ossgard.errors import PermanentError
from ossgard.pipeline.disposition import Disposition
from ossgard.pipeline.outcome import Outcome
from ossgard.pipeline.phase import Processor, Slice
from tests.core.chain import MARKS, CountCursor, CountingPhase, assert_counted_once, counting_chain, processor
from tests.core.world import World

pytestmark = pytest.mark.slow


class Killed(BaseException):
    """The process ends here."""


class Around:
    """Runs a step of the test around every call of a port."""

    def __init__(self, port: Any, call: Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]) -> None:
        self._port = port
        self._call = call

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        async def wrapped(*arguments: Any) -> Any:
            return await self._call(lambda: method(*arguments))

        return wrapped


class Killer:
    """Kills the process before or after its n-th action, once."""

    def __init__(self, at: int, after: bool) -> None:
        self.left = at
        self.after = after
        self.has_killed = False

    def around(self, port: Any) -> Any:
        return Around(port, self.call)

    async def call(self, action: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        self.left -= 1
        if self.left == 0:
            self.has_killed = True
            if self.after:
                await action()
            raise Killed
        return await action()


def assert_done_once(world: World) -> None:
    """The scan is done, and every slice happened exactly once."""
    scan = world.scan()
    assert (scan["status"], scan["error"]) == ("done", None)
    assert world.rows("SELECT label FROM dupe_groups ORDER BY id") == MARKS
    assert_counted_once(scan)
    assert world.rows("SELECT step FROM scan_steps ORDER BY step") == [(n,) for n in range(1, len(MARKS) + 2)]
    assert world.rows("SELECT count(*) FROM scan_steps WHERE sent_at IS NULL") == [(0,)]


def killed_runs(after: bool) -> Iterator[World]:
    """A started world for every point at which its runner is killed; each has been killed when it is yielded."""
    for at in itertools.count(1):
        killer = Killer(at, after)
        world = World(counting_chain(), around=killer.around)
        world.start_scan()
        try:
            world.drain()
        except Killed:
            yield world
        if not killer.has_killed:
            # Load, commit, send and mark sent for every slice; after the last one there is nothing to send.
            assert at - 1 == 4 * len(MARKS) - 2
            return


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_action_and_the_message_delivered_again(after: bool) -> None:
    for world in killed_runs(after):
        world.drain()
        assert_done_once(world)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_action_and_everything_queued_lost(after: bool) -> None:
    for world in killed_runs(after):
        world.queue.jobs.clear()
        world.clock.advance(hours=2)
        asyncio.run(world.runner.sweep())
        world.drain()
        assert_done_once(world)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_while_failing_a_scan(after: bool) -> None:
    class Hopeless:
        async def run(self, slice: Slice[CountCursor]) -> Outcome:
            raise PermanentError("no such repository")

    for at in itertools.count(1):
        killer = Killer(at, after)
        world = World({"scan": processor(Hopeless())}, around=killer.around)
        world.start_scan()
        try:
            world.drain()
        except Killed:
            world.drain()
        assert (world.scan()["status"], world.scan()["error"]) == ("failed", "no such repository")
        if not killer.has_killed:
            return


def test_every_message_delivered_twice() -> None:
    world = World(counting_chain())
    world.start_scan()
    while world.queue.jobs:
        _, message, _ = world.queue.jobs.pop(0)
        for _ in range(2):
            world.handle(message.model_dump(mode="json", by_alias=True))
    assert_done_once(world)


def test_every_message_of_the_past_delivered_again_in_any_order() -> None:
    world = World(counting_chain())
    world.start_scan()
    past: list[dict[str, object]] = []
    while world.queue.jobs:
        _, message, _ = world.queue.jobs.pop(0)
        past.insert(0, message.model_dump(mode="json", by_alias=True))
        for body in past:
            world.handle(body)
    assert_done_once(world)


@types.coroutine
def turn() -> Generator[None, None, None]:
    """Let the schedule decide who goes on."""
    yield


async def in_turns(action: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    await turn()
    return await action()


Order = tuple[int, ...]


def interleave(prefix: Order, deliveries: list[Coroutine[Any, Any, Disposition]]) -> tuple[Order, list[Order]]:
    """Run two deliveries, one action at a time: as `prefix` says, then the first of those that still run.

    The results are the order in which the actions happened, and every other prefix that could have followed.
    """
    order: Order = ()
    others: list[Order] = []
    running = [0, 1]
    while running:
        position = len(order)
        who = prefix[position] if position < len(prefix) else running[0]
        if position >= len(prefix):
            others += [(*order, other) for other in running if other != who]
        order = (*order, who)
        try:
            deliveries[who].send(None)
        except StopIteration:
            running.remove(who)
    return order, others


def every_order(deliver: Callable[[], list[Coroutine[Any, Any, Disposition]]]) -> Iterator[Order]:
    """Every order in which the actions of two deliveries can happen, each on a fresh start; yielded when it is over."""
    pending: list[Order] = [()]
    while pending:
        order, others = interleave(pending.pop(), deliver())
        pending += others
        yield order


def advance_to_last(world: World) -> None:
    """Run a scan until only its last message is left."""
    while world.queue.messages[0]["step"] != len(MARKS):
        _, message, _ = world.queue.jobs.pop(0)
        world.handle(message.model_dump(mode="json", by_alias=True))


class TwoDeliveries:
    """Worlds in which one message is delivered twice at once."""

    def __init__(self, processors: Callable[[], Mapping[str, Processor[CountCursor]]], *, last: bool = False) -> None:
        self.processors = processors
        self.last = last
        self.world: World

    def deliver(self) -> list[Coroutine[Any, Any, Disposition]]:
        self.world = world = World(self.processors(), around=lambda port: Around(port, in_turns))
        world.start_scan()
        if self.last:
            advance_to_last(world)
        [body] = world.queue.messages
        world.queue.jobs.clear()
        return [world.runner.handle(body, 1), world.runner.handle(body, 1)]


@pytest.mark.parametrize("last", [False, True], ids=["first-message", "last-message"])
def test_two_deliveries_at_once_in_every_order(last: bool) -> None:
    two = TwoDeliveries(counting_chain, last=last)
    orders = set()
    for order in every_order(two.deliver):
        orders.add(order)
        world = two.world
        steps = world.rows("SELECT max(step), count(*), count(sent_at) FROM scan_steps")
        count = len(MARKS) + 1 if last else 2
        assert steps == [(count, count, count)]
        assert world.rows("SELECT label FROM dupe_groups ORDER BY id") == (MARKS if last else MARKS[:1])
        assert {message["step"] for message in world.queue.messages} == (set() if last else {2})
    assert len(orders) >= 20


class Divided(CountingPhase):
    """Fails in one of its runs."""

    def __init__(self, failing: int) -> None:
        super().__init__("scan")
        self.runs = itertools.count()
        self.failing = failing

    async def run(self, slice: Slice[CountCursor]) -> Outcome:
        if next(self.runs) == self.failing:
            raise PermanentError("bad luck")
        return await super().run(slice)


@pytest.mark.parametrize("failing", [0, 1])
def test_one_delivery_fails_for_good_while_another_works(failing: int) -> None:
    """Whoever commits first decides: the scan goes on with its step done, or has failed with nothing done."""
    two = TwoDeliveries(lambda: {"scan": processor(Divided(failing))})
    ends = set()
    for _ in every_order(two.deliver):
        world = two.world
        end = (
            world.scan()["status"],
            tuple(world.rows("SELECT label FROM dupe_groups")),
            tuple(world.rows("SELECT phase FROM scan_steps WHERE step = 2 AND sent_at IS NOT NULL")),
            {message["step"] for message in world.queue.messages} == {2},
        )
        ends.add(end)
    assert ends == {("queued", (("scan 0",),), (("scan",),), True), ("failed", (), ((None,),), False)}
