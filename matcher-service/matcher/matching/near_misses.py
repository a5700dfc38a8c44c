"""Near misses: the playbooks that fail in exactly one clause, and that clause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from matcher.matching.index_query import IndexQuery
from matcher.matching.model import NearMiss
from sentinai.conditions import Clause, EvaluationError
from sentinai.conditions.evaluation import evaluate
from sentinai.conditions.explanation.explain import Reason, explain

_MAX_TRIED = 64


def find_misses(query: IndexQuery, wanted: int) -> list[NearMiss]:
    """Up to ``wanted`` playbooks that fail in exactly one clause, best ranked first."""
    found: list[NearMiss] = []
    for positions in query.near_miss_candidates():
        found = list(islice(_misses(query, positions), wanted))
        if len(found) == wanted:
            break
    return found


def _misses(query: IndexQuery, positions: Iterable[int]) -> Iterator[NearMiss]:
    for position in islice(positions, _MAX_TRIED):
        failed = _failed(query, position)
        if failed is not None:
            yield NearMiss(query.catalogue.playbooks[position], _reason(query, position, failed))


def _failed(query: IndexQuery, position: int) -> int | None:
    """The index of the only clause of a playbook that does not hold; None if none or several do not."""
    failing = list(islice(_failing(query, position), 2))
    return failing[0] if len(failing) == 1 else None


def _failing(query: IndexQuery, position: int) -> Iterator[int]:
    """The indexes of a playbook's clauses that do not hold, evaluated lazily."""
    catalogue = query.catalogue
    clauses = catalogue.playbooks[position].conditions.clauses
    residuals = iter(catalogue.residuals.get(position, ()))
    for index, clause_index in enumerate(catalogue.clause_indexes[position]):
        if clause_index is None:
            holds = clauses[index].logic is True or query.holds(next(residuals))
        else:
            answer = query.answers[clause_index]
            holds = position in answer.positions if answer else _is_satisfied(clauses[index], query.context)
        if not holds:
            yield index


def _reason(query: IndexQuery, position: int, failed: int) -> Reason:
    catalogue = query.catalogue
    clauses = catalogue.playbooks[position].conditions.clauses
    clause_index = catalogue.clause_indexes[position][failed]
    if clause_index is None or query.answers[clause_index] is None:
        # It may have raised, which the reason then says.
        return explain(clauses[failed].logic, query.context)
    return catalogue.explainer.explain_failed(clauses, failed, query.context)


def _is_satisfied(clause: Clause, context: Mapping[str, Any]) -> bool:
    try:
        return evaluate.holds(clause.logic, context)
    except EvaluationError:
        return False
