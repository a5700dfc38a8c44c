"""How long to wait after a failure."""

from __future__ import annotations

import random
from datetime import timedelta

_MAX_DOUBLINGS = 32


def backoff(failures: int, *, first: timedelta, longest: timedelta) -> timedelta:
    """``first``, doubled with each failure before this one, up to ``longest``.

    Up to half of it is left out at random, so that what failed together is not tried again together.
    """
    whole: timedelta = min(longest, first * 2 ** min(failures, _MAX_DOUBLINGS))
    return whole * random.uniform(0.5, 1)  # noqa: S311 - jitter, not a secret
