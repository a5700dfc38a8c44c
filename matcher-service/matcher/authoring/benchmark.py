"""The speed of matching with a catalogue: without HTTP and database, in one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from matcher.matching import Playbook, compile_catalogue, match
from sentinai.conditions.evaluation import context

Pack = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Timings:
    """Times in microseconds of ``matches`` matches against ``playbooks`` playbooks."""

    playbooks: int
    matches: int
    median: float
    percentile_99: float
    compiled_in: float


def measure(
    playbooks: Sequence[Playbook],
    exceptions: Sequence[Pack],
    *,
    domain_pack: Pack,
    policy_pack: Pack,
    as_of: datetime,
    rounds: int,
    progress: Callable[[], None],
) -> Timings:
    """Match every exception ``rounds`` times, context and reasons included; ``progress`` is called per round."""
    started = time.perf_counter()
    catalogue = compile_catalogue(playbooks)
    compiled_in = (time.perf_counter() - started) * 1e6
    rules = context.tag_rules_of(policy_pack)
    times: list[float] = []
    for _ in range(rounds):
        for exception in exceptions:
            started = time.perf_counter()
            seen = context.build(
                exception, domain_pack=domain_pack, policy_pack=policy_pack, as_of=as_of, tag_rules=rules
            )
            match(catalogue, seen, as_of=as_of, time_dependent_rules=[rule.when.rule for rule in rules])
            times.append((time.perf_counter() - started) * 1e6)
        progress()
    times.sort()
    return Timings(
        playbooks=len(catalogue.playbooks),
        matches=len(times),
        median=statistics.median(times),
        percentile_99=times[int(len(times) * 0.99)],
        compiled_in=compiled_in,
    )
