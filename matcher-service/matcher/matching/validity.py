"""How long an answer stands: the next of the instants at which a playbook may come or go by time alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from pyroaring import BitMap

from matcher.matching import sla_thresholds
from matcher.matching.compiled_catalogue import Catalogue
from matcher.matching.index.threshold_index import ThresholdIndex
from matcher.matching.index_query import IndexQuery
from sentinai.clock import parse_time


def valid_until(query: IndexQuery, as_of: datetime, time_dependent_rules: Sequence[Any]) -> datetime | None:
    """The earliest instant at which the passing of time alone can change the answer; None for never."""
    text = query.context["exception"].get("sla_deadline")
    if not isinstance(text, str):
        return None
    deadline = parse_time(text)
    of_rules = [mark for rule in time_dependent_rules for mark in sla_thresholds.thresholds_of(rule)]
    # Only playbooks that satisfy all that time does not move can come or go by time; unless the tags move too.
    touched = query.catalogue.everyone if of_rules else query.time_independent
    return sla_thresholds.next_change(
        [*of_rules, *_marks(query.catalogue, touched, deadline, as_of)], deadline, as_of
    )


def _marks(catalogue: Catalogue, touched: BitMap, deadline: datetime, as_of: datetime) -> Iterator[float]:
    """Of the playbooks at some positions, the SLA minutes that can be the next to be passed."""
    minutes = (deadline - as_of).total_seconds() / 60
    for group in catalogue.time_dependent:
        if isinstance(group, ThresholdIndex):
            yield from _next_marks(group, minutes, touched)
    for position in touched & catalogue.with_thresholds:
        yield from catalogue.thresholds[position]


def _next_marks(group: ThresholdIndex, minutes: float, touched: BitMap) -> Iterator[float]:
    """The next bound to be passed; where that may be behind already, by rounding, the one after it too."""
    for value in (minutes + sla_thresholds.SLACK, minutes - sla_thresholds.SLACK):
        mark = group.next_threshold(value, touched)
        if mark is None:
            return
        yield mark
        if mark <= minutes - sla_thresholds.SLACK:
            return
