"""The line and column of each value of a JSON text, by JSON pointer."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]

from sentinai.conditions.language.guard import escape

_SPACE = re.compile(r"[ \t\r\n]*")
_SCALAR = re.compile(r"[^\s,\]}]+")


@dataclass(frozen=True, slots=True)
class Position:
    """A line and a column, both counted from 1."""

    line: int
    column: int


def position_at(text: str, offset: int) -> Position:
    """The line and column of an offset."""
    before = text[:offset]
    return Position(before.count("\n") + 1, offset - before.rfind("\n"))


def duplicate_key_offset(text: str) -> int | None:
    """The offset of the second of two equal keys, in the first object to close that has such; None without one.

    Up to there the text must be well-formed.
    """
    try:
        _Scan(text).value(0, "")
    except _DuplicateKey as found:
        return found.offset
    return None


class _DuplicateKey(Exception):
    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class JsonPositions:
    """The positions in one JSON text, which must be well-formed and without duplicate keys."""

    def __init__(self, text: str) -> None:
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        scan = _Scan(text)
        scan.value(0, "")
        self._values: Mapping[str, int] = scan.values
        self._keys: Mapping[str, int] = scan.keys

    def of_value(self, pointer: str) -> Position:
        """Where the value at a pointer starts; for a missing one, the nearest value that would contain it."""
        return self._nearest(pointer, self._values)

    def of_key(self, pointer: str) -> Position:
        """Where the key of an object's member starts; for an array's item, the item."""
        return self._nearest(pointer, {**self._values, **self._keys})

    def _nearest(self, pointer: str, offsets: Mapping[str, int]) -> Position:
        while pointer and pointer not in offsets:
            pointer = pointer.rpartition("/")[0]
        offset = offsets[pointer]
        line = bisect_right(self._line_starts, offset)
        return Position(line, offset - self._line_starts[line - 1] + 1)


class _Scan:
    """One pass over a text: the offset of every value and every key, by pointer."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.values: dict[str, int] = {}
        self.keys: dict[str, int] = {}

    def value(self, offset: int, pointer: str) -> int:
        """Record the value at or after ``offset``; returns the offset of its end."""
        offset = self._skip(offset)
        self.values[pointer] = offset
        opening = self._text[offset]
        if opening == "{":
            return self._object(offset + 1, pointer)
        if opening == "[":
            return self._list(offset + 1, pointer)
        if opening == '"':
            return self._string(offset)[1]
        found = _SCALAR.match(self._text, offset)
        return found.end() if found else offset + 1

    def _object(self, offset: int, pointer: str) -> int:
        duplicate = None
        while self._text[offset := self._skip(offset)] != "}":
            if self._text[offset] == ",":
                offset = self._skip(offset + 1)
            start = offset
            key, offset = self._string(offset)
            member = f"{pointer}/{escape(key)}"
            if duplicate is None and member in self.keys:
                duplicate = start
            self.keys[member] = start
            offset = self.value(self._skip(offset) + 1, member)
        if duplicate is not None:
            raise _DuplicateKey(duplicate)
        return offset + 1

    def _list(self, offset: int, pointer: str) -> int:
        index = 0
        while self._text[offset := self._skip(offset)] != "]":
            if self._text[offset] == ",":
                offset += 1
            offset = self.value(offset, f"{pointer}/{index}")
            index += 1
        return offset + 1

    def _string(self, offset: int) -> tuple[str, int]:
        text, end = scanstring(self._text, offset + 1)
        return text, end

    def _skip(self, offset: int) -> int:
        found = _SPACE.match(self._text, offset)
        return found.end() if found else offset
