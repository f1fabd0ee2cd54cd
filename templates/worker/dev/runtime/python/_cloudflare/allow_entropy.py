"""Randomness at import time: refused, as Cloudflare's runtime does, since a deployed Worker is a snapshot.

The SDK allows some packages a counted number of calls. Calls that Python makes are stopped where they happen; those
of compiled code are counted by the shim (`_entropy_gate`), which stops the Worker after the imports.
"""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import _entropy_gate

_RANDOM_CLASSES = ("Random", "SystemRandom")


class ImportTimeEntropyError(RuntimeError):
    """Randomness was asked for while the Worker's modules were imported."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name}: a Worker has no randomness while it is imported. Ask for it when an event is handled"
        )


@contextmanager
def allow_bad_entropy_calls(calls: int) -> Iterator[None]:
    """Let that many calls through; what they get is not random."""
    _entropy_gate.allow(calls)
    try:
        yield
    finally:
        _entropy_gate.allow(0)


@contextmanager
def refuse_entropy() -> Iterator[None]:
    """Make randomness raise inside the block; afterwards `random` is to be seeded again."""
    refusal = _Refusal()
    originals: list[tuple[Any, str, Any]] = [(os, "urandom", os.urandom), (random, "_urandom", os.urandom)]
    for name in random.__all__:
        if name not in _RANDOM_CLASSES:
            originals.append((random, name, getattr(random, name)))
    try:
        for owner, name, original in originals:
            setattr(owner, name, refusal.guard(f"{owner.__name__}.{name}", original))
        yield
    finally:
        refusal.active = False
        for owner, name, original in originals:
            setattr(owner, name, original)


class _Refusal:
    """Guards functions while it is active: a module may have imported one by name, and keeps the guarded one."""

    def __init__(self) -> None:
        self.active = True

    def guard(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **options: Any) -> Any:
            if self.active and _entropy_gate.left() < 1:
                raise ImportTimeEntropyError(name)
            return function(*args, **options)

        return guarded
