"""Why a clause holds or does not: the clause in words, and the value it was compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import islice
from typing import Any, NamedTuple

from sentinai.conditions.evaluation import evaluate
from sentinai.conditions.evaluation.budget import charge_reasons
from sentinai.conditions.evaluation.errors import EvaluationError
from sentinai.conditions.evaluation.path_reader import reader
from sentinai.conditions.evaluation.readings import READINGS
from sentinai.conditions.explanation.rule_text import rule_in_words
from sentinai.conditions.explanation.value_text import (
    MOST_SHOWN,
    label,
    listed_in_words,
    shortened,
    truncated,
    value_in_words,
)
from sentinai.conditions.language import clause_shapes, operators
from sentinai.conditions.language.clause_shapes import Shape, shape_of, shown_values
from sentinai.conditions.language.document import Clause, parse
from sentinai.conditions.language.paths import fields_read, paths_read
from sentinai.exception_fields import SEVERITIES
from sentinai.problems import InvalidDocument

_COMPARED = {"<": "less than", "<=": "at most", ">": "more than", ">=": "at least"}
_COMPARED_TIMES = {"<": "before", "<=": "at or before", ">": "after", ">=": "at or after"}
_NOT_READ = {operators.NUMBER: "not a number", operators.INSTANT: "not a time"}
MAX_ACTUAL = 512
"""The longest value that a reason repeats in full; a response has thousands of reasons."""
_MAX_OBSERVED = 1_000


class Reason(NamedTuple):
    """The result of one clause for one exception.

    ``condition`` is the clause in words, ``observed`` the value that it read, in words (None where it reads none).
    ``path`` is None for a clause that does not read exactly one path. ``error`` says why evaluation failed. Of an
    ``actual`` value longer than ``MAX_ACTUAL``, it is the beginning, and ``truncated``.
    """

    condition: str
    observed: str | None
    path: str | None
    operator: str
    expected: Any
    actual: Any
    satisfied: bool
    error: str | None = None
    truncated: bool = False

    @property
    def text(self) -> str:
        """The whole reason as one phrase."""
        if self.error is not None:
            return f"{self.condition} (evaluation failed: {self.error})"
        return self.condition if self.observed is None else f"{self.condition} (actual: {self.observed})"

    def to_json(self) -> dict[str, Any]:
        """The reason by the schema ``reason``."""
        condition, observed, path, operator, expected, actual, satisfied, error, cut = self
        document = {
            "text": self.text,
            "condition": condition,
            "observed": observed,
            "path": path,
            "operator": operator,
            "expected": expected,
            "actual": actual,
            "satisfied": satisfied,
        }
        if error is not None:
            document["error"] = error
        if cut:
            document["truncated"] = True
        return document


def explain(logic: Any, context: Mapping[str, Any]) -> Reason:
    """Evaluate a clause and explain the result. A clause that raises is not satisfied."""
    explained = ExplainedClause(logic)
    try:
        return explained.reason(context, evaluate.holds(logic, context))
    except EvaluationError as error:
        return explained.reason(context, False)._replace(error=str(error))


class ClauseExplainer:
    """Explains the clauses of a catalogue, and caches what does not depend on the exception."""

    def __init__(self, most: int = 5_000) -> None:
        self._most = most
        self._cache: dict[int, tuple[tuple[Clause, ...], tuple[ExplainedClause, ...]]] = {}

    def explain_all(self, clauses: tuple[Clause, ...], context: Mapping[str, Any]) -> tuple[Reason, ...]:
        """The reasons of a playbook that matches, one per clause."""
        charge_reasons(len(clauses))
        return tuple([explained.reason(context, True) for explained in self._explained(clauses)])

    def explain_failed(self, clauses: tuple[Clause, ...], index: int, context: Mapping[str, Any]) -> Reason:
        """The reason for the clause at ``index``, known to be false without having raised."""
        return self._explained(clauses)[index].reason(context, False)

    def _explained(self, clauses: tuple[Clause, ...]) -> tuple[ExplainedClause, ...]:
        entry = self._cache.get(id(clauses))
        if entry is None:
            if len(self._cache) >= self._most:
                self._cache.clear()
            # The entry refers to the clauses so that no other object can get their id.
            entry = self._cache[id(clauses)] = (clauses, tuple(ExplainedClause(each.logic) for each in clauses))
        return entry[1]


class ExplainedClause:
    """The part of a clause's explanation that is the same for every exception.

    It caches the last reason, for when the clause reads the same text again.
    """

    __slots__ = ("_last", "condition", "expected", "logic", "operator", "read", "shape")

    def __init__(self, logic: Any) -> None:
        self.logic = logic
        self.condition = describe(logic)
        self.shape = shape_of(logic)
        if self.shape is not None:
            self.read = reader(self.shape.path)
            self.expected = _expected(self.shape)
            negation = "not " if self.shape.negated else ""
            self.operator = f"{negation}{self.shape.operator}"
            self._last: Reason | None = None

    def reason(self, context: Mapping[str, Any], satisfied: bool) -> Reason:
        """The clause's reason for an exception, whose result is known."""
        shape = self.shape
        if shape is None:
            return _reason_of_rule(self.logic, self.condition, context, satisfied)
        try:
            actual = self.read(context)
        except EvaluationError:
            actual = None
        last = self._last
        # Only for texts: 1, 1.0 and true are equal and differ in words.
        if last is not None and actual.__class__ is str and last.actual == actual and last.satisfied is satisfied:
            return last
        observed = _observed(shape, actual)
        actual, cut = shortened(actual, MAX_ACTUAL)
        self._last = reason = Reason(
            self.condition, observed, shape.path, self.operator, self.expected, actual, satisfied, None, cut
        )
        return reason


