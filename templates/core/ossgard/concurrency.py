"""Waits for several things at once, but never for too many, and never leaves one behind."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

# A Worker may have six connections open at the same time; a seventh waits for one of them.
MAX_AT_ONCE = 6


async def gather_bounded(jobs: Sequence[Callable[[], Awaitable[T]]], limit: int = MAX_AT_ONCE) -> list[T]:
    """Run jobs, at most `limit` at a time, and return their results in the order of the jobs.

    The first error ends it: no further job is begun, and those under way are cancelled and waited for before the error
    is raised. A task that nobody waits for can wedge the isolate of a Python Worker.
    """
    results: dict[int, T] = {}
    waiting = iter(enumerate(jobs))

    async def work() -> None:
        for index, job in waiting:
            results[index] = await job()

    workers = [asyncio.ensure_future(work()) for _ in range(min(limit, len(jobs)))]
    try:
        await asyncio.gather(*workers)
    except BaseException:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        raise
    return [results[index] for index in range(len(jobs))]
