"""How long the caller of the current request will still wait: what nobody waits for is not worked on.

A caller says so in milliseconds, counted from receipt (``X-Request-Deadline``). Without a deadline, as in the
worker, there is all the time in the world.
"""

from __future__ import annotations

import math
import time
from contextvars import ContextVar

from sentinai import turns
from sentinai.problems import DeadlineExceeded

HEADER = "X-Request-Deadline"
LONGEST_MILLISECONDS = 60_000
_end: ContextVar[float] = ContextVar("deadline", default=math.inf)


def start(received: float, milliseconds: float = math.inf) -> None:
    """Begin a request that was received at an instant of the monotonic clock."""
    _end.set(received + milliseconds / 1000)


def seconds_left() -> float:
    """How long the caller will still wait; infinite without a deadline, negative once it has passed."""
    return _end.get() - time.monotonic()


def pause() -> None:
    """Let others have their turn, now and then in long work, and insist that somebody still waits.

    Raises:
        DeadlineExceeded: the deadline has passed.
    """
    turns.wait()
    check()


def check() -> None:
    """Insist that somebody still waits.

    Raises:
        DeadlineExceeded: the deadline has passed.
    """
    if seconds_left() <= 0:
        raise DeadlineExceeded(
            f"The time that the caller gave by {HEADER} has passed. Give more, or ask for less at once."
        )
