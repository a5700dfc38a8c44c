"""The groups of clauses that name values: a table from each value to the playbooks that name it."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from pyroaring import BitMap

from matcher.matching.index.clause_index import NOBODY, TOP_RANKED, ClauseIndex
from sentinai.conditions.evaluation.glob import glob
from sentinai.conditions.evaluation.operator_limits import MAX_ITEMS
from sentinai.conditions.language.clause_shapes import Shape


class _Table(ClauseIndex):
    """Clauses that name values: each value leads to the playbooks that name it."""

    def __init__(self, path: str, negated: bool) -> None:
        super().__init__(path, negated)
        self._table: dict[Any, BitMap] = {}
        self._in_head: dict[Any, int] = {}

    def _enter(self, key: Any, position: int) -> None:
        bitmap = self._table.get(key)
        if bitmap is None:
            bitmap = self._table[key] = BitMap()
        bitmap.add(position)
        if position < TOP_RANKED:
            self._in_head[key] = self._in_head.get(key, 0) | 1 << position

    def _typical_hits(self) -> int:
        within = len(self.constrained)
        hits = within // max(1, len(self._table))
        return within - hits if self.negated else hits

    def _named(self, key: Any) -> tuple[Any, ...]:
        """What in the table a key stands for: several values may fit."""
        named: tuple[Any, ...] = key
        return named

    def _hits(self, key: Any) -> BitMap:
        found = [self._table[each] for each in self._named(key) if each in self._table]
        return reduce(or_, found) if found else NOBODY

    def _hits_in_head(self, key: Any) -> int:
        return reduce(or_, [self._in_head.get(each, 0) for each in self._named(key)], 0)


class TextIndex(_Table):
    """``===`` and ``in`` with texts: only that very text fits."""

    def _add(self, position: int, shape: Shape) -> None:
        for value in shape.values:
            self._enter(value, position)

    def _key(self, value: Any) -> Any:
        known = isinstance(value, str) and value in self._table
        return (value,) if known else ()


class StrictIndex(_Table):
    """``===``: the same type and the same value; numbers are one type."""

    def _add(self, position: int, shape: Shape) -> None:
        for value in shape.values:
            self._enter(_typed(value), position)

    def _key(self, value: Any) -> Any:
        return (_typed(value),) if _is_scalar(value) else ()


class ListedIndex(_Table):
    """``in`` with a literal list: Python's equality, for which true is 1."""

    def _add(self, position: int, shape: Shape) -> None:
        for value in shape.values:
            self._enter(value, position)

    def _key(self, value: Any) -> Any:
        return (value,) if _is_scalar(value) else ()


class LooseIndex(_Table):
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


class MemberIndex(_Table):
    """``in`` with the path on the right: the value is a list that has the literal."""

    def _add(self, position: int, shape: Shape) -> None:
        for value in shape.values:
            self._enter(value, position)

    def _key(self, value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, float)):
            return ()
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            return None
        return tuple([item for item in value if _is_scalar(item) and item in self._table])


class GlobIndex(_Table):
    """``glob``: patterns without wildcards by the text in lower case, the others one by one."""

    def __init__(self, path: str, negated: bool) -> None:
        super().__init__(path, negated)
        self._patterns: set[str] = set()

    def _add(self, position: int, shape: Shape) -> None:
        for pattern in map(str.lower, shape.values):
            if "*" in pattern or "?" in pattern:
                self._patterns.add(pattern)
            self._enter(pattern, position)

    def _key(self, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else False

    def _named(self, key: Any) -> tuple[Any, ...]:
        # A text that is written like a pattern fits that pattern, so it may be looked up as it is.
        return () if key is False else (key, *(each for each in self._patterns if glob(key, each)))


class TruthIndex(_Table):
    """A value taken as true or false."""

    def _add(self, position: int, shape: Shape) -> None:
        self._enter(True, position)

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
