"""At which SLA minutes a rule may change: the thresholds from which ``valid_until`` is computed.

Time enters a rule only as the minutes until the SLA deadline, and changes a comparison only where they pass
the number that they are compared with. Those numbers are the rule's thresholds. A rule that computes with the
minutes may change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sentinai.conditions.language.guard import arguments
from sentinai.conditions.language.operators import ITERATORS

MINUTES, BREACHED = "sla.minutes_remaining", "sla.breached"
TIME_DEPENDENT_PATHS = frozenset({MINUTES, BREACHED})
CHANGES_ANY_TIME = float("inf")
"""The threshold of a rule that may change at any instant."""

Thresholds = tuple[float, ...]
_COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!=", "===", "!=="})
_CHOICES = frozenset({"and", "or", "if", "?:"})
"""Operators whose value is that of one of their arguments."""
_SCOPES = ("", None, "sla")
_LEAST = timedelta(microseconds=1)
_MICROSECONDS = 60_000_000
SLACK = 1e-6
"""By how many minutes rounding may make a threshold that is still ahead look passed."""


def thresholds_of(logic: Any) -> Thresholds:
    """The minutes remaining at which a rule may become true or false; empty where time does not matter."""
    return tuple(sorted(_thresholds(logic, as_truth=True)))


def joined(thresholds: Iterable[Thresholds]) -> Thresholds:
    """The thresholds of several rules together."""
    return tuple(sorted({value for each in thresholds for value in each}))


def next_change(thresholds: Iterable[float], deadline: datetime | None, as_of: datetime) -> datetime | None:
    """When the next threshold after ``as_of`` is passed; ``as_of`` itself where that may be at any time."""
    if deadline is None:
        return None
    minutes = (deadline - as_of).total_seconds() / 60 + SLACK
    ahead = [each for each in thresholds if each <= minutes or each == CHANGES_ANY_TIME]
    # Minutes run down: the largest threshold is passed next.
    for threshold in sorted(ahead, reverse=True):
        instant = _passed_at(threshold, deadline, as_of)
        if instant is not None:
            return instant
    return None


def _passed_at(threshold: float, deadline: datetime, as_of: datetime) -> datetime | None:
    """When a threshold is passed; None if it is already."""
    if threshold == CHANGES_ANY_TIME:
        return as_of
    microseconds = threshold * _MICROSECONDS
    try:
        # Where the threshold is between two microseconds, the earlier one is on the safe side.
        passed = deadline - timedelta(microseconds=-(-microseconds // 1))
    except OverflowError:
        return None
    if passed > as_of:
        return passed
    return as_of + _LEAST if as_of - passed <= _LEAST else None


def _thresholds(node: Any, as_truth: bool) -> set[float]:
    """The thresholds of a rule; ``as_truth`` says that only the truth of its value matters, not the value."""
    if isinstance(node, list):
        return set().union(*[_thresholds(item, as_truth) for item in node])
    if not isinstance(node, dict) or len(node) != 1:
        return set()
    operator, given = arguments(node)
    if operator == "var":
        return _thresholds_of_var(given[0] if given else "", as_truth) | _thresholds(given[1:], as_truth)
    if operator in _CHOICES:
        return _thresholds(given, as_truth)
    if operator in ("!", "!!"):
        return _thresholds(given, as_truth=True)
    if operator in _COMPARISONS and any(_is_minutes(value) for value in given):
        return _thresholds_of_comparison(given)
    if operator in ITERATORS:
        # In the body, paths start from an item, so time enters only through the list and the initial value.
        return {CHANGES_ANY_TIME} if _thresholds([given[0], *given[2:]], as_truth=False) else set()
    return _thresholds(given, as_truth=False)


def _thresholds_of_comparison(given: list[Any]) -> set[float]:
    others = [value for value in given if not _is_minutes(value)]
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in others):
        return set(others)
    # The library compares minutes with a boolean as truth values, or takes the boolean as 0 or 1.
    return {0, 1} if all(value is None or isinstance(value, bool) for value in others) else {CHANGES_ANY_TIME}


def _thresholds_of_var(name: Any, as_truth: bool) -> set[float]:
    if name == BREACHED or (name == MINUTES and as_truth):
        return {0}
    # The whole scope and ``sla`` contain the minutes, but are always true.
    return {CHANGES_ANY_TIME} if name == MINUTES or (name in _SCOPES and not as_truth) else set()


def _is_minutes(node: Any) -> bool:
    return isinstance(node, Mapping) and node.get("var") in (MINUTES, [MINUTES])
