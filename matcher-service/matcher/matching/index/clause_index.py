"""The index of all clauses of one kind on one path: a value looks up the bitmap of the playbooks it satisfies.

It has at most one clause of each playbook; a second clause of the same kind goes into another index. The results
are those of json-logic-qubit. For a value that an index does not support, such as a string compared with numbers,
it has no answer, and the library evaluates the clauses.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from typing import Any, NamedTuple

from pyroaring import BitMap

from sentinai.conditions.evaluation.path_reader import reader_through
from sentinai.conditions.evaluation.sla_thresholds import TIME_DEPENDENT_PATHS
from sentinai.conditions.language.clause_shapes import Shape

TOP_RANKED = 1024
"""Near misses are searched for among this many best ranked playbooks first."""
EMPTY = BitMap()
_CACHE_SIZE = 256


class Satisfied(NamedTuple):
    """The positions whose clause in one index a value satisfies, and those without a clause in it.

    ``top_ranked`` has those below ``TOP_RANKED`` as the bits of an integer, which is faster than a bitmap.
    """

    positions: BitMap
    top_ranked: int


def bits(positions: Iterable[int]) -> int:
    """The positions below ``TOP_RANKED``, as the bits of an integer."""
    found = 0
    for position in positions:
        if position < TOP_RANKED:
            found |= 1 << position
    return found


class ClauseIndex:
    """The clauses of one kind on one path. Answers are cached by the lookup key of the value."""

    def __init__(self, path: str, negated: bool, reading: str | None) -> None:
        self.path = path
        self.negated = negated
        self.is_time_dependent = path in TIME_DEPENDENT_PATHS
        """Whether its answers change with time alone."""
        self.read = reader_through(reading, path)
        self.constrained = BitMap()
        self.selectivity = 0
        """The typical number of positions in an answer."""
        self._free = BitMap()
        self._constrained_bits = self._free_bits = 0
        self._answers: dict[Any, Satisfied] = {}

    def add(self, position: int, shape: Shape) -> None:
        """Add the clause of the playbook at a position."""
        self.constrained.add(position)
        self._add(position, shape)

    def close(self, everyone: BitMap) -> None:
        """Prepare the index for lookups; nothing is added afterwards."""
        self._free = everyone - self.constrained
        self._constrained_bits = bits(takewhile(TOP_RANKED.__gt__, self.constrained))
        self._free_bits = bits(takewhile(TOP_RANKED.__gt__, self._free))
        self._close()
        self.selectivity = len(self._free) + self._typical_hits()

    def answer(self, value: Any) -> Satisfied | None:
        """The positions that ``value`` does not exclude; None if the library must evaluate the clauses."""
        # A string is also cached by itself: most values are strings that have been looked up before.
        found = self._answers.get(value) if value.__class__ is str else None
        if found is not None:
            return found
        key = self._key(value)
        if key is None:
            return None
        found = self._answers.get(key)
        if found is None:
            found = self._cache(key, self._satisfied(self._hits(key), self._hit_bits(key)))
        return self._cache(value, found) if key and value.__class__ is str else found

    def _cache(self, key: Any, found: Satisfied) -> Satisfied:
        if len(self._answers) >= _CACHE_SIZE:
            self._answers.clear()
        self._answers[key] = found
        return found

    def _satisfied(self, hits: BitMap, hit_bits: int) -> Satisfied:
        if self.negated:
            hits, hit_bits = self.constrained - hits, self._constrained_bits & ~hit_bits
        return Satisfied(self._free | hits, self._free_bits | hit_bits)

    def _add(self, position: int, shape: Shape) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        """Build the final form of the index."""

    def _typical_hits(self) -> int:
        return len(self.constrained) // 2

    def _key(self, value: Any) -> Any:
        """The lookup key of a value; None if the library must evaluate the clauses."""
        raise NotImplementedError

    def _hits(self, key: Any) -> BitMap:
        """The positions whose clause holds, before negation."""
        raise NotImplementedError

    def _hit_bits(self, key: Any) -> int:
        """Those of ``_hits`` below ``TOP_RANKED``, as bits."""
        raise NotImplementedError
