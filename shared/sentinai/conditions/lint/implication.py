"""Which clauses follow from others: to find contradictions, and rules that cover another.

A clause follows with certainty in five cases, evaluated by the library where possible: it is the same as another;
it holds for every remaining severity; it holds for every remaining value of its path; it excludes only values that
are excluded already; it is wider than another clause about the same path.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from sentinai.clock import format_time, time_at
from sentinai.conditions.evaluation import evaluate
from sentinai.conditions.evaluation.budget import charge_request, nodes
from sentinai.conditions.evaluation.errors import EvaluationError
from sentinai.conditions.language import clause_shapes
from sentinai.conditions.language.clause_shapes import Shape, shape_of
from sentinai.conditions.language.guard import arguments, variables
from sentinai.conditions.language.operators import INSTANT
from sentinai.conditions.lint.subsumption import NUMERIC_PATHS, are_texts, is_narrower
from sentinai.exception_fields import SEVERITIES

SEVERITY_PATHS = frozenset({"exception.severity", "exception.severity_rank"})
STATES: tuple[dict[str, Any], ...] = (
    {"exception": {"severity": None, "severity_rank": None}},
    *({"exception": {"severity": name, "severity_rank": rank}} for rank, name in enumerate(SEVERITIES, 1)),
)
"""Every severity as rules see it: a name and a rank."""
_MINUTES, _BREACHED = "sla.minutes_remaining", "sla.breached"
_MOST_VALUES = 64
_LONGEST_CACHED = 500
_CLAUSE, _NODE, _COMPARISON = 20, 5, 10
"""What it costs to look at a clause, at each of its nodes, and to compare it with a value of another."""
ALL_STATES = frozenset(range(len(STATES)))
_EXACT = (clause_shapes.STRICT, clause_shapes.LISTED)

Subject = tuple[str, str | None]
"""What a clause is about: a path, and the operator that the value there is read through, if any."""


class Constraints:
    """Clauses that hold together, and the values that they leave possible."""

    def __init__(self, clauses: Iterable[Any] = ()) -> None:
        self.signatures: set[str] = set()
        self.shapes: dict[str, list[Shape]] = {}
        self.values: dict[Subject, list[Any]] = {}
        self.states = ALL_STATES
        self._about: dict[Subject, list[Any]] = {}
        for logic in clauses:
            self.add(logic)

    def add(self, logic: Any) -> None:
        """Add a clause that holds."""
        self.signatures.add(signature(logic))
        states = severity_states(logic)
        if states is not None:
            self.states &= states
        shape = shape_of(logic)
        if shape is not None:
            self._add_shape(shape, logic)
            for derived in _derived(shape, logic):
                self._add_shape(*derived)

    def _add_shape(self, shape: Shape, logic: Any) -> None:
        self.shapes.setdefault(shape.path, []).append(shape)
        own = (shape.path, shape.reading)
        for subject in _subjects(shape):
            self._about.setdefault(subject, []).append(logic)
            if subject in self.values:
                self.values[subject] = [each for each in self.values[subject] if holds(logic, _at(subject, each))]
        if own in self.values or shape.negated or shape.kind not in _EXACT or len(shape.values) > _MOST_VALUES:
            return
        found = [each for value in shape.values for each in _variants(value, own)]
        about = self._about[own]
        self.values[own] = [value for value in found if all(holds(each, _at(own, value)) for each in about)]

    @property
    def is_impossible(self) -> bool:
        """Whether the clauses certainly cannot all hold."""
        return not self.states or not all(self.values.values())

    def imply(self, logic: Any) -> bool:
        """Whether a clause certainly holds, without raising, wherever these do."""
        charge_request(_CLAUSE + _NODE * nodes(logic))
        shape = shape_of(logic)
        if shape is None:
            return logic is True or signature(logic) in self.signatures or self._severity_implies(logic)
        if shape.path in SEVERITY_PATHS:
            return self._severity_implies(logic)
        if shape.path not in self.shapes:
            return shape.negated and not shape.values
        if signature(logic) in self.signatures:
            return True
        if any(self._every_value_satisfies(logic, subject) for subject in _subjects(shape)):
            return True
        if shape.negated and shape.kind in _EXACT and self._has_none_of(shape):
            return True
        about = self.shapes.get(shape.path, ())
        charge_request(_COMPARISON * sum(1 + len(own.values) for own in about))
        return any(is_narrower(own, shape) for own in about)

    def _every_value_satisfies(self, logic: Any, subject: Subject) -> bool:
        values = self.values.get(subject)
        return values is not None and all(holds(logic, _at(subject, value)) for value in values)

    def _severity_implies(self, logic: Any) -> bool:
        """Whether a clause depends on the severity alone, and holds for each that remains."""
        states = severity_states(logic)
        return states is not None and self.states <= states

    def _has_none_of(self, shape: Shape) -> bool:
        """Whether every value of a shape is excluded by a clause about its path."""
        subject = (shape.path, shape.reading)
        about = self._about.get(subject, ())
        few = len(shape.values) <= _MOST_VALUES
        return few and all(
            any(not holds(each, _at(subject, value)) for each in about)
            for literal in shape.values
            for value in _variants(literal, subject)
        )


def signature(logic: Any) -> str:
    """Equal for clauses that say the same, whatever their order and shape."""
    shape = shape_of(logic)
    if shape is None:
        return json.dumps(logic, sort_keys=True)
    kind, values = shape.kind, list(shape.values)
    if kind == clause_shapes.GLOB:
        values = [value.lower() for value in values]
    elif kind in _EXACT and are_texts(shape):
        kind = clause_shapes.LISTED
    written = sorted({json.dumps(value) for value in values})
    operator = shape.operator if kind == clause_shapes.COMPARE else kind
    subject = f"{shape.reading or ''} {shape.path}"
    return f"{'not ' if shape.negated else ''}{subject} {operator} {' '.join(written)}"


def constant(logic: Any) -> bool | None:
    """True if a clause certainly holds for every exception, False if for none, None otherwise.

    A clause that raises does not hold.
    """
    shape = shape_of(logic)
    if shape is not None and not shape.values:
        return shape.negated
    states = severity_states(logic)
    return None if states is None or 0 < len(states) < len(STATES) else bool(states)


def severity_states(logic: Any) -> frozenset[int] | None:
    """In which ``STATES`` a clause holds, as indexes; None for one that reads more than the severity."""
    text = json.dumps(logic)
    read = _severity_states if len(text) <= _LONGEST_CACHED else _severity_states.__wrapped__
    return read(text)


@lru_cache(maxsize=8192)
def _severity_states(text: str) -> frozenset[int] | None:
    """Cached by the clause's text, since catalogues repeat such clauses."""
    logic = json.loads(text)
    if not _reads_only(logic, SEVERITY_PATHS):
        return None
    return frozenset(index for index, state in enumerate(STATES) if holds(logic, state))


