"""Paths and values in words."""

from __future__ import annotations

import json
from typing import Any

from sentinai.conditions.language.vocabulary import CONTEXT_PATH

_LABELS = {
    "policy.tags": "policy tags",
    "sla.minutes_remaining": "SLA minutes remaining",
    "sla.breached": "SLA breached",
    "exception.severity_rank": "severity",
}
_MOST_SHOWN = 12
_LONGEST = 80


def label(path: str) -> str:
    """The name that people use for a path."""
    if path in _LABELS:
        return _LABELS[path]
    if path.startswith(CONTEXT_PATH):
        return f"context.{path.removeprefix(CONTEXT_PATH)}"
    return path.removeprefix("exception.").replace("_", " ") if path.startswith("exception.") else path


def listed_in_words(values: Any) -> str:
    """The first values of a list, and how many more there are."""
    shown = ", ".join(value_in_words(value) for value in values[:_MOST_SHOWN])
    more = len(values) - _MOST_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def value_in_words(value: Any) -> str:
    """A value as text; a long one is truncated."""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else repr(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}" if abs(value) < 10**15 else f"{value:.6g}" if abs(value) < 10**300 else "a huge number"
    return _short(value)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