def describe(logic: Any) -> str:
    """A clause in words, without a value."""
    shape = shape_of(logic)
    if shape is not None:
        return _shape_in_words(shape)
    if isinstance(logic, bool):
        return "applies to every exception" if logic else "applies to no exception"
    return rule_in_words(logic)


def describe_document(document: Any) -> list[str]:
    """The clauses of a conditions document in words; none for an invalid one."""
    try:
        return [describe(clause.logic) for clause in parse(document).clauses]
    except InvalidDocument:
        return []


def _reason_of_rule(logic: Any, condition: str, context: Mapping[str, Any], satisfied: bool) -> Reason:
    if isinstance(logic, bool):
        return Reason(condition, None, None, "always" if logic else "never", logic, logic, satisfied)
    actual = {name: _read(reader(name), context) for name in sorted(set(paths_read(logic)))}
    operator = next(iter(logic)) if isinstance(logic, dict) and logic else "value"
    observed = _observed_by_rule(logic, actual)
    beginning, cut = shortened(actual, MAX_ACTUAL)
    return Reason(condition, observed, None, str(operator), logic, beginning, satisfied, None, cut)


def _observed_by_rule(logic: Any, actual: Mapping[str, Any]) -> str | None:
    """The values at the paths of a rule; for a list that it iterates over, the fields that it reads."""
    fields = fields_read(logic)
    shown = [_at_path(path, value, fields.get(path, ())) for path, value in islice(actual.items(), MOST_SHOWN)]
    return truncated(", ".join(shown), _MAX_OBSERVED) or None


def _at_path(path: str, value: Any, fields: Sequence[str]) -> str:
    name = label(path)
    if value is None:
        return f"{name} has no value"
    if not isinstance(value, list):
        return f"{name} is {value_in_words(value)}"
    verb = "are" if path == "policy.tags" else "is"
    if not value or not fields:
        return f"{name} {verb} {listed_in_words(value) if value else 'empty'}"
    of_items = [
        f"{field} {listed_in_words(value, partial(_read, reader(field)))}" for field in fields[:MOST_SHOWN]
    ]
    return f"{name} {verb} a list with {'; '.join(of_items)}"


def _shape_in_words(shape: Shape) -> str:
    name = label(shape.path)
    negation = "not " if shape.negated else ""
    if shape.kind == clause_shapes.TRUE:
        return f"{name} is {negation}{'true' if shape.path == 'sla.breached' else 'set'}"
    if shape.kind == clause_shapes.COMPARE:
        compared = _COMPARED_TIMES if shape.reading == operators.INSTANT else _COMPARED
        return f"{name} is {negation}{compared[shape.operator]} {_bound(shape)}"
    if shape.kind == clause_shapes.MEMBER:
        return f"{name} {_membership(shape)} {listed_in_words(shape.values)}"
    if len(shape.values) > 1:
        return f"{name} is {negation}one of {listed_in_words(shown_values(shape))}"
    if shape.kind == clause_shapes.GLOB and any("*" in value or "?" in value for value in shape.values):
        return f"{name} {'does not match' if shape.negated else 'matches'} {shape.values[0]}"
    return f"{name} is {negation}{listed_in_words(shown_values(shape)) or 'one of an empty list'}"


def _membership(shape: Shape) -> str:
    """The verb between a list or a text and what is looked for in it."""
    several = "any of " if len(shape.values) > 1 else ""
    if shape.path == "policy.tags":
        return f"{'do not include' if shape.negated else 'include'} {several}".rstrip()
    return f"{'does not contain' if shape.negated else 'contains'} {several}".rstrip()


def _bound(shape: Shape) -> str:
    value = shown_values(shape)[0]
    if shape.path == "exception.severity_rank" and value in (1, 2, 3, 4):
        return SEVERITIES[int(value) - 1]
    return value_in_words(value)


def _expected(shape: Shape) -> Any:
    values = shown_values(shape)
    single = len(values) == 1 and shape.kind != clause_shapes.LISTED
    return values[0] if single else list(values)


def _observed(shape: Shape, actual: Any) -> str:
    if actual is None:
        return "no value"
    if shape.reading is not None and READINGS[shape.reading](actual) is None:
        return f"{value_in_words(actual)}, {_NOT_READ[shape.reading]}"
    if isinstance(actual, list):
        return listed_in_words(actual) if actual else "empty"
    if shape.path == "exception.severity_rank" and actual in (1, 2, 3, 4):
        return SEVERITIES[actual - 1]
    return _number_in_words(actual) if isinstance(actual, (int, float)) else value_in_words(actual)


@lru_cache(maxsize=1024, typed=True)
def _number_in_words(number: float) -> str:
    """Cached, because many clauses of a response read the same number."""
    return value_in_words(number)


def _read(read: Callable[[Any], Any], context: Any) -> Any:
    try:
        return read(context)
    except EvaluationError:
        return None
