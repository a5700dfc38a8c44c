"""What was probably meant by a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from itertools import islice

_MOST_LISTED = 50
_MOST_COMPARED = 200_000
"""Characters of a name times those of all known ones: comparing so many takes about 5 ms."""
LONGEST_NAME = 200
"""Comparing two names takes time in proportion to the product of their lengths."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like a given one, ignoring case; None if none is, or too much is to compare."""
    if len(name) > LONGEST_NAME:
        return None
    by_lower_case = {each.lower(): each for each in known if len(each) <= LONGEST_NAME}
    if len(name) * sum(map(len, by_lower_case)) > _MOST_COMPARED:
        return None
    found = difflib.get_close_matches(name.lower(), by_lower_case, n=1)
    return by_lower_case[found[0]] if found else None


def did_you_mean(suggestion: str | None, otherwise: str | None = None) -> str | None:
    """The hint that offers a suggestion; ``otherwise`` where there is none."""
    return otherwise if suggestion is None else f"Did you mean {suggestion!r}?"


def some_of(names: Collection[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - _MOST_LISTED
    shown = ", ".join(islice(names, _MOST_LISTED)) or "none"
    return f"{shown} and {more:,} more" if more > 0 else shown
