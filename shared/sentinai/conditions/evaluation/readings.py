"""``number`` and ``instant``: a value of one type, and null for a value of another. Nothing is converted by guess.

Their cost does not depend on what they are given, so that a step pays for it: a time is at most 64 characters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sentinai.clock import microseconds
from sentinai.conditions.language.operators import INSTANT, NUMBER


def number(value: Any) -> int | float | None:
    """The value if it is a number, which a boolean is not."""
    return value if value.__class__ is int or value.__class__ is float else None


def instant(value: Any) -> int | None:
    """The microseconds from 1970 to the time that a text gives."""
    return microseconds(value) if value.__class__ is str else None


READINGS: Mapping[str, Callable[[Any], Any]] = {NUMBER: number, INSTANT: instant}
