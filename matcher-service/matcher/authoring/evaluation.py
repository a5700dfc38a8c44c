"""Whether conditions hold for one exception, and why: the same for the API and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sentinai.conditions import Conditions, EvaluationError
from sentinai.conditions.evaluation import evaluate
from sentinai.conditions.explanation import explain


def verdict(conditions: Conditions, seen: Mapping[str, Any]) -> dict[str, Any]:
    """``matches``, ``reasons`` and ``error``, for what a rule sees of an exception.

    As in matching, the clauses are asked in their order up to the first that fails or raises; the reasons
    tell of all of them.
    """
    reasons = [explain.explain(clause.logic, seen).to_json() for clause in conditions.clauses]
    matches, error = True, None
    for clause in conditions.clauses:
        try:
            matches = evaluate.holds(clause.logic, seen)
        except EvaluationError as raised:
            matches, error = False, {"clause": clause.logic, "pointer": clause.pointer, "message": str(raised)}
        if not matches:
            break
    return {"matches": matches, "reasons": reasons, "error": error}
