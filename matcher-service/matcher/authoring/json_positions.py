"""One pass over a JSON text: the position of every value and key, by JSON pointer, and what may follow its end."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sentinai.documents import json_pointer

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*(?:(?P<closed>")|\\?\Z)|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Position:
    """A line and a column, both counted from 1."""

    line: int
    column: int


def position_at(text: str, offset: int) -> Position:
    """The line and column of an offset."""
    before = text[:offset]
    return Position(before.count("\n") + 1, offset - before.rfind("\n"))


@dataclass(slots=True)
class _Container:
    """An open object or array: its pointer, that of its current member, and the number of members before that."""

    pointer: str
    is_object: bool
    member: str
    index: int = 0
    duplicate_key: int | None = None


class JsonPositions:
    """The positions in one JSON text, or in its beginning, up to the first object with duplicate keys.

    ``duplicate_key`` is the offset of the second of two equal keys in that object, or None. ``expected`` is what
    may follow the end: a ``value``, ``key``, ``colon`` or ``comma``, the ``end``, or the rest of a ``string``.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._values: dict[str, int] = {}
        self._keys: dict[str, int] = {}
        self._open: list[_Container] = []
        self.duplicate_key: int | None = None
        self.expected = "value"
        for found in _TOKENS.finditer(text):
            if found[0][0] == '"' and not found["closed"]:
                self.expected = "string"
            else:
                self._add(found[0], found.start())
            if self.duplicate_key is not None:
                break

    def of_value(self, pointer: str) -> Position:
        """Where the value at a pointer starts; for a missing one, the nearest value that would contain it."""
        return self._nearest(pointer, self._values)

    def of_key(self, pointer: str) -> Position:
        """Where the key of an object's member starts; for an array's item, the item."""
        return self._nearest(pointer, {**self._values, **self._keys})

    def _nearest(self, pointer: str, offsets: Mapping[str, int]) -> Position:
        while pointer and pointer not in offsets:
            pointer = pointer.rpartition("/")[0]
        return position_at(self._text, offsets[pointer])

    def _add(self, part: str, offset: int) -> None:
        container = self._open[-1] if self._open else None
        if part in "}]" and container:
            self.duplicate_key = container.duplicate_key
            self._open.pop()
            self.expected = "comma" if self._open else "end"
        elif part == "," and container:
            container.index += 1
            container.member = f"{container.pointer}/{container.index}"
            self.expected = "key" if container.is_object else "value"
        elif part == ":":
            self.expected = "value"
        elif self.expected == "key" and container and part[0] == '"':
            self._add_key(container, json.loads(part), offset)
        else:
            self._add_value(container.member if container else "", part, offset)

    def _add_key(self, container: _Container, key: str, offset: int) -> None:
        container.member = json_pointer.join(container.pointer, key)
        if container.member in self._keys and container.duplicate_key is None:
            container.duplicate_key = offset
        self._keys[container.member] = offset
        self.expected = "colon"

    def _add_value(self, pointer: str, part: str, offset: int) -> None:
        self._values[pointer] = offset
        if part in "{[":
            self._open.append(_Container(pointer, part == "{", f"{pointer}/0"))
            self.expected = "key" if part == "{" else "value"
        else:
            self.expected = "comma" if self._open else "end"
