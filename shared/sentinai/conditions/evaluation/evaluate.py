"""Evaluating a rule that the guard accepted: one kind of error, bounded cost."""

from __future__ import annotations

from typing import Any

from sentinai.conditions.evaluation.compile import compile_rule
from sentinai.conditions.evaluation.engine import run_library
from sentinai.conditions.evaluation.errors import EvaluationError, wrap_errors
from sentinai.conditions.evaluation.operator_limits import MAX_ITEMS
from sentinai.conditions.language.guard import arguments
from sentinai.conditions.language.operators import ITERATORS

MAX_STEPS = 100_000
"""How many nodes the iterators of a rule may evaluate together."""


class Evaluator:
    """A rule compiled once, to be evaluated many times."""

    __slots__ = ("_iterators", "_run", "rule")

    def __init__(self, rule: Any) -> None:
        self.rule = rule
        self._iterators = _costs(rule)
        self._run = compile_rule(rule)

    def apply(self, data: Any) -> Any:
        """What the rule evaluates to.

        Raises:
            EvaluationError: the library raised, or the evaluation would cost too much.
        """
        if self._iterators:
            _check_cost(self._iterators, data)
        return wrap_errors(self._run, data)

    def holds(self, data: Any) -> bool:
        """Whether the rule's value is true, as the library's ``and`` decides it.

        Raises:
            EvaluationError: as ``apply``.
        """
        return bool(self.apply(data))


def apply(rule: Any, data: Any) -> Any:
    """What a rule evaluates to, once.

    Raises:
        EvaluationError: the library raised, or the evaluation would cost too much.
    """
    _check_cost(_costs(rule), data)
    return wrap_errors(run_library, rule, data)


def holds(rule: Any, data: Any) -> bool:
    """Whether a rule's value is true, once.

    Raises:
        EvaluationError: as ``apply``.
    """
    return bool(apply(rule, data))


def _costs(rule: Any) -> list[tuple[Any, int]]:
    """The list of each iterator, and how many nodes an item takes."""
    return [(source, _size(body)) for source, body in _iterators(rule)]


def _check_cost(iterators: list[tuple[Any, int]], data: Any) -> None:
    steps = 0
    for source, body_size in iterators:
        items = wrap_errors(run_library, source, data)
        count = len(items) if isinstance(items, list) else 0
        if count > MAX_ITEMS:
            raise EvaluationError(f"An iterator would visit {count} items; at most {MAX_ITEMS} are allowed.")
        steps += count * body_size
    if steps > MAX_STEPS:
        raise EvaluationError(f"The iterators would take {steps} steps; at most {MAX_STEPS} are allowed.")


def _iterators(rule: Any) -> list[tuple[Any, Any]]:
    """The list and the body of every iterator in a rule; the guard ensures that they do not nest."""
    if isinstance(rule, list):
        return [found for item in rule for found in _iterators(item)]
    if not isinstance(rule, dict) or len(rule) != 1:
        return []
    operator, values = arguments(rule)
    if operator in ITERATORS and len(values) > 1:
        return [(values[0], values[1])]
    return [found for value in values for found in _iterators(value)]


def _size(rule: Any) -> int:
    if isinstance(rule, list):
        return 1 + sum(_size(item) for item in rule)
    if isinstance(rule, dict):
        return 1 + sum(_size(value) for value in rule.values())
    return 1
