"""``glob``: whether a text matches a pattern, in time linear in the text."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from sentinai.conditions.evaluation.errors import EvaluationError

MAX_COMPARED = 1_000_000
"""The length of a text times that of a pattern with ``?``: about the number of characters compared."""


def glob(value: Any, pattern: Any) -> bool:
    """Whether a text matches a pattern: ``*`` is any text, ``?`` any character, all else itself, ignoring case.

    False for what is not a text. Nothing backtracks; but each character of the text may be compared with the whole
    of a pattern that has a ``?``.

    Raises:
        EvaluationError: the text is too long for a pattern with ``?``.
    """
    if not isinstance(value, str) or not isinstance(pattern, str):
        return False
    text, wanted = value.lower(), pattern.lower()
    if "*" not in wanted and "?" not in wanted:
        return text == wanted
    if "?" in wanted and len(text) * len(wanted) > MAX_COMPARED:
        raise EvaluationError(
            f"A text of {len(text)} characters is too long for a pattern of {len(wanted)} characters with ?."
        )
    return _matches(text, _segments(wanted))


@lru_cache(maxsize=8192)
def _segments(pattern: str) -> tuple[re.Pattern[str], ...]:
    """The parts between stars, as expressions of a fixed length."""
    return tuple(
        re.compile("".join("." if character == "?" else re.escape(character) for character in part), re.DOTALL)
        for part in pattern.split("*")
    )


def _matches(text: str, segments: tuple[re.Pattern[str], ...]) -> bool:
    """Greedy from the left for every segment except the last, which must end the text."""
    first, *rest = segments
    found = first.match(text)
    if found is None:
        return False
    if not rest:
        return found.end() == len(text)
    position = found.end()
    for segment in rest[:-1]:
        found = segment.search(text, position)
        if found is None:
            return False
        position = found.end()
    return _ends_with(text, rest[-1], position)


def _ends_with(text: str, segment: re.Pattern[str], position: int) -> bool:
    length = _length(segment)
    return len(text) - length >= position and segment.match(text, len(text) - length) is not None


def _length(segment: re.Pattern[str]) -> int:
    """How many characters an expression of fixed length matches."""
    return len(re.sub(r"\\(.)", r"\1", segment.pattern, flags=re.DOTALL))
