"""``match``: a compiled catalogue and an exception's context into a ranked choice. A pure function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from pyroaring import BitMap

from matcher.matching import expiry
from matcher.matching.catalogue import Answering, Catalogue
from matcher.matching.model import ClauseError, MatchResult, NearMiss, Playbook, Ranked
from matcher.matching.probe import Probe
from matcher.matching.reasoning import compose
from matcher.matching.thresholds import ThresholdGroup
from sentinai.clock import parse_time
from sentinai.conditions import Clause, EvaluationError, evaluate
from sentinai.conditions.clauses import Reason, explain

MOST_ERRORS = 100
MOST_ASKED = 1000
"""How many playbooks are asked about one by one, at most, once the best are known."""
_MOST_TRIED_MISSES = 64


def match(
    catalogue: Catalogue,
    context: Mapping[str, Any],
    *,
    as_of: datetime,
    limit: int = 5,
    near_misses: int = 3,
    timed_rules: Sequence[Any] = (),
) -> MatchResult:
    """The playbooks that fit an exception, best ranked first, and why.

    ``context`` is what ``sentinai.context.build`` gives for ``as_of``. ``timed_rules`` are further rules on
    which the context itself hangs (a Policy Pack's tag rules), so that ``valid_until`` knows their marks.
    """
    probe = Probe(catalogue, context)
    errors: list[ClauseError] = []
    found, matched = _walk(probe, limit, errors)
    ranked = tuple(
        Ranked(playbook, rank, catalogue.teller.tell_all(playbook.conditions.clauses, context))
        for rank, playbook in enumerate(found, 1)
    )
    missed = tuple(_near_misses(probe, near_misses)) if near_misses else ()
    return MatchResult(
        ranked=ranked,
        near_misses=missed,
        reasoning=compose(ranked, missed, len(catalogue.playbooks), matched),
        valid_until=_valid_until(probe, as_of, timed_rules),
        candidates=len(catalogue.playbooks),
        matched=matched,
        errors=tuple(errors),
    )


def _walk(probe: Probe, limit: int, errors: list[ClauseError]) -> tuple[list[Playbook], int]:
    """The best matches, and how many there are in all.

    Those that the index settles are counted as they are; those with a clause of no common shape are asked
    about one by one, each distinct clause once. Once the best are known, only so many more are asked about:
    beyond that the count is of those known to match.
    """
    playbooks = probe.catalogue.playbooks
    open_questions = probe.left & (probe.catalogue.with_residuals | probe.unsure)
    settled = probe.left - open_questions if open_questions else probe.left
    best = list(islice(settled, limit))
    confirmed: list[int] = []
    for asked, position in enumerate(open_questions):
        if asked >= MOST_ASKED and _are_known(best, confirmed, position, limit):
            break
        if _holds(probe, position, errors):
            confirmed.append(position)
    best = sorted([*best, *confirmed[:limit]])[:limit]
    return [playbooks[position] for position in best], len(settled) + len(confirmed)


def _are_known(best: list[int], confirmed: list[int], position: int, limit: int) -> bool:
    """Whether none at or after a position can still be among the best."""
    return sum(each < position for each in best) + len(confirmed) >= limit


def _holds(probe: Probe, position: int, errors: list[ClauseError]) -> bool:
    clause: Any = None
    try:
        for evaluator in probe.catalogue.residuals.get(position, ()):
            clause = evaluator.rule
            if not probe.evaluate(evaluator):
                return False
        if position in probe.unsure:
            for each in probe.catalogue.playbooks[position].conditions.clauses:
                clause = each.logic
                if not evaluate.holds(clause, probe.context):
                    return False
    except EvaluationError as error:
        if len(errors) < MOST_ERRORS:
            playbook_id = probe.catalogue.playbooks[position].playbook_id
            errors.append(ClauseError(playbook_id, clause, str(error)))
        return False
    return True


def _near_misses(probe: Probe, wanted: int) -> list[NearMiss]:
    found: list[NearMiss] = []
    for positions in probe.nearly():
        found = list(islice(_misses(probe, positions), wanted))
        if len(found) == wanted:
            break
    return found


def _misses(probe: Probe, positions: Iterable[int]) -> Iterator[NearMiss]:
    for position in islice(positions, _MOST_TRIED_MISSES):
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


def _valid_until(probe: Probe, as_of: datetime, timed_rules: Sequence[Any]) -> datetime | None:
    text = probe.context["exception"].get("sla_deadline")
    if not isinstance(text, str):
        return None
    deadline = parse_time(text)
    of_rules = [mark for rule in timed_rules for mark in expiry.marks_of(rule)]
    # Only playbooks that satisfy all that time does not move can come or go by time; unless the tags move too.
    touched = probe.catalogue.everyone if of_rules else probe.lasting
    return expiry.next_change([*of_rules, *_marks(probe.catalogue, touched, deadline, as_of)], deadline, as_of)


def _marks(catalogue: Catalogue, touched: BitMap, deadline: datetime, as_of: datetime) -> Iterator[float]:
    """Of the playbooks at some positions, the SLA minutes that can be the next to be passed."""
    minutes = (deadline - as_of).total_seconds() / 60
    for group in catalogue.timed:
        if isinstance(group, ThresholdGroup):
            yield from _next_marks(group, minutes, touched)
    for position in touched & catalogue.with_marks:
        yield from catalogue.marks[position]


def _next_marks(group: ThresholdGroup, minutes: float, touched: BitMap) -> Iterator[float]:
    """The next bound to be passed; where that may be behind already, by rounding, the one after it too."""
    for value in (minutes + expiry.SLACK, minutes - expiry.SLACK):
        mark = group.next_mark(value, touched)
        if mark is None:
            return
        yield mark
        if mark <= minutes - expiry.SLACK:
            return
