"""Near misses: the playbooks that fail in exactly one clause, and that clause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from matcher.matching.catalogue import Answering
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
            yield NearMiss(probe.catalogue.playbooks[position], failed)


def _failed(probe: Probe, position: int) -> Reason | None:
    """The one clause of a playbook that does not hold; None where none or more do not."""
    catalogue = probe.catalogue
    given = catalogue.playbooks[position].conditions.clauses
    answering = catalogue.answering[position]
    ruling_out = probe.ruling_out(position)
    if len(ruling_out) > 1:
        return None
    if position in probe.unsure:
        failed = [index for index, clause in enumerate(given) if not _is_satisfied(clause, probe.context)]
    else:
        failed = [answering.index(group) for group in ruling_out]
        open_questions = zip(_without_group(answering, given), catalogue.residuals.get(position, ()), strict=True)
        failed += [index for index, evaluator in open_questions if not probe.says(evaluator)]
    if len(failed) != 1:
        return None
    if answering[failed[0]] is None or position in probe.unsure:
        return explain(given[failed[0]].logic, probe.context)
    return catalogue.teller.tell(given, failed[0], probe.context)


def _without_group(answering: Answering, given: Sequence[Clause]) -> list[int]:
    """The places of a playbook's clauses that no group answers for."""
    return [i for i, group in enumerate(answering) if group is None and given[i].logic is not True]


def _is_satisfied(clause: Clause, context: Mapping[str, Any]) -> bool:
    try:
        return evaluate.holds(clause.logic, context)
    except EvaluationError:
        return False
