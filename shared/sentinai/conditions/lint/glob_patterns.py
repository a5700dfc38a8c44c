"""How patterns of ``glob`` relate: whether one includes another, and whether they exclude each other.

The answer is yes only if that is certain.
"""

from __future__ import annotations

import re

from sentinai.conditions.evaluation import evaluate
from sentinai.conditions.evaluation.budget import charge_request
from sentinai.conditions.evaluation.errors import EvaluationError

_WILD = re.compile(r"[*?]")
_LONGEST = 200
"""Longer patterns with wildcards are only compared for equality."""


def is_wild(pattern: str) -> bool:
    """Whether a pattern has a wildcard."""
    return _WILD.search(pattern) is not None


def within(own: str, wanted: str) -> bool:
    """Whether every text that matches ``own`` certainly matches ``wanted``."""
    own, wanted = own.lower(), wanted.lower()
    if wanted in ("*", own):
        return True
    if not is_wild(own):
        return _matches(own, wanted) is True
    return max(len(own), len(wanted)) <= _LONGEST and _includes(wanted, own)


def _includes(wanted: str, own: str) -> bool:
    """Match ``own`` against ``wanted`` as if it were a text in which only ``*`` matches a ``*``.

    ``reached[i]`` says that the first i characters of ``wanted`` match what was read of ``own``.
    """
    charge_request(len(wanted) * len(own))
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
    """Whether no text can match both patterns, judged by how they begin and end."""
    own, other = own.lower(), other.lower()
    if not is_wild(own):
        return _matches(own, other) is False
    if not is_wild(other):
        return _matches(other, own) is False
    return _starts_differ(own, other) or _starts_differ(own[::-1], other[::-1])


def _matches(text: str, pattern: str) -> bool | None:
    """Whether a text matches a pattern; None where that cannot be evaluated."""
    try:
        return evaluate.holds({"glob": [text, pattern]}, {})
    except EvaluationError:
        return None


def _starts_differ(one: str, other: str) -> bool:
    """Whether two patterns begin with different characters, up to their first wildcards."""
    start, other_start = (_WILD.split(pattern, maxsplit=1)[0] for pattern in (one, other))
    return not (start.startswith(other_start) or other_start.startswith(start))
