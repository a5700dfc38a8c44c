"""How long a caller waits, how often it tries, and how long it pauses in between."""

from __future__ import annotations

from dataclasses import dataclass

WORTH_ANOTHER_TRY = frozenset({429, 500, 502, 503, 504})
"""Statuses that another try may get over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Timeouts and tries of a client; all times in seconds.

    ``read_seconds`` is what a whole answer may take, from when it was asked for.
    ``attempts`` counts the first try, and holds for calls that are safe to repeat; the others are tried once.
    Pauses double from ``first_pause_seconds``. A service that asks, by ``Retry-After``, for more than
    ``longest_pause_seconds`` is not waited for: the caller is told, and may come back later.
    """

    connect_seconds: float = 3.0
    read_seconds: float = 30.0
    attempts: int = 4
    first_pause_seconds: float = 0.1
    longest_pause_seconds: float = 5.0

    def pause(self, attempt: int, asked: float | None, chance: float) -> float | None:
        """Seconds to wait after try number ``attempt``, from 1; None to give up.

        ``asked`` is what the service wants waited for, if it said so. ``chance``, from 0 to 1, spreads callers
        that failed together: half of each pause, and on top of what was asked, is left to it.
        """
        if attempt >= self.attempts:
            return None
        # Beyond a few dozen doublings the longest pause counts anyway, and a double would overflow.
        doubled = self.first_pause_seconds * 2.0 ** min(attempt - 1, 30)
        spread = min(doubled, self.longest_pause_seconds) * (1 + chance) / 2
        if asked is None:
            return spread
        return None if asked > self.longest_pause_seconds else asked + spread
