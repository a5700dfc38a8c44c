"""Paths and values in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sentinai.conditions.language.vocabulary import CONTEXT_PATH

_LABELS = {
    "policy.tags": "policy tags",
    "sla.minutes_remaining": "SLA minutes remaining",
    "sla.breached": "SLA breached",
    "exception.severity_rank": "severity",
}
MOST_SHOWN = 12
"""How many values are listed in words."""
_LONGEST = 80
_NEVER_LONG = frozenset({int, float, bool, type(None)})
_MAX_LEVELS = 32
"""A response has levels of its own, and its readers a limit."""


def label(path: str) -> str:
    """The name that people use for a path."""
    if path in _LABELS:
        return _LABELS[path]
    if path.startswith(CONTEXT_PATH):
        return f"context.{path.removeprefix(CONTEXT_PATH)}"
    return path.removeprefix("exception.").replace("_", " ") if path.startswith("exception.") else path


def listed_in_words(values: Sequence[Any], of: Callable[[Any], Any] = lambda value: value) -> str:
    """The first values of a list, or what ``of`` takes from each, and how many more there are."""
    shown = ", ".join(value_in_words(of(value)) for value in values[:MOST_SHOWN])
    more = len(values) - MOST_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def value_in_words(value: Any) -> str:
    """A value as text; a long one is truncated."""
    if isinstance(value, str):
        return truncated(value, _LONGEST)
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else repr(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}" if abs(value) < 10**15 else f"{value:.6g}" if abs(value) < 10**300 else "a huge number"
    return _short(value)


def _short(value: Any) -> str:
    beginning, cut = shortened(value, _LONGEST)
    text = json.dumps(beginning, ensure_ascii=False, default=str)
    return truncated(f"{text}…" if cut else text, _LONGEST)


def truncated(text: str, most: int) -> str:
    """A text, or its beginning with an ellipsis where it is longer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def shortened(value: Any, most: int) -> tuple[Any, bool]:
    """A value, or its beginning if it is longer, and whether it is; the time that this takes depends on ``most``.

    The length is that of all texts, names and numbers in the value. The beginning of a text is its first
    characters, that of a list or an object its first members, of which the last may be shortened itself. What is
    nested deeper than ``_MAX_LEVELS`` is left out.
    """
    if value.__class__ in _NEVER_LONG or (value.__class__ is str and len(value) <= most):
        return value, False
    beginning, room = _beginning(value, most)
    return (value, False) if room >= 0 else (beginning, True)


def _beginning(value: Any, room: int, levels: int = _MAX_LEVELS) -> tuple[Any, int]:
    """The part of a value for which there is room, and the room left after the whole: negative if it is a part."""
    if isinstance(value, str):
        return value[:room], room - len(value)
    if isinstance(value, list):
        items: list[Any] = []
        for item in value:
            if room <= 0 or not levels:
                return items, -1
            part, room = _beginning(item, room - 1, levels - 1)
            items.append(part)
        return items, room
    if isinstance(value, Mapping):
        members: dict[str, Any] = {}
        for name, member in value.items():
            if room <= len(name) or not levels:
                return members, -1
            members[name], room = _beginning(member, room - len(name), levels - 1)
        return members, room
    return value, room - len(repr(value))
