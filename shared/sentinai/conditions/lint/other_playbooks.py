"""A tenant's other playbooks, which conditions are compared with: is another the same, or does it always win?

They are scanned in order of rank. Catalogues repeat the same clauses over and over, so each distinct clause is
compared once per scan.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Protocol, TypeVar

from cachetools import LRUCache

from sentinai.conditions.language.document import Conditions
from sentinai.conditions.lint.implication import Constraints, signature
from sentinai.versions import Version, newest

MOST_COMPARED = 20_000
"""How many distinct clauses a scan compares, from the best ranked playbook on: the cost of lint is bounded."""
_TENANTS = 4
"""For how many tenants playbooks are cached: few authors write at the same time."""

Rank = tuple[int, float, int]


class StoredVersion(Version, Protocol):
    """A version of a playbook that has an id of its own."""

    @property
    def playbook_id(self) -> int:
        """Its id."""


S = TypeVar("S", bound=StoredVersion)


@dataclass(frozen=True, slots=True)
class PublishedRule:
    """The conditions of an active playbook, with what it ranks by."""

    playbook_id: int
    name: str
    version: int
    created_at: datetime
    conditions: Conditions

    @property
    def rank(self) -> Rank:
        """Of two that match, the one with the higher rank is selected."""
        return (self.conditions.priority, self.created_at.timestamp(), self.playbook_id)


class OtherPlaybooks:
    """The newest version of each playbook, best ranked first. Iterating gives their ids."""

    def __init__(self, playbooks: Iterable[PublishedRule] = ()) -> None:
        self._rules: dict[int, PublishedRule] = {}
        self._ranked: list[PublishedRule] = []
        self.update((), newest(playbooks).values())

    def __contains__(self, playbook_id: object) -> bool:
        return playbook_id in self._rules

    def __iter__(self) -> Iterator[int]:
        return iter(self._rules)

    def update(self, removed: Iterable[int], added: Iterable[PublishedRule]) -> None:
        """Remove some by id and add others, with at most one version of each name as a result."""
        for playbook_id in removed:
            del self._rules[playbook_id]
        self._rules.update((each.playbook_id, each) for each in added)
        self._ranked = sorted(self._rules.values(), key=lambda each: each.rank, reverse=True)

    def same_as(self, conditions: Conditions, name: str | None = None) -> list[PublishedRule]:
        """Those with the same conditions, best ranked first, except the playbook called ``name``."""
        own = _signatures(conditions)
        others = (each for each in self._ranked if each.name != name)
        return [each for each in _implied(conditions, others) if _signatures(each.conditions) == own]

    def covering(self, conditions: Conditions, rank: Rank, name: str | None = None) -> PublishedRule | None:
        """One that outranks ``rank`` and is certain to match whenever the conditions hold, if one is found."""
        better = takewhile(lambda each: each.rank > rank, self._ranked)
        return next(_implied(conditions, (each for each in better if each.name != name)), None)


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


def difference(other_playbooks: OtherPlaybooks, versions: Iterable[S]) -> tuple[list[int], list[S]]:
    """How cached playbooks differ from the active versions: ids that are gone, and versions to add."""
    current = {each.playbook_id: each for each in newest(versions).values()}
    removed = [playbook_id for playbook_id in other_playbooks if playbook_id not in current]
    return removed, [each for each in current.values() if each.playbook_id not in other_playbooks]


Change = tuple[Iterable[int], Iterable[PublishedRule]]
"""The ids of the playbooks that were removed, and the playbooks that were added."""


class OtherPlaybooksCache:
    """The playbooks of the tenants whose authors asked last. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cache: LRUCache[str, tuple[int | None, OtherPlaybooks]] = LRUCache(_TENANTS)

    @contextmanager
    def at(
        self, tenant_id: str, revision: int | None, changes: Callable[[OtherPlaybooks], Change]
    ) -> Iterator[OtherPlaybooks]:
        """A tenant's playbooks at a catalogue revision; ``changes`` says how the cached ones differ from it.

        One author at a time: nothing is read twice, or changed while another reads it.
        """
        with self._lock:
            cached_revision, other_playbooks = self._cache.pop(tenant_id, (None, OtherPlaybooks()))
            if cached_revision is None or cached_revision != revision:
                other_playbooks.update(*changes(other_playbooks))
            self._cache[tenant_id] = (revision, other_playbooks)
            yield other_playbooks
