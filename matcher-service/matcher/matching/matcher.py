"""``match``: a compiled catalogue and an exception's context into a ranked choice. A pure function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from pyroaring import BitMap

from matcher.matching import expiry
from matcher.matching.catalogue import Catalogue
from matcher.matching.groups import ThresholdGroup
from matcher.matching.model import ClauseError, MatchResult, NearMiss, Playbook, Ranked
from matcher.matching.probe import Probe
from matcher.matching.reasoning import compose
from sentinai.clock import parse_time
from sentinai.conditions import Clause, EvaluationError, clauses, evaluate

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
        Ranked(playbook, rank, _reasons(catalogue.teller, playbook, context))
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


def _reasons(teller: clauses.Teller, playbook: Playbook, context: Mapping[str, Any]) -> tuple[clauses.Reason, ...]:
    return tuple(teller.tell(clause, context, satisfied=True) for clause in playbook.conditions.clauses)


def _near_misses(probe: Probe, wanted: int) -> list[NearMiss]:
    found: list[NearMiss] = []
    for positions in probe.nearly():
        found = list(islice(_misses(probe, positions), wanted))
        if len(found) == wanted:
            break
    return found


def _misses(probe: Probe, positions: Iterable[int]) -> Iterator[NearMiss]:
    for position in islice(positions, _MOST_TRIED_MISSES):
        playbook = probe.catalogue.playbooks[position]
        failed = _failed(probe, position, playbook)
        if failed is not None:
            yield NearMiss(playbook, clauses.explain(failed.logic, probe.context))


def _failed(probe: Probe, position: int, playbook: Playbook) -> Clause | None:
    """The one clause of a playbook that does not hold; None where none or more do not."""
    ruling_out = probe.ruling_out(position)
    if position in probe.unsure or len(ruling_out) != 1 or position in probe.catalogue.with_residuals:
        suspects = playbook.conditions.clauses
    else:
        # The index knows that it is one clause about this path, and that all others hold.
        path = ruling_out[0].path
        suspects = tuple(each for each in playbook.conditions.clauses if path in repr(each.logic))
    failed = [each for each in suspects if not _is_satisfied(each, probe.context)]
    return failed[0] if len(failed) == 1 else None


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
            for value in (minutes + expiry.SLACK, minutes - expiry.SLACK):
                mark = group.next_mark(value, touched)
                if mark is not None:
                    yield mark
    for position in touched & catalogue.with_marks:
        yield from catalogue.marks[position]
