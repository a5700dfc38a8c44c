"""How long an answer holds: the next instant at which the passing of time alone can change it.

Time enters a rule only by the minutes to the SLA deadline, and changes a comparison only where they pass
the number compared with. Those numbers are a clause's marks. A clause that computes with the minutes has
no marks that could be told; an answer that hangs on it is good for its own instant only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sentinai.conditions.guard import arguments

MINUTES, BREACHED = "sla.minutes_remaining", "sla.breached"
TIMED_PATHS = frozenset({MINUTES, BREACHED})
OPAQUE = float("inf")
"""The mark of a clause that may change at any instant."""

Marks = tuple[float, ...]
_COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!=", "===", "!=="})
_LOGICAL = frozenset({"and", "or", "!", "!!", "if", "?:"})
_LEAST = timedelta(microseconds=1)
_MICROSECONDS = 60_000_000


def marks_of(logic: Any) -> Marks:
    """The minutes remaining at which a clause may change; none for one that time does not touch."""
    if "sla" not in repr(logic) and not _reads_whole_scope(logic):
        return ()
    return tuple(sorted(_marks(logic, parent="and")))


def joined(marks: Iterable[Marks]) -> Marks:
    """The marks of several clauses together."""
    return tuple(sorted({mark for each in marks for mark in each}))


def next_change(marks: Iterable[Marks], deadline: datetime | None, as_of: datetime) -> datetime | None:
    """The first instant after ``as_of`` at which a mark is passed; ``as_of`` itself if none can be told."""
    if deadline is None:
        return None
    instants = [_instant(mark, deadline, as_of) for each in marks for mark in each]
    return min((instant for instant in instants if instant is not None), default=None)


def _instant(mark: float, deadline: datetime, as_of: datetime) -> datetime | None:
    if mark == OPAQUE:
        return as_of
    micros = mark * _MICROSECONDS
    try:
        # Where the mark falls between microseconds, the earlier one is on the safe side.
        passed = deadline - timedelta(microseconds=-(-micros // 1) if micros % 1 else micros)
    except OverflowError:
        return None
    if passed > as_of:
        return passed
    return as_of + _LEAST if passed == as_of or as_of - passed <= _LEAST else None


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
    if operator in _COMPARISONS and any(_is_minutes(value) for value in given):
        return _marks_of_comparison(given)
    return {mark for value in given for mark in _marks(value, operator)}


def _marks_of_comparison(given: list[Any]) -> set[float]:
    others = [value for value in given if not _is_minutes(value)]
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in others):
        return {float(value) for value in others}
    return {0.0} if all(value is None or isinstance(value, bool) for value in others) else {OPAQUE}


def _marks_of_var(name: Any, parent: str) -> set[float]:
    if name == BREACHED:
        return {0.0}
    if name == MINUTES:
        return {0.0} if parent in _LOGICAL else {OPAQUE}
    return {OPAQUE} if name in ("", None, "sla") and parent not in _LOGICAL else set()


def _is_minutes(node: Any) -> bool:
    return isinstance(node, Mapping) and node.get("var") in (MINUTES, [MINUTES])


def _reads_whole_scope(logic: Any) -> bool:
    text = repr(logic)
    return "'var': ''" in text or "'var': None" in text or "'var': []" in text or "'var': ['']" in text
