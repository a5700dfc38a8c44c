"""The other playbooks of a tenant, so kept that the few which may cover a rule are found without trying all.

Each is filed under the clause that the fewest others share. A rule that is covered by it must have said
something that leads to one of the keys of that clause, for that is how one clause follows from others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sentinai.conditions import shapes
from sentinai.conditions.document import Conditions
from sentinai.conditions.implication import STATES, Known, constant, holds, reads_severity_only, signature
from sentinai.conditions.shapes import shape_of

MOST_TRIED = 500
"""How many of a bucket are tried, best ranked first: what lint says of peers has a bounded cost."""

Key = tuple[str, ...] | tuple[str, int]
Rank = tuple[int, float, int]
_ANY: Key = ("any",)
_ALL_STATES = (1 << len(STATES)) - 1
_TEXTUAL = (shapes.STRICT, shapes.LISTED, shapes.GLOB)


@dataclass(frozen=True, slots=True)
class Peer:
    """Another playbook of the tenant, by what decides between two that match."""

    playbook_id: int
    name: str
    version: int
    conditions: Conditions
    created_at: datetime

    @property
    def rank(self) -> Rank:
        """Of two that match, the one of the higher rank is chosen."""
        return (self.conditions.priority, self.created_at.timestamp(), self.playbook_id)


class Peers:
    """Playbooks to hold others against: of each name the newest version, which alone is a candidate."""

    def __init__(self, playbooks: Iterable[Peer] = ()) -> None:
        newest: dict[str, Peer] = {}
        for each in playbooks:
            if each.name not in newest or newest[each.name].version < each.version:
                newest[each.name] = each
        self._same: dict[frozenset[str], list[Peer]] = {}
        self._filed: dict[Key, list[Peer]] = {}
        self._file(sorted(newest.values(), key=lambda each: each.rank, reverse=True))

    def _file(self, ranked: list[Peer]) -> None:
        keys = [[_keys_of(clause.logic) for clause in each.conditions.clauses] for each in ranked]
        shared = Counter(key for of_peer in keys for of_clause in of_peer for key in of_clause)
        for each, of_peer in zip(ranked, keys, strict=True):
            self._same.setdefault(canonical(each.conditions), []).append(each)
            for key in min(of_peer, key=lambda of_clause: sum(shared[key] for key in of_clause)):
                self._filed.setdefault(key, []).append(each)

    def same_as(self, conditions: Conditions, name: str | None = None) -> list[Peer]:
        """Those of the same conditions, best ranked first, but for the one of the name."""
        return [each for each in self._same.get(canonical(conditions), ()) if each.name != name]

    def covering(self, conditions: Conditions, rank: Rank, name: str | None = None) -> Peer | None:
        """One that ranks before ``rank`` and is certain to match whenever the conditions hold, if one is found."""
        known = Known(clause.logic for clause in conditions.clauses)
        for key in _keys_from(known):
            for each in self._filed.get(key, ())[:MOST_TRIED]:
                if each.rank <= rank:
                    break
                if each.name != name and all(known.imply(clause.logic) for clause in each.conditions.clauses):
                    return each
        return None


def canonical(conditions: Conditions) -> frozenset[str]:
    """The clauses as a set, for telling whether two rules say the same."""
    return frozenset(signature(clause.logic) for clause in conditions.clauses)


def _keys_of(logic: Any) -> list[Key]:
    """The keys of a clause; where others imply it, one of them leads to one of these."""
    if constant(logic):
        return [_ANY]
    if reads_severity_only(logic):
        return [("states", sum(1 << index for index, state in enumerate(STATES) if holds(logic, state)))]
    shape = shape_of(logic)
    if shape is None:
        return [("clause", signature(logic))]
    if not shape.negated and all(isinstance(value, str) for value in shape.values):
        if shape.kind == shapes.MEMBER:
            return [("member", shape.path, value) for value in dict.fromkeys(shape.values)]
        if shape.kind in _TEXTUAL and not any("*" in value or "?" in value for value in shape.values):
            return [("text", shape.path, value) for value in dict.fromkeys(map(str.lower, shape.values))]
    return [("path", shape.path)]


def _keys_from(known: Known) -> Iterator[Key]:
    """The keys of all clauses that may follow."""
    yield _ANY
    left = sum(1 << index for index, state in enumerate(STATES) if state in known.states)
    yield from (("states", mask) for mask in range(_ALL_STATES + 1) if mask & left == left)
    yield from (("clause", each) for each in sorted(known.signatures))
    for path, about in known.shapes.items():
        yield ("path", path)
        values = (known.values.get(path) or ())[:1]
        for shape in about:
            if shape.kind == shapes.MEMBER and not shape.negated:
                yield ("member", path, str(shape.values[0]))
            elif shape.kind in _TEXTUAL and not shape.negated:
                values = (*values, *shape.values[:1])
        yield from (("text", path, text) for text in dict.fromkeys(str(value).lower() for value in values))
