"""Several things at once: bounded, in order, and nothing left behind after an error."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ossgard.concurrency import gather_bounded


class Watched:
    """Jobs that count how many run together, and how each one ended."""

    def __init__(self) -> None:
        self.running = 0
        self.most = 0
        self.begun: list[int] = []
        self.ended: list[int] = []

    def job(self, number: int, fails: bool = False) -> Callable[[], Coroutine[Any, Any, int]]:
        async def run() -> int:
            self.begun.append(number)
            self.running += 1
            self.most = max(self.most, self.running)
            try:
                # The first ones take longest.
                await asyncio.sleep(0.001 if fails else 0.02 / (number + 1))
                if fails:
                    raise ValueError(number)
                return number
            finally:
                self.running -= 1
                self.ended.append(number)

        return run


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (3, 3), (6, 6), (50, 20)])
def test_results_come_in_order_and_never_too_many_run_together(limit: int, most: int) -> None:
    watched = Watched()
    jobs = [watched.job(number) for number in range(20)]
    assert asyncio.run(gather_bounded(jobs, limit)) == list(range(20))
    assert watched.most == most


def test_nothing_to_do_is_no_result() -> None:
    assert asyncio.run(gather_bounded([])) == []


def test_the_first_error_ends_everything_before_it_is_raised() -> None:
    watched = Watched()

    async def run() -> None:
        jobs = [watched.job(0), watched.job(1), watched.job(2, fails=True), *map(watched.job, range(3, 100))]
        with pytest.raises(ValueError, match="2"):
            await gather_bounded(jobs, 3)
        assert watched.running == 0
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())
    assert len(watched.begun) < 10
    assert sorted(watched.begun) == sorted(watched.ended)


def test_a_cancelled_caller_leaves_nothing_running() -> None:
    watched = Watched()

    async def run() -> None:
        task = asyncio.ensure_future(gather_bounded([watched.job(0), watched.job(0)]))
        await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert watched.running == 0
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())
