"""How long matching takes with a catalogue: the core alone, as one process of the service runs it."""

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
class Speed:
    """Times in microseconds, over ``matches`` matches against ``playbooks`` playbooks."""

    playbooks: int
    matches: int
    median: float
    slowest_of_a_hundred: float
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
) -> Speed:
    """Match every exception ``rounds`` times, context and reasons included. ``progress`` hears of each round."""
    began = time.perf_counter()
    catalogue = compile_catalogue(playbooks)
    compiled_in = (time.perf_counter() - began) * 1e6
    rules = context.tag_rules_of(policy_pack)
    taken: list[float] = []
    for _ in range(rounds):
        for exception in exceptions:
            began = time.perf_counter()
            seen = context.build(
                exception, domain_pack=domain_pack, policy_pack=policy_pack, as_of=as_of, tag_rules=rules
            )
            match(catalogue, seen, as_of=as_of, time_dependent_rules=[rule.when.rule for rule in rules])
            taken.append((time.perf_counter() - began) * 1e6)
        progress()
    taken.sort()
    return Speed(
        playbooks=len(catalogue.playbooks),
        matches=len(taken),
        median=statistics.median(taken),
        slowest_of_a_hundred=taken[int(len(taken) * 0.99)],
        compiled_in=compiled_in,
    )
