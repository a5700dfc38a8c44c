"""The group of clauses that hold a number against a bound."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from itertools import accumulate
from operator import or_
from typing import Any

from pyroaring import BitMap

from matcher.matching.index.clause_index import NOBODY, ClauseIndex, bits
from sentinai.conditions.language.clause_shapes import Shape

_NO_NUMBER = -1
_BLOCKS = 256


class ThresholdIndex(ClauseIndex):
    """Bounds on a number: sorted, in blocks, with the unions of all blocks up to each, or from it on.

    ``_positions`` has the positions in the order of their bounds, those of the bound at an index from
    ``_starts[index]`` on.
    """

    def __init__(self, path: str, negated: bool, *, upper: bool) -> None:
        super().__init__(path, negated)
        self._upper = upper
        self._at: dict[tuple[float, int], list[int]] = {}
        self._bounds: list[tuple[float, int]] = []
        self._numbers: list[float] = []
        self._positions = array("I")
        self._starts: list[int] = []
        self._block = 1
        self._blocks: list[BitMap] = []
        self._unions: list[BitMap] = []
        self._unions_in_head: list[int] = []

    def _add(self, position: int, shape: Shape) -> None:
        inclusive = "=" in shape.operator
        # An upper bound that includes comes after one that does not, a lower bound before it.
        bound = (shape.values[0], int(inclusive if self._upper else not inclusive))
        self._at.setdefault(bound, []).append(position)

    def _close(self) -> None:
        self._bounds = sorted(self._at)
        self._numbers = [number for number, _ in self._bounds]
        of_bounds = [self._at[bound] for bound in self._bounds]
        self._at = {}
        self._positions = array("I", (position for positions in of_bounds for position in positions))
        self._starts = [*accumulate(map(len, of_bounds), initial=0)]
        self._block = max(32, -(-len(of_bounds) // _BLOCKS))
        firsts = range(0, len(of_bounds), self._block)
        self._blocks = [BitMap(self._between(first, first + self._block)) for first in firsts]
        in_head = [bits(positions) for positions in of_bounds]
        if self._upper:
            self._unions = [*accumulate(reversed(self._blocks), or_)][::-1]
            self._unions_in_head = [*accumulate(reversed(in_head), _or, initial=0)][::-1]
        else:
            self._unions = [*accumulate(self._blocks, or_)]
            self._unions_in_head = [*accumulate(in_head, _or, initial=0)]

    def _key(self, value: Any) -> Any:
        if isinstance(value, (bool, str)):
            return None
        if not isinstance(value, (int, float)):
            return _NO_NUMBER
        # How many bounds come before (value, 1); numbers alone compare in less time than pairs.
        found = bisect_left(self._numbers, value)
        return found + 1 if self._bounds[found : found + 1] == [(value, 0)] else found

    def _hits(self, key: Any) -> BitMap:
        if key == _NO_NUMBER:
            return NOBODY
        return self._after(key) if self._upper else self._before(key)

    def _hits_in_head(self, key: Any) -> int:
        return 0 if key == _NO_NUMBER else self._unions_in_head[key]

    def next_threshold(self, value: float, positions: BitMap) -> float | None:
        """The largest bound not above ``value`` that one of the positions has."""
        concerned = positions & self.constrained
        end = bisect_right(self._numbers, value) if concerned else 0
        for block in range((end - 1) // self._block, -1, -1):
            if self._blocks[block].intersect(concerned):
                first = block * self._block
                for place in range(self._starts[min(end, first + self._block)] - 1, self._starts[first] - 1, -1):
                    if self._positions[place] in concerned:
                        return self._numbers[bisect_right(self._starts, place) - 1]
        return None

    def _before(self, index: int) -> BitMap:
        block = index // self._block
        whole = self._unions[block - 1] if block else NOBODY
        return _joined(whole, self._between(block * self._block, index))

    def _after(self, index: int) -> BitMap:
        block = -(-index // self._block)
        whole = self._unions[block] if block < len(self._unions) else NOBODY
        return _joined(whole, self._between(index, block * self._block))

    def _between(self, first: int, end: int) -> array[int]:
        """The positions of the bounds from one index up to another."""
        return self._positions[self._starts[first] : self._starts[min(end, len(self._bounds))]]


def _joined(bitmap: BitMap, positions: array[int]) -> BitMap:
    """With some positions more; the same object where there are none."""
    return bitmap | BitMap(positions) if positions else bitmap


def _or(one: int, other: int) -> int:
    """The same object where there is nothing to add: most bounds are of no playbook in the head."""
    return one | other if other else one
