"""Near misses: the playbooks that fail in exactly one clause, and that clause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from matcher.matching.model import NearMiss
from matcher.matching.probe import Probe
from sentinai.conditions import Clause, EvaluationError, evaluate
from sentinai.conditions.clauses import Reason, explain

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
    catalogue = probe.catalogue
    residuals = iter(catalogue.residuals.get(position, ()))
    failed = None
    clauses = catalogue.playbooks[position].conditions.clauses
    for index, (clause, group) in enumerate(zip(clauses, catalogue.answering[position], strict=True)):
        if group is not None:
            answer = probe.answer(group)
            holds = position in answer.everyone if answer else _is_satisfied(clause, probe.context)
        else:
            holds = clause.logic is True or probe.says(next(residuals))
        if not holds:
            if failed is not None:
                return None
            failed = index
    return failed


def _reason(probe: Probe, position: int, failed: int) -> Reason:
    catalogue = probe.catalogue
    clauses = catalogue.playbooks[position].conditions.clauses
    group = catalogue.answering[position][failed]
    if group is None or probe.answer(group) is None:
        # It may have raised, which the reason then says.
        return explain(clauses[failed].logic, probe.context)
    return catalogue.teller.tell(clauses, failed, probe.context)


def _is_satisfied(clause: Clause, context: Mapping[str, Any]) -> bool:
    try:
        return evaluate.holds(clause.logic, context)
    except EvaluationError:
        return False
