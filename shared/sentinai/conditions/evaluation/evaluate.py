"""Evaluating a rule that the guard accepted: one kind of error, bounded cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sentinai.conditions.evaluation import budget
from sentinai.conditions.evaluation.budget import STEP, Budget
from sentinai.conditions.evaluation.compile import compile_rule
from sentinai.conditions.evaluation.engine import run_library
from sentinai.conditions.evaluation.errors import wrap_errors


class Evaluator:
    """A rule compiled once, to be evaluated many times."""

    __slots__ = ("_cost", "_run", "rule")

    def __init__(self, rule: Any) -> None:
        self.rule = rule
        self._cost = budget.nodes(rule) * STEP
        self._run = compile_rule(rule)

    def apply(self, data: Any) -> Any:
        """What the rule evaluates to.

        Raises:
            EvaluationError: the library raised, or the evaluation would cost more than a clause's share.
            EvaluationBudgetExceeded: the evaluation would cost more than is left of the current budget.
        """
        return _within_share(self._cost, self._run, data)

    def holds(self, data: Any) -> bool:
        """Whether the rule's value is true, as the library's ``and`` decides it.

        Raises:
            EvaluationError, EvaluationBudgetExceeded: as ``apply``.
        """
        return bool(self.apply(data))


def apply(rule: Any, data: Any) -> Any:
    """What a rule evaluates to, once.

    Raises:
        EvaluationError, EvaluationBudgetExceeded: as ``Evaluator.apply``.
    """
    return _within_share(budget.nodes(rule) * STEP, run_library, rule, data)


def holds(rule: Any, data: Any) -> bool:
    """Whether a rule's value is true, once.

    Raises:
        EvaluationError, EvaluationBudgetExceeded: as ``Evaluator.apply``.
    """
    return bool(apply(rule, data))


def _within_share(cost: int, run: Callable[..., Any], *given: Any) -> Any:
    """Run an evaluation as a clause of the current budget, or of one for it alone."""
    spent = budget.current()
    if spent is None:
        with budget.spending(Budget()):
            return _within_share(cost, run, *given)
    spent.start_clause()
    spent.charge_clause(cost)
    return wrap_errors(run, *given)
