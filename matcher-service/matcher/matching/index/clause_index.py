"""A part of the index: all clauses of one kind about one path, answered for a value by one bitmap.

In a group every playbook has at most one clause; a second one of its kind goes into a further group. What
satisfies a clause is decided as json-logic-qubit decides it. For a value that a group cannot speak for,
such as a text held against numbers, it says so, and the library is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from typing import Any, NamedTuple

from pyroaring import BitMap

from matcher.matching.sla_thresholds import TIME_DEPENDENT_PATHS
from sentinai.conditions.evaluation.path_reader import reader
from sentinai.conditions.language.clause_shapes import Shape

TOP_RANKED = 1024
"""Near misses are looked for among so many best ranked playbooks first."""
NOBODY = BitMap()
_KEPT = 256


class Satisfied(NamedTuple):
    """The playbooks that a value satisfies in one group, with those that have no clause there.

    ``head`` has those among the best ranked as the bits of a number: for so few, that is quicker than a bitmap.
    """

    everyone: BitMap
    head: int


def bits(positions: Iterable[int]) -> int:
    """Those positions that are below ``TOP_RANKED``, as the bits of a number."""
    found = 0
    for position in positions:
        if position < TOP_RANKED:
            found |= 1 << position
    return found


class ClauseIndex:
    """The clauses of one kind about one path. ``answer`` is memoised by what tells values apart."""

    def __init__(self, path: str, negated: bool) -> None:
        self.path = path
        self.negated = negated
        self.is_time_dependent = path in TIME_DEPENDENT_PATHS
        """Whether the passing of time alone changes its answers."""
        self.read = reader(path)
        self.constrained = BitMap()
        self.selectivity = 0
        """How many positions an answer has, typically."""
        self._free = BitMap()
        self._constrained_in_head = self._free_in_head = 0
        self._answers: dict[Any, Satisfied] = {}

    def add(self, position: int, shape: Shape) -> None:
        """Take in the clause of the playbook at a position."""
        self.constrained.add(position)
        self._add(position, shape)

    def close(self, everyone: BitMap) -> None:
        """Make ready to answer; nothing is added afterwards."""
        self._free = everyone - self.constrained
        self._constrained_in_head = bits(takewhile(TOP_RANKED.__gt__, self.constrained))
        self._free_in_head = bits(takewhile(TOP_RANKED.__gt__, self._free))
        self._close()
        self.selectivity = len(self._free) + self._typical_hits()

    def answer(self, value: Any) -> Satisfied | None:
        """The playbooks that are not ruled out by ``value``; None where this group cannot tell."""
        # A text is kept as it stands, besides by its key: most values are texts that were met before.
        found = self._answers.get(value) if value.__class__ is str else None
        if found is not None:
            return found
        key = self._key(value)
        if key is None:
            return None
        found = self._answers.get(key)
        if found is None:
            found = self._keep(key, self._satisfied(self._hits(key), self._hits_in_head(key)))
        return self._keep(value, found) if key and value.__class__ is str else found

    def _keep(self, key: Any, found: Satisfied) -> Satisfied:
        if len(self._answers) >= _KEPT:
            self._answers.clear()
        self._answers[key] = found
        return found

    def _satisfied(self, hits: BitMap, in_head: int) -> Satisfied:
        if self.negated:
            hits, in_head = self.constrained - hits, self._constrained_in_head & ~in_head
        return Satisfied(self._free | hits, self._free_in_head | in_head)

    def _add(self, position: int, shape: Shape) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        """Bring what was added into its final form."""

    def _typical_hits(self) -> int:
        return len(self.constrained) // 2

    def _key(self, value: Any) -> Any:
        """What of a value decides; None where the library must be asked."""
        raise NotImplementedError

    def _hits(self, key: Any) -> BitMap:
        """The playbooks whose clause holds, before negation."""
        raise NotImplementedError

    def _hits_in_head(self, key: Any) -> int:
        """The same among the best ranked, as bits."""
        raise NotImplementedError
