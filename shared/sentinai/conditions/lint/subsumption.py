"""Whether a clause about a path holds whenever another about the same path does.

The answer is yes only if that is certain, with json-logic-qubit's conversions and errors; property tests check it.
"""

from __future__ import annotations

from dataclasses import replace

from sentinai.conditions.evaluation import evaluate
from sentinai.conditions.language import clause_shapes
from sentinai.conditions.language.clause_shapes import Shape
from sentinai.conditions.language.operators import INSTANT, NUMBER
from sentinai.conditions.lint import glob_patterns

NUMERIC_PATHS = frozenset({"exception.amount", "exception.severity_rank", "sla.minutes_remaining"})
"""Paths whose value is a number or null."""
_UPPER = ("<", "<=")
_STRICT = ("<", ">")


def is_narrower(own: Shape, wanted: Shape) -> bool:
    """Whether ``wanted`` certainly holds, without raising, wherever ``own`` holds."""
    if own.negated and wanted.negated:
        return is_narrower(replace(wanted, negated=False), replace(own, negated=False))
    if own.negated:
        return False
    if wanted.negated:
        return _excludes(own, wanted)
    # What holds for a value as a number holds for a number, however the library compares it.
    alike = own.reading == wanted.reading or (own.reading == NUMBER and wanted.reading is None)
    return alike and _is_narrower(own, wanted)


def _is_narrower(own: Shape, wanted: Shape) -> bool:
    if own.kind == wanted.kind == clause_shapes.COMPARE:
        return _is_tighter(own, wanted)
    if own.kind == wanted.kind == clause_shapes.GLOB:
        return all(any(glob_patterns.within(each, other) for other in wanted.values) for each in own.values)
    if own.kind == wanted.kind == clause_shapes.MEMBER:
        return are_texts(own) and are_texts(wanted) and set(own.values) <= set(wanted.values)
    if own.kind == wanted.kind == clause_shapes.TRUE:
        return True
    exact = (clause_shapes.STRICT, clause_shapes.LISTED)
    alike = own.kind in exact and wanted.kind in exact
    return alike and are_texts(own) and are_texts(wanted) and set(own.values) <= set(wanted.values)


def are_texts(shape: Shape) -> bool:
    """Whether all values of a shape are strings, which are equal only to the same string."""
    return all(isinstance(value, str) for value in shape.values)


def _is_tighter(own: Shape, wanted: Shape) -> bool:
    """Whether a bound is within another."""
    a, b = own.values[0], wanted.values[0]
    upper = own.operator in _UPPER
    if upper != (wanted.operator in _UPPER):
        return False
    if a == b:
        return own.operator == wanted.operator or own.operator in _STRICT
    within = a < b if upper else a > b
    return bool(within) and all(_holds(wanted, each) for each in _booleans(own))


def _excludes(own: Shape, wanted: Shape) -> bool:
    """Whether ``own`` excludes everything that ``wanted``, once negated, excludes."""
    if own.reading != wanted.reading and INSTANT in (own.reading, wanted.reading):
        # A value is not both a number and a time; a null, which both may give, satisfies no comparison.
        return own.kind == wanted.kind == clause_shapes.COMPARE and None not in (own.reading, wanted.reading)
    if own.kind == wanted.kind == clause_shapes.COMPARE:
        return _lie_apart(own, wanted) and not any(_holds(wanted, each) for each in _booleans(own))
    if own.kind == wanted.kind == clause_shapes.GLOB:
        return all(glob_patterns.excludes(each, other) for each in own.values for other in wanted.values)
    return False


def _lie_apart(own: Shape, other: Shape) -> bool:
    """Whether no number satisfies both bounds."""
    if (own.operator in _UPPER) == (other.operator in _UPPER):
        return False
    upper, lower = (own, other) if own.operator in _UPPER else (other, own)
    high, low = upper.values[0], lower.values[0]
    return bool(high < low) or (high == low and (upper.operator in _STRICT or lower.operator in _STRICT))


def _booleans(own: Shape) -> list[bool]:
    """The booleans that satisfy a bound: for the library, true equals any number except 0."""
    if own.path in NUMERIC_PATHS or own.reading is not None:
        return []
    return [each for each in (True, False) if _holds(own, each)]


def _holds(bound: Shape, value: bool) -> bool:
    return evaluate.holds({bound.operator: [value, bound.values[0]]}, {})
