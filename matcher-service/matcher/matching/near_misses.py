"""Near misses: the playbooks that fail in exactly one clause, and that clause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from matcher.matching.index_query import Probe
from matcher.matching.model import NearMiss
from sentinai.conditions import Clause, EvaluationError
from sentinai.conditions.evaluation import evaluate
from sentinai.conditions.explanation.explain import Reason, explain

_MOST_TRIED = 64


def find_misses(probe: Probe, wanted: int) -> list[NearMiss]:
    """Up to ``wanted`` playbooks that fail in exactly one clause, best ranked first."""
    found: list[NearMiss] = []
    for positions in probe.nearly():
        found = list(islice(_misses(probe, positions), wanted))
        if len(found) == wanted:
            break
    return found


def _misses(probe: Probe, positions: Iterable[int]) -> Iterator[NearMiss]:
    for position in islice(positions, _MOST_TRIED):
        failed = _failed(probe, position)
        if failed is not None:
            yield NearMiss(probe.catalogue.playbooks[position], _reason(probe, position, failed))


def _failed(probe: Probe, position: int) -> int | None:
    """Which of a playbook's clauses is the only one that does not hold; None where none or more do not."""
    failing = list(islice(_failing(probe, position), 2))
    return failing[0] if len(failing) == 1 else None


def _failing(probe: Probe, position: int) -> Iterator[int]:
    """The places of a playbook's clauses that do not hold; none is evaluated before it is asked for."""
    catalogue, told = probe.catalogue, probe.answers
    clauses = catalogue.playbooks[position].conditions.clauses
    residuals = iter(catalogue.residuals.get(position, ()))
    for index, group in enumerate(catalogue.answering[position]):
        if group is None:
            holds = clauses[index].logic is True or probe.says(next(residuals))
        else:
            answer = told[group]
            holds = position in answer.everyone if answer else _is_satisfied(clauses[index], probe.context)
        if not holds:
            yield index


def _reason(probe: Probe, position: int, failed: int) -> Reason:
    catalogue = probe.catalogue
    clauses = catalogue.playbooks[position].conditions.clauses
    group = catalogue.answering[position][failed]
    if group is None or probe.answers[group] is None:
        # It may have raised, which the reason then says.
        return explain(clauses[failed].logic, probe.context)
    return catalogue.teller.tell(clauses, failed, probe.context)


def _is_satisfied(clause: Clause, context: Mapping[str, Any]) -> bool:
    try:
        return evaluate.holds(clause.logic, context)
    except EvaluationError:
        return False
