"""A search for costly rules: it climbs over rules and data towards the most work.

It climbs by charged units, which do not depend on the machine. The long search, by processor time and over whole
requests, is ``tests/benchmarks/worst_request.py``.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from sentinai.conditions import EvaluationError, check_logic
from sentinai.conditions.evaluation import budget
from sentinai.conditions.evaluation.budget import CLAUSE_UNITS, Budget
from sentinai.conditions.evaluation.evaluate import Evaluator

A, B = {"var": "a"}, {"var": "b"}
LARGEST_CONTEXT = 60_000
FAMILIES: dict[str, Any] = {
    "missing": {"!": {"missing": A}},
    "missing_some": {"!": {"missing_some": [10**6, A]}},
    "==": {"!=": [B, A]},
    "in": {"in": [[B], A]},
    "<=": {"!": {"<=": [B, A]}},
    "glob": {"!": {"glob": [B, {"cat": ["*", B, "?x*"]}]}},
    "merge": {"!": {"merge": [A, A]}},
    "cat": {"!": {"cat": [A, B]}},
    "reduce": {"!": {"reduce": [A, {"missing": {"merge": [{"var": "current"}, {"var": "accumulator"}]}}, []]}},
    "some": {"some": [A, {"==": [{"var": ""}, [1, 2, 3]]}]},
}
ITEMS: tuple[Any, ...] = (1, "", "x", "long name" * 8, [1, 2], {"k": [1]})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule of one family, repeated, and the data that it reads."""

    family: str
    copies: int = 4
    items: int = 50
    characters: int = 50
    item: int = 0

    def rule(self) -> Any:
        """The rule, which the guard accepts."""
        return {"or": [{"and": [FAMILIES[self.family], False]}] * self.copies}

    def data(self) -> dict[str, Any]:
        """Data of at most about the size of a context."""
        item = ITEMS[self.item]
        count = min(self.items, LARGEST_CONTEXT // len(repr(item)))
        return {"a": [item] * count, "b": "a" * min(self.characters, LARGEST_CONTEXT)}

    def mutated(self, source: random.Random) -> Candidate:
        """A neighbour: one dimension is larger or smaller."""
        factor = source.choice((0.5, 2, 3, 4))
        name, most = source.choice((("copies", 40), ("items", 9_999), ("characters", 30_000), ("item", 0)))
        value = (
            source.randrange(len(ITEMS)) if name == "item" else min(most, int(getattr(self, name) * factor) + 1)
        )
        return replace(self, **{name: value})


def spent(candidate: Candidate, clause: float) -> float:
    """How many units one evaluation is charged."""
    evaluator, data = Evaluator(candidate.rule()), candidate.data()
    with budget.spending(Budget(math.inf, clause=clause)) as charged, suppress(EvaluationError):
        evaluator.holds(data)
    return charged.spent


def climb(start: Candidate, cost: Callable[[Candidate], float], until: float, steps: int, seed: int) -> Candidate:
    """The costliest candidate found; it stops at a cost of ``until``."""
    source, best, most = random.Random(seed), start, cost(start)
    for _ in range(steps):
        if most > until:
            break
        other = best.mutated(source)
        if not check_logic(other.rule()) and (found := cost(other)) > most:
            best, most = other, found
    return best


def test_without_a_budget_the_search_finds_the_known_costs_and_with_it_each_is_bounded() -> None:
    found = {
        family: climb(Candidate(family), lambda each: spent(each, math.inf), CLAUSE_UNITS, 40, seed=1)
        for family in FAMILIES
    }
    costly = {family: each for family, each in found.items() if spent(each, math.inf) > CLAUSE_UNITS}
    assert len(costly) >= 6, sorted(costly)
    bounded = [family for family, each in costly.items() if spent(each, CLAUSE_UNITS) <= CLAUSE_UNITS]
    assert bounded == list(costly)
