"""Timeouts, retries and the pauses between them."""

from __future__ import annotations

from dataclasses import dataclass

RETRYABLE_STATUSES = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Timeouts and retries of a client; all times in seconds.

    ``read_seconds`` limits the whole response, from the moment the request is sent. ``attempts`` includes the
    first one and applies to requests that are safe to repeat; others are sent once. Pauses double from
    ``first_pause_seconds``. When a service asks by ``Retry-After`` for more than ``longest_pause_seconds``, the
    client gives up, and the caller may try again later.
    """

    connect_seconds: float = 3.0
    read_seconds: float = 30.0
    attempts: int = 4
    first_pause_seconds: float = 0.1
    longest_pause_seconds: float = 5.0

    def pause(self, attempt: int, retry_after: float | None, jitter: float) -> float | None:
        """Seconds to wait after attempt number ``attempt``, counted from 1; None to give up.

        ``retry_after`` is the pause that the service asked for, if any. ``jitter``, from 0 to 1, spreads out
        clients that failed together: it scales half of each pause, and is added to what the service asked for.
        """
        if attempt >= self.attempts:
            return None
        # Beyond a few dozen doublings the longest pause applies anyway, and a float would overflow.
        doubled = self.first_pause_seconds * 2.0 ** min(attempt - 1, 30)
        pause = min(doubled, self.longest_pause_seconds) * (1 + jitter) / 2
        if retry_after is None:
            return pause
        return None if retry_after > self.longest_pause_seconds else retry_after + pause
