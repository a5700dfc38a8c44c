"""How large a schema is with every reference written out: a few lines may expand to millions of parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sentinai.documents import json_pointer

MAX_PARTS = 10_000
_UNFINISHED = (0, 1)
"""Met again while it is being measured, a part contains itself once."""


def why_unbounded(schema: Any) -> str | None:
    """Why a document's validation by this schema would not be bounded; None if it is."""
    try:
        parts, repetitions = _Expansion(schema).measure(schema)
    except ValueError as error:
        return str(error)
    if parts > MAX_PARTS:
        return f"with its references written out it has more than {MAX_PARTS:,} parts"
    if repetitions > 1:
        return "it contains itself more than once"
    return None


class _Expansion:
    """Measures each part of a schema once, however often it is referred to."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._measured: dict[int, tuple[int, int]] = {}

    def measure(self, part: Any) -> tuple[int, int]:
        """How many parts there are in a part, and how often it leads back to one that contains it.

        Raises:
            ValueError: it refers to something other than by a pointer into the schema.
        """
        if not isinstance(part, (Mapping, list)):
            return 1, 0
        if id(part) not in self._measured:
            self._measured[id(part)] = _UNFINISHED
            inner = [self.measure(each) for each in self._inner(part)]
            self._measured[id(part)] = (1 + sum(size for size, _ in inner), sum(count for _, count in inner))
        return self._measured[id(part)]

    def _inner(self, part: Mapping[str, Any] | list[Any]) -> list[Any]:
        if isinstance(part, list):
            return part
        found = [value for key, value in part.items() if key != "$defs"]
        for keyword in ("$id", "$dynamicRef"):
            if isinstance(part.get(keyword), str) and not (keyword == "$id" and part is self._schema):
                raise ValueError(f"{keyword} is not supported within a schema")
        target = part.get("$ref")
        return [*found, self._at(target)] if isinstance(target, str) else found

    def _at(self, reference: str) -> Any:
        if "%" in reference or not (reference == "#" or reference.startswith("#/")):
            raise ValueError(
                f"it refers to {reference[:80]!r}; only JSON pointers such as #/$defs/… are supported"
            )
        return json_pointer.value_at(self._schema, reference[1:])
