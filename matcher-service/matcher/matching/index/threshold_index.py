"""The index of clauses that compare a number with a bound."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from itertools import accumulate
from operator import or_
from typing import Any

from pyroaring import BitMap

from matcher.matching.index.clause_index import EMPTY, ClauseIndex, bits
from sentinai.conditions.language.clause_shapes import Shape

_NO_NUMBER = -1
_BLOCKS = 256


class ThresholdIndex(ClauseIndex):
    """Bounds on a number: sorted, in blocks, with the union of all blocks up to each block, or from it on.

    ``_positions`` is in the order of the bounds; the positions of ``_bounds[index]`` start at ``_starts[index]``.
    """

    def __init__(self, path: str, negated: bool, reading: str | None, *, upper: bool) -> None:
        super().__init__(path, negated, reading)
        self._upper = upper
        self._at: dict[tuple[float, int], list[int]] = {}
        self._bounds: list[tuple[float, int]] = []
        self._numbers: list[float] = []
        self._positions = array("I")
        self._starts: list[int] = []
        self._block = 1
        self._blocks: list[BitMap] = []
        self._unions: list[BitMap] = []
        self._union_bits: list[int] = []

    def _add(self, position: int, shape: Shape) -> None:
        inclusive = "=" in shape.operator
        # An inclusive upper bound sorts after an exclusive one, an inclusive lower bound before it.
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
        bits_of_bounds = [bits(positions) for positions in of_bounds]
        if self._upper:
            self._unions = [*accumulate(reversed(self._blocks), or_)][::-1]
            self._union_bits = [*accumulate(reversed(bits_of_bounds), _or, initial=0)][::-1]
        else:
            self._unions = [*accumulate(self._blocks, or_)]
            self._union_bits = [*accumulate(bits_of_bounds, _or, initial=0)]

    def _key(self, value: Any) -> Any:
        if isinstance(value, (bool, str)):
            return None
        if not isinstance(value, (int, float)):
            return _NO_NUMBER
        # The number of bounds before (value, 1); comparing numbers is faster than comparing pairs.
        found = bisect_left(self._numbers, value)
        return found + 1 if self._bounds[found : found + 1] == [(value, 0)] else found

    def _hits(self, key: Any) -> BitMap:
        if key == _NO_NUMBER:
            return EMPTY
        return self._after(key) if self._upper else self._before(key)

    def _hit_bits(self, key: Any) -> int:
        return 0 if key == _NO_NUMBER else self._union_bits[key]

    def next_threshold(self, value: float, positions: BitMap) -> float | None:
        """The largest bound of these positions that does not exceed ``value``."""
        relevant = positions & self.constrained
        end = bisect_right(self._numbers, value) if relevant else 0
        for block in range((end - 1) // self._block, -1, -1):
            if self._blocks[block].intersect(relevant):
                first = block * self._block
                for at in range(self._starts[min(end, first + self._block)] - 1, self._starts[first] - 1, -1):
                    if self._positions[at] in relevant:
                        return self._numbers[bisect_right(self._starts, at) - 1]
        return None

    def _before(self, index: int) -> BitMap:
        block = index // self._block
        blocks = self._unions[block - 1] if block else EMPTY
        return _joined(blocks, self._between(block * self._block, index))

    def _after(self, index: int) -> BitMap:
        block = -(-index // self._block)
        blocks = self._unions[block] if block < len(self._unions) else EMPTY
        return _joined(blocks, self._between(index, block * self._block))

    def _between(self, first: int, end: int) -> array[int]:
        """The positions of the bounds from one index up to another."""
        return self._positions[self._starts[first] : self._starts[min(end, len(self._bounds))]]


def _joined(bitmap: BitMap, positions: array[int]) -> BitMap:
    """The union; the bitmap itself if there are no positions to add."""
    return bitmap | BitMap(positions) if positions else bitmap


def _or(one: int, other: int) -> int:
    """The union; the same object if there is nothing to add, as for most bounds."""
    return one | other if other else one
