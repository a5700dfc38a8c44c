"""The group of clauses that hold a number against a bound."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate, takewhile
from operator import or_
from typing import Any

from pyroaring import BitMap

from matcher.matching.group import HEAD, Group, bits
from sentinai.conditions.shapes import Shape

_NO_NUMBER = -1
_BLOCKS = 256
_SPAN = 16
"""Of so many bounds the positions are kept together, so that bounds that concern nobody are passed over."""


class ThresholdGroup(Group):
    """Bounds on a number: sorted, with the unions of all that come before each block, or after it."""

    def __init__(self, path: str, negated: bool, *, upper: bool) -> None:
        super().__init__(path, negated)
        self._upper = upper
        self._at: dict[tuple[float, int], BitMap] = {}
        self._bounds: list[tuple[float, int]] = []
        self._numbers: list[float] = []
        self._bitmaps: list[BitMap] = []
        self._spans: list[BitMap] = []
        self._block = 1
        self._unions: list[BitMap] = []
        self._unions_in_head: list[int] = []

    def _add(self, position: int, shape: Shape) -> None:
        inclusive = "=" in shape.operator
        # An upper bound that includes comes after one that does not, a lower bound before it.
        bound = (shape.values[0], int(inclusive if self._upper else not inclusive))
        self._at.setdefault(bound, BitMap()).add(position)

    def _close(self) -> None:
        self._bounds = sorted(self._at)
        self._numbers = [number for number, _ in self._bounds]
        self._bitmaps = [self._at[bound] for bound in self._bounds]
        self._at = {}
        self._block = max(32, -(-len(self._bounds) // _BLOCKS))
        blocks = [
            BitMap.union(*self._bitmaps[start : start + self._block])
            for start in range(0, len(self._bitmaps), self._block)
        ]
        self._spans = [
            BitMap.union(*self._bitmaps[start : start + _SPAN]) for start in range(0, len(self._bitmaps), _SPAN)
        ]
        in_head = [bits(takewhile(HEAD.__gt__, bitmap)) for bitmap in self._bitmaps]
        if self._upper:
            self._unions = [*accumulate(reversed(blocks), or_)][::-1]
            self._unions_in_head = [*accumulate(reversed(in_head), _or, initial=0)][::-1]
        else:
            self._unions = [*accumulate(blocks, or_)]
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
            return BitMap()
        return self._after(key) if self._upper else self._before(key)

    def _hits_in_head(self, key: Any) -> int:
        return 0 if key == _NO_NUMBER else self._unions_in_head[key]

    def next_mark(self, value: float, positions: BitMap) -> float | None:
        """The largest bound not above ``value`` that one of the positions has."""
        concerned = positions & self.constrained
        index = bisect_right(self._numbers, value) - 1 if concerned else -1
        while index >= 0:
            if not self._spans[index // _SPAN].intersect(concerned):
                index -= index % _SPAN + 1
            elif self._bitmaps[index].intersect(concerned):
                return self._numbers[index]
            else:
                index -= 1
        return None

    def _before(self, position: int) -> BitMap:
        block = position // self._block
        hits = self._unions[block - 1].copy() if block else BitMap()
        return _joined(hits, self._bitmaps[block * self._block : position])

    def _after(self, position: int) -> BitMap:
        block = -(-position // self._block)
        hits = self._unions[block].copy() if block < len(self._unions) else BitMap()
        return _joined(hits, self._bitmaps[position : block * self._block])


def _joined(bitmap: BitMap, more: list[BitMap]) -> BitMap:
    return bitmap.union(*more) if more else bitmap


def _or(one: int, other: int) -> int:
    """The same object where there is nothing to add: most bounds are of no playbook in the head."""
    return one | other if other else one
