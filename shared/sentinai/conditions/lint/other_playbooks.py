"""The other playbooks of a tenant, so kept that the few which may cover a rule are found without trying all.

Each is filed under the clause that the fewest others share. A rule that is covered by it must have said
something that leads to one of the keys of that clause, for that is how one clause follows from others.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sentinai.conditions.language import clause_shapes
from sentinai.conditions.language.clause_shapes import shape_of
from sentinai.conditions.language.document import Conditions
from sentinai.conditions.lint.implication import (
    ALL_STATES,
    STATES,
    Constraints,
    constant,
    reads_severity_only,
    signature,
    states_of,
)

MOST_TRIED = 500
"""How many of a bucket are tried, best ranked first: what lint says of peers has a bounded cost."""

Key = tuple[str, ...] | tuple[str, int]
Rank = tuple[int, float, int]
_ANY: Key = ("any",)
_TEXTUAL = (clause_shapes.STRICT, clause_shapes.LISTED, clause_shapes.GLOB)


@dataclass(frozen=True, slots=True)
class PublishedRule:
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


class Version(Protocol):
    """A version of a playbook, by what tells which of its name is the newest."""

    @property
    def playbook_id(self) -> int:
        """Its id, which no other has."""

    @property
    def name(self) -> str:
        """What its versions have in common."""

    @property
    def version(self) -> int:
        """Its number among them."""


V = TypeVar("V", bound=Version)


def newest(versions: Iterable[V]) -> dict[int, V]:
    """Of each name the newest version, by id: it alone is a candidate."""
    found: dict[str, V] = {}
    for each in versions:
        if each.name not in found or found[each.name].version < each.version:
            found[each.name] = each
    return {each.playbook_id: each for each in found.values()}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a playbook is filed."""

    other: PublishedRule
    same: frozenset[str]
    keys: tuple[Key, ...]


class OtherPlaybooks:
    """Playbooks to hold others against: of each name the newest version, which alone is a candidate.

    What was published and retired since is brought in by :meth:`update`. Iterating gives their ids.
    """

    def __init__(self, playbooks: Iterable[PublishedRule] = ()) -> None:
        self._same: dict[frozenset[str], list[PublishedRule]] = {}
        self._filed: dict[Key, list[PublishedRule]] = {}
        self._shared: Counter[Key] = Counter()
        self._places: dict[int, _Place] = {}
        self.update((), newest(playbooks).values())

    def __contains__(self, playbook_id: object) -> bool:
        return playbook_id in self._places

    def __iter__(self) -> Iterator[int]:
        return iter(self._places)

    def update(self, gone: Iterable[int], come: Iterable[PublishedRule]) -> None:
        """Take some out, by id, and file others. Of each name there may be one."""
        for playbook_id in gone:
            self._take_out(self._places.pop(playbook_id))
        filed = [(each, [_keys_of(clause.logic) for clause in each.conditions.clauses]) for each in come]
        self._shared.update(key for _, of_peer in filed for of_clause in of_peer for key in of_clause)
        for each, of_peer in filed:
            # One of no clause cannot be: a rule says at least that it is always true.
            keys = min(of_peer, key=lambda of_clause: sum(self._shared[key] for key in of_clause))
            self._file(_Place(each, canonical(each.conditions), tuple(keys)))

    def _file(self, place: _Place) -> None:
        self._places[place.other.playbook_id] = place
        for bucket in (
            self._same.setdefault(place.same, []),
            *(self._filed.setdefault(key, []) for key in place.keys),
        ):
            insort(bucket, place.other, key=_best_first)

    def _take_out(self, place: _Place) -> None:
        self._same[place.same].remove(place.other)
        for key in place.keys:
            self._filed[key].remove(place.other)

    def same_as(self, conditions: Conditions, name: str | None = None) -> list[PublishedRule]:
        """Those of the same conditions, best ranked first, but for the one of the name."""
        return [each for each in self._same.get(canonical(conditions), ()) if each.name != name]

    def covering(self, conditions: Conditions, rank: Rank, name: str | None = None) -> PublishedRule | None:
        """One that ranks before ``rank`` and is certain to match whenever the conditions hold, if one is found."""
        known = Constraints(clause.logic for clause in conditions.clauses)
        for key in _keys_from(known):
            for each in self._filed.get(key, ())[:MOST_TRIED]:
                if each.rank <= rank:
                    break
                if each.name != name and all(known.imply(clause.logic) for clause in each.conditions.clauses):
                    return each
        return None


def _best_first(other: PublishedRule) -> Rank:
    priority, created, playbook_id = other.rank
    return (-priority, -created, -playbook_id)


def canonical(conditions: Conditions) -> frozenset[str]:
    """The clauses as a set, for telling whether two rules say the same."""
    return frozenset(signature(clause.logic) for clause in conditions.clauses)


def _keys_of(logic: Any) -> list[Key]:
    """The keys of a clause; where others imply it, one of them leads to one of these."""
    if constant(logic):
        return [_ANY]
    if reads_severity_only(logic):
        return [("states", states_of(logic) or 0)]
    shape = shape_of(logic)
    if shape is None:
        return [("clause", signature(logic))]
    if not shape.negated and all(isinstance(value, str) for value in shape.values):
        if shape.kind == clause_shapes.MEMBER:
            return [("member", shape.path, value) for value in dict.fromkeys(shape.values)]
        if shape.kind in _TEXTUAL and not any("*" in value or "?" in value for value in shape.values):
            return [("text", shape.path, value) for value in dict.fromkeys(map(str.lower, shape.values))]
    return [("path", shape.path)]


def _keys_from(known: Constraints) -> Iterator[Key]:
    """The keys of all clauses that may follow."""
    yield _ANY
    left = sum(1 << index for index, state in enumerate(STATES) if state in known.states)
    yield from (("states", mask) for mask in range(ALL_STATES + 1) if mask & left == left)
    yield from (("clause", each) for each in sorted(known.signatures))
    for path, about in known.shapes.items():
        yield ("path", path)
        values = (known.values.get(path) or ())[:1]
        for shape in about:
            if shape.kind == clause_shapes.MEMBER and not shape.negated:
                yield ("member", path, str(shape.values[0]))
            elif shape.kind in _TEXTUAL and not shape.negated:
                values = (*values, *shape.values[:1])
        yield from (("text", path, text) for text in dict.fromkeys(str(value).lower() for value in values))
