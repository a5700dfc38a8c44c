"""Evaluation of conditions on one exception, with reasons; shared by the API and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sentinai.conditions import Conditions, EvaluationError
from sentinai.conditions.evaluation import evaluate
from sentinai.conditions.explanation import explain


def evaluate_clauses(conditions: Conditions, context: Mapping[str, Any]) -> dict[str, Any]:
    """``matches``, ``reasons`` and ``error`` for the evaluation context of an exception.

    As in matching, clauses are evaluated in order up to the first that fails or raises; the reasons cover all.
    """
    reasons = [explain.explain(clause.logic, context).to_json() for clause in conditions.clauses]
    matches, error = True, None
    for clause in conditions.clauses:
        try:
            matches = evaluate.holds(clause.logic, context)
        except EvaluationError as raised:
            matches, error = False, {"clause": clause.logic, "pointer": clause.pointer, "message": str(raised)}
        if not matches:
            break
    return {"matches": matches, "reasons": reasons, "error": error}
