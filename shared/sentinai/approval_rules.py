"""A Policy Pack's ``human_approval_rules``: which exceptions and steps a rule names, and when it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sentinai.conditions import EvaluationError
from sentinai.conditions.evaluation import sla_thresholds
from sentinai.conditions.evaluation.budget import charge_reading
from sentinai.conditions.evaluation.evaluate import Evaluator
from sentinai.conditions.evaluation.pack_rules import logic_of
from sentinai.problems import InvalidDocument

_NAMED = ("severity", "exception_type", "action_type", "tool_id")
_SAMPLES = 16
"""At how many instants a rule is looked at that computes with the minutes, and so may change at any of them."""


@dataclass(frozen=True, slots=True, eq=False)
class ApprovalRule:
    """One rule. Each part is None where the rule does not name it; ``index`` is its position in the pack.

    ``when`` is the condition, compiled; one that the guard refuses always holds.
    """

    index: int
    severities: frozenset[str] | None
    exception_types: frozenset[str] | None
    amount_gte: float | None
    when: Evaluator | None
    action_types: frozenset[str] | None
    tool_ids: frozenset[str] | None
    text: str

    @classmethod
    def of(cls, index: int, rule: Mapping[str, Any]) -> Self:
        """A rule as the Policy Pack has it."""
        return cls(
            index,
            _names(rule, "severity"),
            _casefolded(_names(rule, "exception_type")),
            rule.get("amount_gte"),
            _compiled(rule["when"]) if "when" in rule else None,
            _names(rule, "action_type"),
            _names(rule, "tool_id"),
            _text(rule),
        )

    def holds(self, context: Mapping[str, Any]) -> bool:
        """Whether what it says of the exception holds in a context; an error in ``when`` counts as held.

        Raises:
            EvaluationBudgetExceeded: evaluating ``when`` would cost more than is left of the current budget.
        """
        return self.names(context["exception"]) and self._when_holds(context)

    def names(self, exception: Mapping[str, Any]) -> bool:
        """Whether the exception is one that it names: by severity, type and amount."""
        amount, severity = exception["amount"], exception["severity"]
        if self.severities is not None and (severity or "").lower() not in self.severities:
            return False
        if self.exception_types is not None and exception["exception_type"].casefold() not in self.exception_types:
            return False
        return self.amount_gte is None or (amount is not None and amount >= self.amount_gte)

    def covers(self, action_type: str, tool_id: str | None) -> bool:
        """Whether what it says of a step holds."""
        return (self.action_types is None or action_type in self.action_types) and (
            self.tool_ids is None or tool_id in self.tool_ids
        )

    def _when_holds(self, context: Mapping[str, Any]) -> bool:
        if self.when is None:
            return True
        try:
            return self.when.holds(context)
        except EvaluationError:
            return True


def moments(
    rules: Iterable[Any], deadline: datetime | None, first: datetime, last: datetime
) -> Iterator[datetime]:
    """The instants that show whether JSON-Logic rules are true at any moment from ``first`` to ``last``.

    Time enters a rule by the minutes until the deadline only. One that computes with them is sampled.
    """
    yield last
    thresholds = sla_thresholds.joined(sla_thresholds.thresholds_of(rule) for rule in rules)
    if deadline is None or not thresholds or first >= last:
        return
    yield first
    fixed = [each for each in thresholds if each != sla_thresholds.CHANGES_ANY_TIME]
    at = sla_thresholds.next_change(fixed, deadline, first)
    while at is not None and at < last:
        yield at
        at = sla_thresholds.next_change(fixed, deadline, at)
    if len(fixed) < len(thresholds):
        yield from (first + (last - first) * part / _SAMPLES for part in range(1, _SAMPLES))


def _compiled(when: Any) -> Evaluator:
    charge_reading(when)
    try:
        return Evaluator(logic_of(when))
    except InvalidDocument:
        return Evaluator(True)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _names(rule: Mapping[str, Any], name: str) -> frozenset[str] | None:
    return frozenset(_spelt(name, rule[name])) if name in rule else None


def _casefolded(names: frozenset[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(map(str.casefold, names))


def _spelt(name: str, value: Any) -> list[str]:
    """The values that a rule names, severities in lower case."""
    return [str(each).lower() if name == "severity" else str(each) for each in _listed(value)]


def _text(rule: Mapping[str, Any]) -> str:
    """What the rule asks for, in words."""
    named = [f"{name} {' or '.join(_spelt(name, rule[name]))}" for name in _NAMED if name in rule]
    if "amount_gte" in rule:
        named.append(f"amounts from {rule['amount_gte']:,}")
    where = f" for {', '.join(named)}" if named else ""
    return f"the Policy Pack requires approval{where}{', where its condition holds' if 'when' in rule else ''}"
