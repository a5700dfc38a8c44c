"""A tenant's other playbooks, which conditions are compared with: is another the same, or does it always win?

They are scanned in order of rank. Catalogues repeat the same clauses over and over, so each distinct clause is
compared once per scan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import NamedTuple, TypeVar

from sentinai.conditions.language.document import Conditions
from sentinai.conditions.lint.implication import Constraints, signature
from sentinai.versions import newest

MOST_COMPARED = 20_000
"""How many distinct clauses a scan compares, from the best ranked playbook on: the cost of lint is bounded."""

Rank = tuple[float, float, int]


class Origin(NamedTuple):
    """The version with which a playbook last got other conditions or another priority.

    It ranks by this version, so publishing another description or other steps changes no choice.
    """

    created_at: datetime
    playbook_id: int


@dataclass(frozen=True, slots=True)
class PublishedRule:
    """The conditions of an active playbook, with what it ranks by."""

    playbook_id: int
    name: str
    version: int
    origin: Origin
    conditions: Conditions

    @property
    def rank(self) -> Rank:
        """Of two that match, the one with the higher rank is selected."""
        return rank_of(self.conditions.priority, self.origin)


def rank_of(priority: float, origin: Origin) -> Rank:
    """By priority; of equal ones, the playbook that has had its conditions for the shorter time ranks higher."""
    return (priority, origin.created_at.timestamp(), origin.playbook_id)


R = TypeVar("R", bound=PublishedRule)


def by_rank(playbooks: Iterable[R]) -> list[R]:
    """The newest version of each playbook, best ranked first."""
    return sorted(newest(playbooks).values(), key=lambda playbook: playbook.rank, reverse=True)


def same_as(conditions: Conditions, ranked: Iterable[PublishedRule]) -> list[PublishedRule]:
    """Those of some playbooks that have the same conditions, in their order."""
    own = _signatures(conditions)
    return [each for each in _implied(conditions, ranked) if _signatures(each.conditions) == own]


def covering(conditions: Conditions, rank: Rank, ranked: Iterable[PublishedRule]) -> PublishedRule | None:
    """One that outranks ``rank`` and is certain to match whenever the conditions hold, if one is found."""
    return next(_implied(conditions, takewhile(lambda each: each.rank > rank, ranked)), None)


def _implied(conditions: Conditions, rules: Iterable[PublishedRule]) -> Iterator[PublishedRule]:
    """Of some rules, those that are certain to match whenever the conditions hold."""
    constraints = Constraints(clause.logic for clause in conditions.clauses)
    compared: dict[int, bool] = {}
    for each in rules:
        if len(compared) > MOST_COMPARED:
            return
        if _is_implied(each.conditions, constraints, compared):
            yield each


def _is_implied(conditions: Conditions, constraints: Constraints, compared: dict[int, bool]) -> bool:
    """Whether constraints imply every clause; ``compared`` has the results so far, by the id of the clause."""
    for clause in conditions.clauses:
        implied = compared.get(id(clause.logic))
        if implied is None:
            implied = compared[id(clause.logic)] = constraints.imply(clause.logic)
        if not implied:
            return False
    return True


def _signatures(conditions: Conditions) -> frozenset[str]:
    """Equal for conditions that say the same."""
    return frozenset(signature(clause.logic) for clause in conditions.clauses)
