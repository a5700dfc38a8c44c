"""The budget of work: what evaluating rules may cost, charged before the work is done.

A unit is about 100 ns. An operator is charged by what it will look at, copy or write: its step, the items of lists
and the characters of texts. A clause may spend only its share; a request has a budget for all that it evaluates.
While a budget is spent, the work may be given up, such as when nobody waits for it any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sentinai.conditions.evaluation.errors import EvaluationError
from sentinai.problems import EvaluationBudgetExceeded

CLAUSE_UNITS = 500_000
"""What one clause may spend for one exception."""
REQUEST_UNITS = 1_500_000
"""What all that is evaluated for one exception may spend, and reading the rules that came with it."""
BATCH_UNITS = 12_000_000
"""What a request about many exceptions may spend on all of them."""
LINT_UNITS = 2_500_000
"""What looking for warnings about one conditions document may spend."""
MATCH_UNITS = 1_000
"""What matching one exception costs at least, whatever the rules."""
STEP = 10
"""What an operator costs whatever it is given."""
_PAUSE_UNITS = 10_000
"""How much may be spent between two looks at whether to go on: about a millisecond of work."""
_RULE, _KEY, _NODE = 500, 150, 20
"""What it costs to read a rule: the rule itself, each key of its objects, each node."""
_REASON = 50
_ITEM, _CONTAINER = 2, 15
_CHARACTERS_A_UNIT = 16
_SHORT = 512
"""A text up to this length costs no more than the step of its operator."""


class BudgetError(EvaluationError):
    """A clause would spend more than its share."""

    code = "budget"


class Budget:
    """What is left to spend; ``spent`` is what was charged so far.

    ``check`` is called now and then while it is spent, and raises if the work is to be given up.
    """

    __slots__ = ("_check", "_check_at", "_clause", "_of_clause", "_whole", "left", "spent")

    def __init__(
        self,
        units: float = REQUEST_UNITS,
        *,
        clause: float = CLAUSE_UNITS,
        whole: Budget | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.left = units
        self.spent: float = 0
        self._clause = clause
        self._of_clause = clause
        self._whole = whole
        self._check = check
        self._check_at: float = _PAUSE_UNITS

    def part(self, units: float) -> Budget:
        """A budget of so much, or of what is left here; what it spends is spent here too."""
        return Budget(min(units, self.left), clause=self._clause, whole=self)

    def start_clause(self) -> None:
        """What is charged from here on is a clause's, which has a share of its own."""
        self._of_clause = self._clause

    def charge_clause(self, units: float) -> None:
        """Charge for work of the current clause.

        Raises:
            BudgetError: it is more than is left of the clause's share.
            EvaluationBudgetExceeded: as ``charge``.
        """
        if units > self._of_clause:
            raise BudgetError(
                f"Evaluating this clause takes more than {CLAUSE_UNITS:,} units of work for this exception. "
                "Shorten the lists and texts that it reads, or split the rule."
            )
        self.charge(units)
        self._of_clause -= units

    def charge(self, units: float) -> None:
        """Charge for work about to be done.

        Raises:
            EvaluationBudgetExceeded: it is more than is left.
            Problem: the work is to be given up.
        """
        if units > self.left:
            raise EvaluationBudgetExceeded(
                "Evaluating the rules takes more work than one request may cause. Send fewer playbooks or rules, "
                "or shorter lists and texts in normalized_context."
            )
        self.left -= units
        self.spent += units
        if self._whole is not None:
            self._whole.charge(units)
        if self.spent >= self._check_at:
            self._check_at = self.spent + _PAUSE_UNITS
            self._check()


_current: ContextVar[Budget | None] = ContextVar("budget", default=None)


def current() -> Budget | None:
    """The budget that is being spent; None outside of ``spending``."""
    return _current.get()


@contextmanager
def spending(budget: Budget) -> Iterator[Budget]:
    """Charge all that is evaluated in this block to a budget."""
    token = _current.set(budget)
    try:
        yield budget
    finally:
        _current.reset(token)


def charge(units: float) -> None:
    """Charge the current clause, if there is a budget."""
    budget = _current.get()
    if budget is not None:
        budget.charge_clause(units)


def charge_request(units: float) -> None:
    """Charge the request, and no clause, if there is a budget."""
    budget = _current.get()
    if budget is not None:
        budget.charge(units)


def charge_reading(rule: Any) -> None:
    """Charge the request for checking and compiling a rule that came with it."""
    charge_request(_RULE + _NODE * nodes(rule) + _KEY * _keys(rule))


def charge_reasons(count: int) -> None:
    """Charge the request for the reasons of so many clauses."""
    charge_request(_REASON * count)


def charge_text(length: int) -> None:
    """Charge for going through a text of a length."""
    if length > _SHORT:
        charge(length // _CHARACTERS_A_UNIT)


def charge_search(length: int, wanted: int) -> None:
    """Charge for finding a text of length ``wanted`` in another.

    Up to about these lengths Python compares at every position; beyond, the search is linear.
    """
    charge_text(length + wanted)
    if length < 2_500 or wanted < 100:
        charge(min(length, 30_000) * min(wanted, 2_500) // 256)


def charge_values(*values: Any) -> None:
    """Charge for going through the whole of some values, however deep. The walk is charged as it goes."""
    pending = [value for value in values if value.__class__ in (str, list, dict)]
    while pending:
        value = pending.pop()
        if value.__class__ is str:
            charge_text(len(value))
        elif value:
            charge(_CONTAINER + _ITEM * len(value))
            if value.__class__ is dict:
                charge_text(sum(map(len, value)))
            items = value.values() if value.__class__ is dict else value
            pending += [item for item in items if item.__class__ in (str, list, dict)]


def nodes(rule: Any) -> int:
    """The size of a rule: its operators, arguments and literals."""
    if isinstance(rule, list):
        return 1 + sum(map(nodes, rule))
    if isinstance(rule, dict):
        return 1 + sum(map(nodes, rule.values()))
    return 1 + len(rule) // (STEP * _CHARACTERS_A_UNIT) if isinstance(rule, str) else 1


def _keys(rule: Any) -> int:
    if isinstance(rule, list):
        return sum(map(_keys, rule))
    return len(rule) + sum(map(_keys, rule.values())) if isinstance(rule, dict) else 0
