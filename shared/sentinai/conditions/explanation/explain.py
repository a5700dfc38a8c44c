"""Clauses in words: for people who decide, and with the actual value where there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sentinai.conditions.evaluation import evaluate
from sentinai.conditions.evaluation.compiled import reader
from sentinai.conditions.evaluation.errors import EvaluationError
from sentinai.conditions.explanation.rule_text import phrase
from sentinai.conditions.explanation.value_text import label, listed_in_words, value_in_words
from sentinai.conditions.language import clause_shapes
from sentinai.conditions.language.clause_shapes import Shape, shape_of
from sentinai.conditions.language.document import Clause
from sentinai.conditions.lint.paths import fields_read, paths_read
from sentinai.exception_fields import SEVERITIES

_COMPARED = {"<": "less than", "<=": "at most", ">": "more than", ">=": "at least"}
_MOST_SHOWN = 12


class Reason(NamedTuple):
    """One clause, held against an exception. ``path`` is None where the clause reads no one path."""

    text: str
    path: str | None
    operator: str
    expected: Any
    actual: Any
    satisfied: bool

    def to_json(self) -> dict[str, Any]:
        """The reason as it stands in answers."""
        text, path, operator, expected, actual, satisfied = self
        return {
            "text": text,
            "path": path,
            "operator": operator,
            "expected": expected,
            "actual": actual,
            "satisfied": satisfied,
        }


def explain(logic: Any, context: Mapping[str, Any]) -> Reason:
    """A clause with the value it met. One that raises is not satisfied, and says so."""
    try:
        satisfied, trouble = evaluate.holds(logic, context), None
    except EvaluationError as error:
        satisfied, trouble = False, str(error)
    told = ExplainedClause(logic)
    reason = told.tell(context, satisfied)
    if trouble is None:
        return reason
    return reason._replace(text=f"{told.words} (evaluation failed: {trouble})")


class ClauseExplainer:
    """Tells clauses with the values they met, and remembers what of it stays the same.

    Of each clause the last reason is kept: the same value met again gives the same one.
    """

    def __init__(self, most: int = 5_000) -> None:
        self._most = most
        self._known: dict[int, tuple[tuple[Clause, ...], tuple[ExplainedClause, ...]]] = {}

    def explain_all(self, clauses: tuple[Clause, ...], context: Mapping[str, Any]) -> tuple[Reason, ...]:
        """The clauses of a playbook that matches, each with the value it met."""
        return tuple([told.tell(context, True) for told in self._told(clauses)])

    def tell(self, clauses: tuple[Clause, ...], index: int, context: Mapping[str, Any]) -> Reason:
        """The one clause of a playbook that does not hold, where it is known that it did not raise."""
        return self._told(clauses)[index].tell(context, False)

    def _told(self, clauses: tuple[Clause, ...]) -> tuple[ExplainedClause, ...]:
        known = self._known.get(id(clauses))
        if known is None:
            if len(self._known) >= self._most:
                self._known.clear()
            told = tuple(ExplainedClause(clause.logic) for clause in clauses)
            # The clauses are kept too, so that their id stays their own.
            known = self._known[id(clauses)] = (clauses, told)
        return known[1]


class ExplainedClause:
    """What of a clause's telling does not depend on the exception."""

    __slots__ = ("_last", "expected", "logic", "operator", "read", "shape", "words")

    def __init__(self, logic: Any) -> None:
        self.logic = logic
        self.words = describe(logic)
        self.shape = shape_of(logic)
        if self.shape is not None:
            self.read = reader(self.shape.path)
            self.expected = _expected(self.shape)
            negation = "not " if self.shape.negated else ""
            self.operator = f"{negation}{self.shape.operator}"
            self._last: Reason | None = None

    def tell(self, context: Mapping[str, Any], satisfied: bool) -> Reason:
        """The clause with the value it met."""
        shape = self.shape
        if shape is None:
            return _reason_of_rule(self.logic, self.words, context, satisfied)
        try:
            actual = self.read(context)
        except EvaluationError:
            actual = None
        last = self._last
        # Texts only: 1, 1.0 and true are equal and not told alike.
        if last is not None and actual.__class__ is str and last.actual == actual and last.satisfied is satisfied:
            return last
        text = f"{self.words} ({_met(shape, actual)})"
        self._last = told = Reason(text, shape.path, self.operator, self.expected, actual, satisfied)
        return told


