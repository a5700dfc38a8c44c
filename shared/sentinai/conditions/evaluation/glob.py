"""``glob``: whether a text matches a pattern. Nothing is compiled or cached: patterns may come from the data."""

from __future__ import annotations

import re
from typing import Any

from sentinai.conditions.evaluation.budget import charge, charge_search, charge_text
from sentinai.conditions.evaluation.errors import EvaluationError

_LITERAL = re.compile(r"[^?]+")
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
    charge_text(len(value) + len(pattern))
    text, wanted = value.lower(), pattern.lower()
    if "*" not in wanted and "?" not in wanted:
        return text == wanted
    if "?" in wanted and len(text) * len(wanted) > MAX_COMPARED:
        raise EvaluationError(
            f"A text of {len(text)} characters is too long for a pattern of {len(wanted)} characters with ?."
        )
    first, *rest = wanted.split("*")
    charge_search(len(text), len(wanted))
    charge(len(rest) + len(text) * wanted.count("?"))
    return _matches(text, first, rest)


def _matches(text: str, first: str, rest: list[str]) -> bool:
    """Greedy from the left for every segment except the last, which must end the text."""
    if not _is_at(text, first, 0):
        return False
    if not rest:
        return len(first) == len(text)
    position = len(first)
    for segment in rest[:-1]:
        start = _find(text, segment, position)
        if start < 0:
            return False
        position = start + len(segment)
    start = len(text) - len(rest[-1])
    return start >= position and _is_at(text, rest[-1], start)


def _find(text: str, segment: str, position: int) -> int:
    """Where a segment is found first, from a position on; -1 where it is not."""
    if "?" not in segment:
        return text.find(segment, position)
    runs, last = _runs(segment), len(text) - len(segment)
    return next((start for start in range(position, last + 1) if _fits(text, runs, start)), -1)


def _is_at(text: str, segment: str, start: int) -> bool:
    if "?" not in segment:
        return text.startswith(segment, start)
    return start + len(segment) <= len(text) and _fits(text, _runs(segment), start)


def _runs(segment: str) -> list[tuple[int, str]]:
    """The parts of a segment between question marks, each with its offset."""
    return [(found.start(), found.group()) for found in _LITERAL.finditer(segment)]


def _fits(text: str, runs: list[tuple[int, str]], start: int) -> bool:
    return all(text.startswith(run, start + offset) for offset, run in runs)
