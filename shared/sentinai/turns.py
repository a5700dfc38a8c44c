"""Long computations take turns, one at a time in a process, so that short calls are answered in between.

Whoever serves calls offers a way to wait for a turn; elsewhere, as in the worker, nobody waits.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

_wait: ContextVar[Callable[[], None]] = ContextVar("turn", default=lambda: None)


def offer(wait: Callable[[], None]) -> None:
    """From here on, in this thread, ``wait`` waits for a turn; it is called again and again by long work."""
    _wait.set(wait)


def wait() -> None:
    """Wait for a turn, if the work in this thread has gone on for long and does not have it yet."""
    _wait.get()()