def describe(logic: Any) -> str:
    """A clause in words, without a value."""
    shape = shape_of(logic)
    if shape is not None:
        return _words(shape)
    if isinstance(logic, bool):
        return "applies to every exception" if logic else "applies to no exception"
    return phrase(logic)


def _reason_of_rule(logic: Any, words: str, context: Mapping[str, Any], satisfied: bool) -> Reason:
    if isinstance(logic, bool):
        return Reason(words, None, "always" if logic else "never", logic, logic, satisfied)
    actual = {name: _look_up(reader(name), context) for name in sorted(set(paths_read(logic)))}
    operator = next(iter(logic)) if isinstance(logic, dict) and logic else "value"
    return Reason(f"{words} ({_values(logic, actual)})", None, str(operator), logic, actual, satisfied)


def _values(logic: Any, actual: Mapping[str, Any]) -> str:
    """What the paths of a rule have; of a list that it goes through, what it reads of the items."""
    fields = fields_read(logic)
    shown = [_of_path(name, value, fields.get(name, ())) for name, value in list(actual.items())[:_MOST_SHOWN]]
    return ", ".join(shown) or "it reads nothing"


def _of_path(name: str, value: Any, fields: Sequence[str]) -> str:
    if not isinstance(value, list):
        return f"{label(name)} is {_given(value)}"
    verb = "are" if name == "policy.tags" else "is"
    if not value:
        return f"{label(name)} {verb} empty"
    if not fields:
        return f"{label(name)} {verb} {listed_in_words(value)}"
    of_items = [
        f"{field} {listed_in_words([_look_up(reader(field), item) for item in value])}" for field in fields
    ]
    return f"in {label(name)}: {'; '.join(of_items)}"


def _given(value: Any) -> str:
    return "missing" if value is None else value_in_words(value)


def _words(shape: Shape) -> str:
    name = label(shape.path)
    if shape.kind == clause_shapes.TRUE:
        return f"{name} is {'not ' if shape.negated else ''}{'true' if shape.path == 'sla.breached' else 'set'}"
    if shape.kind == clause_shapes.COMPARE:
        bound = _bound(shape)
        return f"{name} is {'not ' if shape.negated else ''}{_COMPARED[shape.operator]} {bound}"
    if shape.kind == clause_shapes.MEMBER:
        if shape.path != "policy.tags":
            verb = "does not contain" if shape.negated else "contains"
            return f"{name} {verb} {'any of ' if len(shape.values) > 1 else ''}{listed_in_words(shape.values)}"
        return f"{name} have {_quantity(shape)}{listed_in_words(shape.values)}"
    like = "like " if shape.kind == clause_shapes.GLOB and any("*" in v or "?" in v for v in shape.values) else ""
    if len(shape.values) == 1:
        return f"{name} is {'not ' if shape.negated else ''}{like}{value_in_words(shape.values[0])}"
    return f"{name} is {'none' if shape.negated else 'one'} of {listed_in_words(shape.values)}"


def _quantity(shape: Shape) -> str:
    if shape.negated:
        return "none of " if len(shape.values) > 1 else "no "
    return "at least one of " if len(shape.values) > 1 else ""


def _bound(shape: Shape) -> str:
    value = shape.values[0]
    if shape.path == "exception.severity_rank" and value in (1, 2, 3, 4):
        return SEVERITIES[int(value) - 1]
    return value_in_words(value)


def _expected(shape: Shape) -> Any:
    single = len(shape.values) == 1 and shape.kind != clause_shapes.LISTED
    return shape.values[0] if single else list(shape.values)


def _met(shape: Shape, actual: Any) -> str:
    if actual is None:
        return "there is none"
    if isinstance(actual, list):
        return f"they are {listed_in_words(actual)}" if actual else "there are none"
    if shape.path == "exception.severity_rank" and actual in (1, 2, 3, 4):
        return f"it is {SEVERITIES[actual - 1]}"
    return f"it is {_number_in_words(actual) if isinstance(actual, (int, float)) else value_in_words(actual)}"


@lru_cache(maxsize=1024, typed=True)
def _number_in_words(number: float) -> str:
    """Many clauses of one answer meet the same number."""
    return value_in_words(number)


def _look_up(read: Callable[[Any], Any], context: Any) -> Any:
    try:
        return read(context)
    except EvaluationError:
        return None
