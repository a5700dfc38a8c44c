"""Indexes of clauses that compare with given values: a table from each value to its playbooks."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from pyroaring import BitMap

from matcher.matching.index.clause_index import EMPTY, TOP_RANKED, ClauseIndex
from sentinai.conditions.evaluation.glob import glob
from sentinai.conditions.evaluation.operator_limits import MAX_ITEMS
from sentinai.conditions.language.clause_shapes import Shape


class _ValueIndex(ClauseIndex):
    """A table from each value in the clauses to the positions of these clauses."""

    def __init__(self, path: str, negated: bool, reading: str | None) -> None:
        super().__init__(path, negated, reading)
        self._table: dict[Any, BitMap] = {}
        self._bits: dict[Any, int] = {}

    def _insert(self, key: Any, position: int) -> None:
        bitmap = self._table.get(key)
        if bitmap is None:
            bitmap = self._table[key] = BitMap()
        bitmap.add(position)
        if position < TOP_RANKED:
            self._bits[key] = self._bits.get(key, 0) | 1 << position

    def _typical_hits(self) -> int:
        within = len(self.constrained)
        hits = within // max(1, len(self._table))
        return within - hits if self.negated else hits

    def _matching_keys(self, key: Any) -> tuple[Any, ...]:
        """The entries of the table that match a key."""
        keys: tuple[Any, ...] = key
        return keys

    def _hits(self, key: Any) -> BitMap:
        found = [self._table[each] for each in self._matching_keys(key) if each in self._table]
        return reduce(or_, found) if found else EMPTY

    def _hit_bits(self, key: Any) -> int:
        return reduce(or_, [self._bits.get(each, 0) for each in self._matching_keys(key)], 0)


class TextIndex(_ValueIndex):
    """``===`` and ``in`` with strings: only an equal string matches."""

    def _add(self, position: int, shape: Shape) -> None:
        for value in shape.values:
            self._insert(value, position)

    def _key(self, value: Any) -> Any:
        known = isinstance(value, str) and value in self._table
        return (value,) if known else ()


class StrictIndex(_ValueIndex):
    """``===``: the same type and the same value; numbers are one type."""

    def _add(self, position: int, shape: Shape) -> None:
        for value in shape.values:
            self._insert(_typed(value), position)

    def _key(self, value: Any) -> Any:
        return (_typed(value),) if _is_scalar(value) else ()


class ListedIndex(_ValueIndex):
    """``in`` with a literal list: Python's equality, for which true is 1."""

    def _add(self, position: int, shape: Shape) -> None:
        for value in shape.values:
            self._insert(value, position)

    def _key(self, value: Any) -> Any:
        return (value,) if _is_scalar(value) else ()


class LooseIndex(_ValueIndex):
    """``==``: compared as strings if either is one, as booleans if either is one, else unchanged."""

    def _add(self, position: int, shape: Shape) -> None:
        for value in shape.values:
            for key in _loose_keys_of_literal(value):
                self._insert(key, position)

    def _key(self, value: Any) -> Any:
        if isinstance(value, str):
            return (("s", value),)
        if not _is_scalar(value):
            return None
        if isinstance(value, bool):
            return (("s", str(value)), ("b", value))
        return (("s", str(value)), ("n", value), ("t", bool(value)))


class MemberIndex(_ValueIndex):
    """``in`` with the path on the right: the value is a list that contains the literal."""

    def _add(self, position: int, shape: Shape) -> None:
        for value in shape.values:
            self._insert(value, position)

    def _key(self, value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, float)):
            return ()
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            return None
        return tuple([item for item in value if _is_scalar(item) and item in self._table])


class GlobIndex(_ValueIndex):
    """``glob``: patterns without wildcards are looked up in lower case, the others tried one by one."""

    def __init__(self, path: str, negated: bool, reading: str | None) -> None:
        super().__init__(path, negated, reading)
        self._patterns: set[str] = set()

    def _add(self, position: int, shape: Shape) -> None:
        for pattern in map(str.lower, shape.values):
            if "*" in pattern or "?" in pattern:
                self._patterns.add(pattern)
            self._insert(pattern, position)

    def _key(self, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else False

    def _matching_keys(self, key: Any) -> tuple[Any, ...]:
        # A string that is spelt like a pattern matches that pattern, so it can be looked up too.
        return () if key is False else (key, *(each for each in self._patterns if glob(key, each)))


class TruthIndex(_ValueIndex):
    """The truth of a value."""

    def _add(self, position: int, shape: Shape) -> None:
        self._insert(True, position)

    def _key(self, value: Any) -> Any:
        return (bool(value),)


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
