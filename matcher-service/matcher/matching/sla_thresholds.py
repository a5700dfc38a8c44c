"""How long an answer holds: the next instant at which the passing of time alone can change it.

Time enters a rule only by the minutes to the SLA deadline, and changes a comparison only where they pass
the number compared with. Those numbers are a clause's marks. A clause that computes with the minutes has
no marks that could be told; an answer that hangs on it is good for its own instant only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sentinai.conditions.language.guard import arguments
from sentinai.conditions.language.vocabulary import ITERATORS

MINUTES, BREACHED = "sla.minutes_remaining", "sla.breached"
TIME_DEPENDENT_PATHS = frozenset({MINUTES, BREACHED})
CHANGES_ANY_TIME = float("inf")
"""The mark of a clause that may change at any instant."""

Thresholds = tuple[float, ...]
_COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!=", "===", "!=="})
_LOGICAL = frozenset({"and", "or", "!", "!!", "if", "?:"})
_LEAST = timedelta(microseconds=1)
_MICROSECONDS = 60_000_000
SLACK = 1e-6
"""Minutes by which a mark may seem to be behind, by rounding, and still be ahead."""


def thresholds_of(logic: Any) -> Thresholds:
    """The minutes remaining at which a clause may change; none for one that time does not touch."""
    if "sla" not in repr(logic) and not _reads_whole_scope(logic):
        return ()
    return tuple(sorted(_marks(logic, parent="and")))


def joined(thresholds: Iterable[Thresholds]) -> Thresholds:
    """The marks of several clauses together."""
    return tuple(sorted({mark for each in thresholds for mark in each}))


def next_change(thresholds: Iterable[float], deadline: datetime | None, as_of: datetime) -> datetime | None:
    """The first instant after ``as_of`` at which a mark is passed; ``as_of`` itself if none can be told."""
    if deadline is None:
        return None
    minutes = (deadline - as_of).total_seconds() / 60 + SLACK
    ahead = [mark for mark in thresholds if mark <= minutes or mark == CHANGES_ANY_TIME]
    while ahead:
        # The largest mark is the next to be passed.
        next_threshold = max(ahead)
        instant = _instant(next_threshold, deadline, as_of)
        if instant is not None:
            return instant
        ahead = [mark for mark in ahead if mark < next_threshold]
    return None


def _instant(mark: float, deadline: datetime, as_of: datetime) -> datetime | None:
    """When a mark is passed; None if it is behind already."""
    if mark == CHANGES_ANY_TIME:
        return as_of
    micros = mark * _MICROSECONDS
    try:
        # Where the mark falls between microseconds, the earlier one is on the safe side.
        passed = deadline - timedelta(microseconds=-(-micros // 1))
    except OverflowError:
        return None
    if passed > as_of:
        return passed
    return as_of + _LEAST if as_of - passed <= _LEAST else None


def _marks(node: Any, parent: str) -> set[float]:
    if isinstance(node, list):
        return {mark for item in node for mark in _marks(item, parent)}
    if not isinstance(node, dict) or len(node) != 1:
        return set()
    operator, given = arguments(node)
    if operator == "var":
        return _marks_of_var(given[0] if given else "", parent) | _marks(given[1:], parent)
    if operator in ("missing", "missing_some"):
        return set()
    if operator in ITERATORS:
        return _marks_of_iterator(given)
    if operator in _COMPARISONS and any(_is_minutes(value) for value in given):
        return _marks_of_comparison(given)
    return {mark for value in given for mark in _marks(value, operator)}


def _marks_of_iterator(given: list[Any]) -> set[float]:
    """Inside an iterator, paths start from an item; so time comes in only by the list and the first value."""
    outside = _marks([given[0], *given[2:]], parent="map")
    return {CHANGES_ANY_TIME} if outside else set()


def _marks_of_comparison(given: list[Any]) -> set[float]:
    others = [value for value in given if not _is_minutes(value)]
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in others):
        return {float(value) for value in others}
    # Held against true, minutes count as true from anything but 0, or it counts as 1: as the operator has it.
    return {0.0, 1.0} if all(value is None or isinstance(value, bool) for value in others) else {CHANGES_ANY_TIME}


def _marks_of_var(name: Any, parent: str) -> set[float]:
    if name == BREACHED:
        return {0.0}
    if name == MINUTES:
        return {0.0} if parent in _LOGICAL else {CHANGES_ANY_TIME}
    return {CHANGES_ANY_TIME} if name in ("", None, "sla") and parent not in _LOGICAL else set()


def _is_minutes(node: Any) -> bool:
    return isinstance(node, Mapping) and node.get("var") in (MINUTES, [MINUTES])


def _reads_whole_scope(logic: Any) -> bool:
    text = repr(logic)
    return "'var': ''" in text or "'var': None" in text or "'var': []" in text or "'var': ['']" in text
