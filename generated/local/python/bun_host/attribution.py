"""Tells the TypeScript half what Python works on, so that it knows what ended Python when that happens."""

import asyncio
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from typing import Any

from bun_host.javascript import HostFunctions

# What a task works on; the tasks that it starts inherit it.
_WORK: ContextVar[tuple[str, str]] = ContextVar("work", default=("", ""))


class Attribution:
    """Watches the event loop: before it runs anything, the host is told for what."""

    def __init__(self, host: HostFunctions, loop: asyncio.AbstractEventLoop) -> None:
        self._host = host
        self._told = ("", "")
        self._call_soon: Callable[..., asyncio.Handle] = loop.call_soon
        # Every step of a task comes this way, in the context of its task.
        loop.call_soon = self._call_soon_attributed  # type: ignore[assignment, method-assign]

    def begin(self, kind: str, name: str = "") -> None:
        """Say what the present task works on."""
        _WORK.set((kind, name))
        self._tell((kind, name))

    def _call_soon_attributed(
        self, callback: Callable[..., object], *arguments: Any, context: Context | None = None
    ) -> asyncio.Handle:
        own = copy_context() if context is None else context

        def run(*values: Any) -> None:
            self._tell(own.get(_WORK, ("", "")))
            callback(*values)

        return self._call_soon(run, *arguments, context=own)

    def _tell(self, work: tuple[str, str]) -> None:
        if work != self._told:
            self._told = work
            self._host.turnTo(*work)
