"""What clauses of the common shapes allow a value to be: for contradictions, and for one rule implying another.

Every claim made here is certain; where certainty is not to be had, nothing is claimed.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import dataclass

from sentinai.conditions import shapes
from sentinai.conditions.document import Clause, Conditions
from sentinai.conditions.evaluate import glob
from sentinai.conditions.shapes import Shape, shape_of

_NUMERIC_PATHS = frozenset({"exception.amount", "exception.severity_rank", "sla.minutes_remaining"})
"""Paths that hold a number or null and nothing else, so that bounds on them say all."""


@dataclass(slots=True)
class Allowed:
    """What clauses about one path leave: texts, and numbers between two bounds.

    ``exact`` are the texts that clauses minding the case leave, ``folded`` those in lower case that all do; None
    is any. A bound is (number, strict).
    """

    exact: set[str] | None = None
    folded: set[str] | None = None
    low: tuple[float, bool] = (-math.inf, False)
    high: tuple[float, bool] = (math.inf, False)
    bounded: bool = False

    def narrow(self, shape: Shape) -> None:
        """Take one more clause into account."""
        if shape.kind == shapes.COMPARE:
            self._bound(shape)
            return
        texts = _texts(shape)
        if texts is None:
            return
        folded = {text.lower() for text in texts}
        if shape.negated:
            self._exclude(shape, texts, folded)
            return
        self.folded = folded if self.folded is None else self.folded & folded
        if shape.kind != shapes.GLOB:
            self.exact = texts if self.exact is None else self.exact & texts

    def _exclude(self, shape: Shape, texts: set[str], folded: set[str]) -> None:
        if shape.kind == shapes.GLOB and self.folded is not None:
            self.folded = self.folded - folded
        elif shape.kind != shapes.GLOB and self.exact is not None:
            self.exact = self.exact - texts

    def _bound(self, shape: Shape) -> None:
        if shape.negated or shape.path not in _NUMERIC_PATHS:
            return
        bound = (float(shape.values[0]), "=" not in shape.operator)
        self.bounded = True
        if shape.operator in ("<", "<="):
            self.high = min(self.high, bound, key=lambda each: (each[0], not each[1]))
        else:
            self.low = max(self.low, bound)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left."""
        (low, low_strict), (high, high_strict) = self.low, self.high
        no_number = low > high or (low == high and (low_strict or high_strict))
        no_text = self.exact == set() or self.folded == set()
        return no_text or (self.bounded and no_number)


def canonical(conditions: Conditions) -> frozenset[str]:
    """The clauses as a set, for telling whether two rules say the same."""
    return frozenset(json.dumps(clause.logic, sort_keys=True) for clause in conditions.clauses)


def first_contradiction(conditions: Conditions) -> Clause | None:
    """The first clause that leaves nothing of what those before it allow; None where none is certain to."""
    left: dict[str, Allowed] = defaultdict(Allowed)
    for clause in conditions.clauses:
        shape = shape_of(clause.logic)
        if shape is None:
            continue
        left[shape.path].narrow(shape)
        if left[shape.path].is_empty:
            return clause
    return None


def _texts(shape: Shape) -> set[str] | None:
    """The texts that a clause names, where it admits just those: in lower case for a glob, which ignores case."""
    if shape.kind in (shapes.STRICT, shapes.LISTED) and all(isinstance(value, str) for value in shape.values):
        return set(shape.values)
    if shape.kind == shapes.GLOB and not any("*" in value or "?" in value for value in shape.values):
        return {value.lower() for value in shape.values}
    return None


def implies(narrow: Conditions, wide: Conditions) -> bool:
    """Whether every exception that meets ``narrow`` is certain to meet ``wide``."""
    own = [shape for clause in narrow.clauses if (shape := shape_of(clause.logic))]
    known = canonical(narrow)
    return all(
        clause.logic is True or json.dumps(clause.logic, sort_keys=True) in known or _follows(clause.logic, own)
        for clause in wide.clauses
    )


def _follows(logic: object, own: list[Shape]) -> bool:
    wanted = shape_of(logic)
    return wanted is not None and any(each.path == wanted.path and _is_narrower(each, wanted) for each in own)


def _is_narrower(own: Shape, wanted: Shape) -> bool:
    """Whether a clause about a path holds whenever another about the same path does."""
    if wanted.negated or own.negated:
        return False
    if own.kind == wanted.kind == shapes.COMPARE:
        return _is_tighter(own, wanted)
    if own.kind == wanted.kind == shapes.MEMBER:
        return set(own.values) <= set(wanted.values)
    if own.kind == wanted.kind == shapes.GLOB:
        return all(_globs_within(value, wanted) for value in own.values)
    own_texts, wanted_texts = _texts(own), _texts(wanted)
    same_kind = (own.kind == shapes.GLOB) == (wanted.kind == shapes.GLOB)
    return own_texts is not None and wanted_texts is not None and same_kind and own_texts <= wanted_texts


def _globs_within(pattern: str, wanted: Shape) -> bool:
    """Whether all that fits a pattern fits one of another clause's: the same, a catch-all, or a text that fits."""
    if "*" in pattern or "?" in pattern:
        return any(other in ("*", pattern) for other in wanted.values)
    return any(glob(pattern, other) for other in wanted.values)


def _is_tighter(own: Shape, wanted: Shape) -> bool:
    upper = own.operator in ("<", "<=")
    if upper != (wanted.operator in ("<", "<=")) or own.path not in _NUMERIC_PATHS:
        return False
    a, b = own.values[0], wanted.values[0]
    if a == b:
        return "=" in wanted.operator or "=" not in own.operator
    return bool(a < b) if upper else bool(a > b)
