"""How long a result is valid: until the next instant at which time alone may change which playbooks match."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from pyroaring import BitMap

from matcher.matching.compiled_catalogue import Catalogue
from matcher.matching.index.threshold_index import ThresholdIndex
from matcher.matching.index_query import IndexQuery
from sentinai.clock import parse_time
from sentinai.conditions.evaluation import sla_thresholds


def valid_until(
    query: IndexQuery, as_of: datetime, time_dependent_rules: Sequence[Any], approval_conditions: Sequence[Any]
) -> datetime | None:
    """The earliest instant at which time alone may change the result, verdicts included; None for never."""
    text = query.context["exception"].get("sla_deadline")
    if not isinstance(text, str):
        return None
    deadline = parse_time(text)
    of_rules = _of(time_dependent_rules)
    # Unless the tags change with time too, only playbooks that satisfy all time-independent clauses matter.
    positions = query.catalogue.everyone if of_rules else query.time_independent
    return sla_thresholds.next_change(
        [*of_rules, *_of(approval_conditions), *_thresholds(query.catalogue, positions, deadline, as_of)],
        deadline,
        as_of,
    )


def _of(rules: Sequence[Any]) -> list[float]:
    return [threshold for rule in rules for threshold in sla_thresholds.thresholds_of(rule)]


def _thresholds(catalogue: Catalogue, positions: BitMap, deadline: datetime, as_of: datetime) -> Iterator[float]:
    """The SLA minutes of these positions that may be the next thresholds."""
    minutes = (deadline - as_of).total_seconds() / 60
    for clause_index in catalogue.time_dependent:
        if isinstance(clause_index, ThresholdIndex):
            yield from _next_thresholds(clause_index, minutes, positions)
    for position in positions & catalogue.with_thresholds:
        yield from catalogue.thresholds[position]


def _next_thresholds(clause_index: ThresholdIndex, minutes: float, positions: BitMap) -> Iterator[float]:
    """The next threshold; and the one after it, if the first may have passed already, by rounding."""
    for value in (minutes + sla_thresholds.SLACK, minutes - sla_thresholds.SLACK):
        threshold = clause_index.next_threshold(value, positions)
        if threshold is None:
            return
        yield threshold
        if threshold <= minutes - sla_thresholds.SLACK:
            return
