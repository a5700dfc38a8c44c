"""Clauses in words: for people who decide, and with the actual value where there is one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sentinai.conditions import evaluate, shapes
from sentinai.conditions.document import Clause
from sentinai.conditions.guard import variables
from sentinai.conditions.shapes import Shape, shape_of
from sentinai.conditions.vocabulary import CONTEXT_PATH, SEVERITIES

_LABELS = {
    "policy.tags": "policy tags",
    "sla.minutes_remaining": "SLA minutes remaining",
    "sla.breached": "SLA breached",
    "exception.severity_rank": "severity",
}
_COMPARED = {"<": "less than", "<=": "at most", ">": "more than", ">=": "at least"}
_MOST_SHOWN = 12
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Reason:
    """One clause, held against an exception. ``path`` is None where the clause reads no one path."""

    text: str
    path: str | None
    operator: str
    expected: Any
    actual: Any
    satisfied: bool

    def to_json(self) -> dict[str, Any]:
        """The reason as it stands in answers."""
        return {
            "text": self.text,
            "path": self.path,
            "operator": self.operator,
            "expected": self.expected,
            "actual": self.actual,
            "satisfied": self.satisfied,
        }


def explain(logic: Any, context: Mapping[str, Any]) -> Reason:
    """A clause with the value it met. One that raises is not satisfied, and says so."""
    try:
        satisfied, trouble = evaluate.holds(logic, context), None
    except evaluate.EvaluationError as error:
        satisfied, trouble = False, str(error)
    return _reason(_Told(logic), context, satisfied, trouble)


class Teller:
    """Tells clauses with the values they met, and remembers what of it stays the same."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._known: dict[int, tuple[Clause, _Told]] = {}

    def tell(self, clause: Clause, context: Mapping[str, Any], *, satisfied: bool) -> Reason:
        """A clause with the value it met, where it is known already whether it holds."""
        known = self._known.get(id(clause))
        if known is None:
            if len(self._known) >= self._most:
                self._known.clear()
            # The clause is kept too, so that its id stays its own.
            known = self._known[id(clause)] = (clause, _Told(clause.logic))
        return _reason(known[1], context, satisfied, None)


class _Told:
    """What of a clause's telling does not depend on the exception."""

    __slots__ = ("expected", "logic", "operator", "parts", "shape", "words")

    def __init__(self, logic: Any) -> None:
        self.logic = logic
        self.words = describe(logic)
        self.shape = shape_of(logic)
        if self.shape is not None:
            self.parts = self.shape.path.split(".")
            self.expected = _expected(self.shape)
            negation = "not " if self.shape.negated else ""
            self.operator = f"{negation}{self.shape.operator}"


def describe(logic: Any) -> str:
    """A clause in words, without a value."""
    shape = shape_of(logic)
    if shape is not None:
        return _words(shape)
    if isinstance(logic, bool):
        return "applies to every exception" if logic else "applies to no exception"
    return f"the rule {_short(logic)} holds"


def _reason(told: _Told, context: Mapping[str, Any], satisfied: bool, trouble: str | None) -> Reason:
    shape = told.shape
    if shape is None:
        return _reason_of_rule(told.logic, context, satisfied, trouble)
    actual = _look_up(told.parts, context)
    met = f"evaluation failed: {trouble}" if trouble else _met(shape, actual)
    return Reason(f"{told.words} ({met})", shape.path, told.operator, told.expected, actual, satisfied)


def _reason_of_rule(logic: Any, context: Mapping[str, Any], satisfied: bool, trouble: str | None) -> Reason:
    if isinstance(logic, bool):
        return Reason(describe(logic), None, "always" if logic else "never", logic, logic, satisfied)
    names = sorted({str(name) for name in variables(logic) if name not in ("", None)})
    actual = {name: _look_up(name.split("."), context) for name in names}
    met = f"evaluation failed: {trouble}" if trouble else _values(actual)
    operator = next(iter(logic)) if isinstance(logic, dict) and logic else "value"
    return Reason(f"{describe(logic)} ({met})", None, str(operator), logic, actual, satisfied)


def _values(actual: Mapping[str, Any]) -> str:
    shown = [f"{label(name)} is {_value(value)}" for name, value in list(actual.items())[:_MOST_SHOWN]]
    return ", ".join(shown) or "it reads nothing"


def label(path: str) -> str:
    """A path as people call it."""
    if path in _LABELS:
        return _LABELS[path]
    if path.startswith(CONTEXT_PATH):
        return f"context.{path.removeprefix(CONTEXT_PATH)}"
    return path.removeprefix("exception.").replace("_", " ") if path.startswith("exception.") else path


def _words(shape: Shape) -> str:
    name = label(shape.path)
    if shape.kind == shapes.TRUE:
        return f"{name} is {'not ' if shape.negated else ''}so"
    if shape.kind == shapes.COMPARE:
        bound = _bound(shape)
        return f"{name} is {'not ' if shape.negated else ''}{_COMPARED[shape.operator]} {bound}"
    if shape.kind == shapes.MEMBER:
        return f"{name} have {_quantity(shape)}{_listed(shape.values)}"
    like = "like " if shape.kind == shapes.GLOB and any("*" in v or "?" in v for v in shape.values) else ""
    if len(shape.values) == 1:
        return f"{name} is {'not ' if shape.negated else ''}{like}{_value(shape.values[0])}"
    return f"{name} is {'none' if shape.negated else 'one'} of {_listed(shape.values)}"


def _quantity(shape: Shape) -> str:
    if shape.negated:
        return "none of " if len(shape.values) > 1 else "no "
    return "at least one of " if len(shape.values) > 1 else ""


def _bound(shape: Shape) -> str:
    value = shape.values[0]
    if shape.path == "exception.severity_rank" and value in (1, 2, 3, 4):
        return SEVERITIES[int(value) - 1]
    return _value(value)


def _expected(shape: Shape) -> Any:
    single = len(shape.values) == 1 and shape.kind != shapes.LISTED
    return shape.values[0] if single else list(shape.values)


def _met(shape: Shape, actual: Any) -> str:
    if actual is None:
        return "there is none"
    if isinstance(actual, list):
        return f"they are {_listed(actual)}" if actual else "there are none"
    if shape.path == "exception.severity_rank" and actual in (1, 2, 3, 4):
        return f"it is {SEVERITIES[actual - 1]}"
    return f"it is {_value(actual)}"


def _listed(values: Any) -> str:
    shown = ", ".join(_value(value) for value in values[:_MOST_SHOWN])
    more = len(values) - _MOST_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else repr(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}" if abs(value) < 10**15 else f"{value:.6g}" if abs(value) < 10**300 else "a huge number"
    return _short(value)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _look_up(parts: Sequence[str], context: Mapping[str, Any]) -> Any:
    try:
        return evaluate.value_at(parts, context)
    except evaluate.EvaluationError:
        return None
