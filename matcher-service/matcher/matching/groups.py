"""Parts of the index: all clauses of one kind about one path, answered for a value by one bitmap.

In a group every playbook has at most one clause; a second one of its kind goes into a further group. What
satisfies a clause is decided as json-logic-qubit decides it. For a value that a group cannot speak for,
such as a text held against numbers, it says so, and the library is asked.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

from pyroaring import BitMap

from sentinai.conditions import shapes
from sentinai.conditions.evaluate import glob
from sentinai.conditions.prepared import reader
from sentinai.conditions.shapes import Shape

TEXT, UPPER, LOWER = "text", "upper", "lower"
HEAD = 1024
"""Near misses are looked for among so many best ranked playbooks first."""
_IN_HEAD = BitMap(range(HEAD))
_KEPT = 256
_NO_NUMBER = -1
_ONE = ord("1")
_BLOCKS = 256


class Satisfied:
    """The playbooks that a value satisfies in one group, with those that have no clause there.

    ``head`` has those among the best ranked as the bits of a number: for so few, that is quicker than a bitmap.
    """

    __slots__ = ("everyone", "head")

    def __init__(self, everyone: BitMap) -> None:
        self.everyone = everyone
        self.head = bits(everyone & _IN_HEAD)


def bits(positions: Iterable[int]) -> int:
    """Positions below ``HEAD`` as the bits of a number."""
    digits = bytearray(b"0") * HEAD
    for position in positions:
        digits[HEAD - 1 - position] = _ONE
    return int(digits, 2)


class Group:
    """The clauses of one kind about one path. ``answer`` is memoised by what tells values apart."""

    def __init__(self, path: str, negated: bool) -> None:
        self.path = path
        self.negated = negated
        self.read = reader(path)
        self.constrained = BitMap()
        self.leaves = 0
        """How many positions an answer has, typically."""
        self._free = BitMap()
        self._answers: dict[Any, Satisfied] = {}

    def add(self, position: int, shape: Shape) -> None:
        """Take in the clause of the playbook at a position."""
        self.constrained.add(position)
        self._add(position, shape)

    def close(self, everyone: BitMap) -> None:
        """Make ready to answer; nothing is added afterwards."""
        self._free = everyone - self.constrained
        self._free.run_optimize()
        self.constrained.run_optimize()
        self._close()
        self.leaves = len(self._free) + self._typical_hits()

    def answer(self, value: Any) -> Satisfied | None:
        """The playbooks that are not ruled out by ``value``; None where this group cannot tell."""
        key = self._key(value)
        if key is None:
            return None
        found = self._answers.get(key)
        if found is None:
            hits = self._hits(key)
            found = Satisfied(self._free | (self.constrained - hits if self.negated else hits))
            if len(self._answers) >= _KEPT:
                self._answers.clear()
            self._answers[key] = found
        return found

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


class _Table(Group):
    """Clauses that name values: each value leads to the playbooks that name it."""

    def __init__(self, path: str, negated: bool) -> None:
        super().__init__(path, negated)
        self._table: dict[Any, BitMap] = {}

    def _enter(self, key: Any, position: int) -> None:
        bitmap = self._table.get(key)
        if bitmap is None:
            bitmap = self._table[key] = BitMap()
        bitmap.add(position)

    def _typical_hits(self) -> int:
        within = len(self.constrained)
        hits = within // max(1, len(self._table))
        return within - hits if self.negated else hits

    def _any_of(self, keys: Iterable[Any]) -> BitMap:
        found = [self._table[key] for key in keys if key in self._table]
        return BitMap.union(*found) if found else BitMap()

    def _hits(self, key: Any) -> BitMap:
        return self._any_of(key)


class TextGroup(_Table):
    """``===`` and ``in`` with texts: only that very text fits."""

    def _add(self, position: int, shape: Shape) -> None:
        for value in shape.values:
            self._enter(value, position)

    def _key(self, value: Any) -> Any:
        known = isinstance(value, str) and value in self._table
        return (value,) if known else ()


class StrictGroup(_Table):
    """``===``: the same type and the same value; numbers are one type."""

    def _add(self, position: int, shape: Shape) -> None:
        for value in shape.values:
            self._enter(_typed(value), position)

    def _key(self, value: Any) -> Any:
        return (_typed(value),) if _is_scalar(value) else ()


class ListedGroup(_Table):
    """``in`` with a literal list: Python's equality, for which true is 1."""

    def _add(self, position: int, shape: Shape) -> None:
        for value in shape.values:
            self._enter(value, position)

    def _key(self, value: Any) -> Any:
        return (value,) if _is_scalar(value) else ()


class LooseGroup(_Table):
    """``==``: as texts when either is one, as truth values when either is one, else as they are."""

    def _add(self, position: int, shape: Shape) -> None:
        for value in shape.values:
            for key in _loose_keys_of_literal(value):
                self._enter(key, position)

    def _key(self, value: Any) -> Any:
        if isinstance(value, str):
            return (("s", value),)
        if not _is_scalar(value):
            return None
        if isinstance(value, bool):
            return (("s", str(value)), ("b", value))
        return (("s", str(value)), ("n", value), ("t", bool(value)))


