"""Rules in packs: conditions documents or bare JSON-Logic rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sentinai.conditions.evaluation import evaluate
from sentinai.conditions.evaluation.budget import charge_reading
from sentinai.conditions.evaluation.errors import EvaluationError
from sentinai.conditions.language.document import parse
from sentinai.conditions.language.guard import check_logic
from sentinai.conditions.language.predicates import is_predicate
from sentinai.problems import InvalidDocument

_DOCUMENT_KEYS = frozenset({"match", "logic", "priority"})


def is_document(rule: Any) -> bool:
    """Whether a pack's rule is a conditions document, rather than bare JSON-Logic."""
    return isinstance(rule, Mapping) and any(key in _DOCUMENT_KEYS or is_predicate(key) for key in rule)


def logic_of(rule: Any) -> Any:
    """The JSON-Logic of a pack's rule.

    Raises:
        InvalidDocument: the guard refuses it.
    """
    if is_document(rule):
        return parse(rule).rule
    wrong = check_logic(rule)
    if wrong:
        raise InvalidDocument(f"The rule is not valid: {wrong[0].message}", findings=wrong)
    return rule


def holds_for(rule: Any, context: Mapping[str, Any]) -> bool:
    """Whether a pack's rule holds; false if the guard refuses it or it raises.

    Raises:
        EvaluationBudgetExceeded: reading and evaluating it would cost more than is left of the current budget.
    """
    charge_reading(rule)
    try:
        return evaluate.holds(logic_of(rule), context)
    except (InvalidDocument, EvaluationError):
        return False
