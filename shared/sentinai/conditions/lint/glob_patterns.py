"""What patterns of ``glob`` say of one another: whether one takes in another, and whether they exclude it.

Every claim made here is certain; where certainty is not to be had, nothing is claimed.
"""

from __future__ import annotations

import re

from sentinai.conditions.evaluation.glob import MAX_COMPARED, glob

_WILD = re.compile(r"[*?]")
_LONGEST = 200
"""Longer patterns with wildcards are compared for equality only: this is about what authors write."""


def is_wild(pattern: str) -> bool:
    """Whether a pattern has a wildcard."""
    return _WILD.search(pattern) is not None


def within(own: str, wanted: str) -> bool:
    """Whether every text that fits ``own`` is certain to fit ``wanted``."""
    own, wanted = own.lower(), wanted.lower()
    if wanted in ("*", own):
        return True
    if not is_wild(own):
        return _is_told(own, wanted) and glob(own, wanted)
    return max(len(own), len(wanted)) <= _LONGEST and _takes_in(wanted, own)


def _takes_in(wanted: str, own: str) -> bool:
    """``wanted`` run over ``own`` as if it were a text, in which only ``*`` takes in a ``*``.

    Row by row, ``reached[i]`` says that the first i characters of ``wanted`` take in what was read of ``own``.
    """
    reached = [True, *(wanted[:length].strip("*") == "" for length in range(1, len(wanted) + 1))]
    for character in own:
        following = [False]
        for index, each in enumerate(wanted, 1):
            if each == "*":
                following.append(reached[index] or following[index - 1])
            else:
                fits = each == character or (each == "?" and character != "*")
                following.append(fits and reached[index - 1])
        reached = following
    return reached[-1]


def excludes(own: str, other: str) -> bool:
    """Whether no text can fit both patterns, as what they begin or end with tells."""
    own, other = own.lower(), other.lower()
    if not is_wild(own):
        return _is_told(own, other) and not glob(own, other)
    if not is_wild(other):
        return _is_told(other, own) and not glob(other, own)
    return _differ(_head(own), _head(other)) or _differ(_head(own[::-1]), _head(other[::-1]))


def _is_told(text: str, pattern: str) -> bool:
    """Whether ``glob`` is certain to say something of a text."""
    return len(text) * len(pattern) <= MAX_COMPARED


def _head(pattern: str) -> str:
    return _WILD.split(pattern, maxsplit=1)[0]


def _differ(one: str, other: str) -> bool:
    return not (one.startswith(other) or other.startswith(one))