class MemberGroup(_Table):
    """``in`` with the path on the right: the value is a list that has the literal."""

    def _add(self, position: int, shape: Shape) -> None:
        for value in shape.values:
            self._enter(value, position)

    def _key(self, value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, float)):
            return ()
        if not isinstance(value, list):
            return None
        return tuple(item for item in value if _is_scalar(item) and item in self._table)


class GlobGroup(_Table):
    """``glob``: patterns without wildcards by the text in lower case, the others one by one."""

    def __init__(self, path: str, negated: bool) -> None:
        super().__init__(path, negated)
        self._patterns: dict[str, BitMap] = {}

    def _add(self, position: int, shape: Shape) -> None:
        for pattern in shape.values:
            if "*" in pattern or "?" in pattern:
                self._patterns.setdefault(pattern.lower(), BitMap()).add(position)
            else:
                self._enter(pattern.lower(), position)

    def _key(self, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else False

    def _hits(self, key: Any) -> BitMap:
        if key is False:
            return BitMap()
        fitting = [bitmap for pattern, bitmap in self._patterns.items() if glob(key, pattern)]
        return self._any_of((key,)).union(*fitting) if fitting else self._any_of((key,))


class TruthGroup(_Table):
    """A value taken as true or false."""

    def _add(self, position: int, shape: Shape) -> None:
        self._enter(True, position)

    def _key(self, value: Any) -> Any:
        return (bool(value),)


class ThresholdGroup(Group):
    """Bounds on a number: sorted, with the unions of all that come before each block, or after it."""

    def __init__(self, path: str, negated: bool, side: str) -> None:
        super().__init__(path, negated)
        self._upper = side == UPPER
        self._at: dict[tuple[float, int], BitMap] = {}
        self._bounds: list[tuple[float, int]] = []
        self._bitmaps: list[BitMap] = []
        self._block = 1
        self._unions: list[BitMap] = []

    def _add(self, position: int, shape: Shape) -> None:
        inclusive = "=" in shape.operator
        # An upper bound that includes comes after one that does not, a lower bound before it.
        bound = (shape.values[0], int(inclusive if self._upper else not inclusive))
        self._at.setdefault(bound, BitMap()).add(position)

    def _close(self) -> None:
        self._bounds = sorted(self._at)
        self._bitmaps = [self._at[bound] for bound in self._bounds]
        self._at = {}
        self._block = max(32, -(-len(self._bounds) // _BLOCKS))
        blocks = [
            BitMap.union(*self._bitmaps[start : start + self._block])
            for start in range(0, len(self._bitmaps), self._block)
        ]
        self._unions = _running_unions(blocks[::-1])[::-1] if self._upper else _running_unions(blocks)

    def _key(self, value: Any) -> Any:
        if isinstance(value, (bool, str)):
            return None
        if not isinstance(value, (int, float)):
            return _NO_NUMBER
        return bisect_right(self._bounds, (value, 0))

    def _hits(self, key: Any) -> BitMap:
        if key == _NO_NUMBER:
            return BitMap()
        return self._after(key) if self._upper else self._before(key)

    def next_mark(self, value: float, positions: BitMap) -> float | None:
        """The largest bound not above ``value`` that one of the positions has."""
        for index in range(bisect_right(self._bounds, (value, 1)) - 1, -1, -1):
            if self._bitmaps[index].intersect(positions):
                return self._bounds[index][0]
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


def _running_unions(blocks: list[BitMap]) -> list[BitMap]:
    unions: list[BitMap] = []
    for block in blocks:
        unions.append(unions[-1] | block if unions else block)
    return unions


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _typed(value: Any) -> tuple[str, Any]:
    if isinstance(value, bool):
        return ("b", value)
    return ("n" if isinstance(value, (int, float)) else "s", value)


def _loose_keys_of_literal(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, str):
        return [("s", value)]
    if isinstance(value, bool):
        return [("s", str(value)), ("b", value), ("t", value)]
    return [("s", str(value)), ("b", bool(value)), ("n", value)]


def family(shape: Shape) -> str:
    """The kind of group that a shape goes into."""
    if shape.kind == shapes.COMPARE:
        return UPPER if shape.operator in ("<", "<=") else LOWER
    texts = all(isinstance(value, str) for value in shape.values)
    if texts and shape.values and shape.kind in (shapes.STRICT, shapes.LISTED):
        return TEXT
    return shape.kind


def tells_marks(shape: Shape) -> bool:
    """Whether the group of a shape knows at which SLA minutes its clauses change."""
    return shape.kind == shapes.COMPARE


def new_group(of_family: str, path: str, negated: bool) -> Group:
    """An empty group."""
    if of_family in (UPPER, LOWER):
        return ThresholdGroup(path, negated, of_family)
    return _KINDS[of_family](path, negated)


_KINDS: dict[str, type[Group]] = {
    TEXT: TextGroup,
    shapes.STRICT: StrictGroup,
    shapes.LISTED: ListedGroup,
    shapes.LOOSE: LooseGroup,
    shapes.MEMBER: MemberGroup,
    shapes.GLOB: GlobGroup,
    shapes.TRUE: TruthGroup,
}