def _reads_only(logic: Any, paths: frozenset[str]) -> bool:
    return all(name in paths for name in variables(logic)) and not _names_are_computed(logic)


def _names_are_computed(logic: Any) -> bool:
    """Whether ``missing`` has computed arguments, so that the names it reads are unknown."""
    if isinstance(logic, list):
        return any(_names_are_computed(item) for item in logic)
    if not isinstance(logic, dict):
        return False
    operator, given = arguments(logic)
    if operator in ("missing", "missing_some") and _has_rule(given):
        return True
    return any(_names_are_computed(value) for value in given)


def _has_rule(given: Any) -> bool:
    return isinstance(given, dict) or (isinstance(given, list) and any(_has_rule(item) for item in given))


def _derived(shape: Shape, logic: Any) -> list[tuple[Shape, Any]]:
    """What a clause about the SLA minutes implies for the breach, and the reverse: it is breached below 0."""
    if shape.path == _BREACHED:
        of_breach = (_BREACHED, None)
        return _derived_from_breach([each for each in (True, False) if holds(logic, _at(of_breach, each))])
    if shape.path != _MINUTES or shape.kind != clause_shapes.COMPARE or shape.negated:
        return []
    bound = shape.values[0]
    if shape.operator in ("<", "<="):
        breached = bound < 0 or (bound == 0 and shape.operator == "<")
        return [_clause({"===": [{"var": _BREACHED}, True]})] if breached else []
    return [_clause({"===": [{"var": _BREACHED}, False]})] if bound >= 0 else []


def _derived_from_breach(possible: list[bool]) -> list[tuple[Shape, Any]]:
    """A clause that excludes one value of the breach implies the other."""
    if len(possible) != 1:
        return []
    found = [_clause({"===": [{"var": _BREACHED}, possible[0]]})]
    return [*found, _clause({"<": [{"var": _MINUTES}, 0]})] if possible[0] else found


def _clause(logic: Any) -> tuple[Shape, Any]:
    shape = shape_of(logic)
    assert shape is not None, logic
    return shape, logic


def _variants(value: Any, subject: Subject) -> list[Any]:
    """All JSON values that the library treats as equal to a value: a number may have several types."""
    path, reading = subject
    if isinstance(value, str) or value is None or reading == INSTANT:
        return [value]
    number = [int(value)] if value == int(value) else []
    zero = [-0.0] if value == 0 else []
    booleans = [bool(value)] if value in (0, 1) and path not in NUMERIC_PATHS else []
    same = [value, *number, float(value), *zero, *booleans]
    return list({repr(each): each for each in same}.values())


def _subjects(shape: Shape) -> tuple[Subject, ...]:
    """What a clause limits: the value as it is read, and the value itself."""
    itself = (shape.path, None)
    return (itself,) if shape.reading is None else ((shape.path, shape.reading), itself)


def _at(subject: Subject, value: Any) -> Any:
    """Data with nothing but a value at a path: for an instant, a text that gives it."""
    path, reading = subject
    if reading == INSTANT:
        value = format_time(time_at(value))
    for part in reversed(path.split(".")):
        value = {part: value}
    return value


def holds(logic: Any, data: Any) -> bool:
    """Whether a clause holds for some data; false if it raises."""
    try:
        return evaluate.holds(logic, data)
    except EvaluationError:
        return False
