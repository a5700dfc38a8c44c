"""The format specs of placeholders: ``:,.2f``, ``:>12``, ``:05d``. They only round, group and pad.

The grammar is a subset of Python's Format Specification Mini-Language. It is parsed here instead of by ``format``,
so that a value's type cannot change how it is formatted, and a spec cannot request a gigabyte of padding.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

MAX_WIDTH = 64
MAX_PRECISION = 12
_SPEC = re.compile(
    r"(?:(?P<fill>[^{}])?(?P<align>[<>^])|(?P<zero>0(?=\d)))?(?P<width>[1-9]\d{0,2})?(?P<group>[,_])?"
    r"(?:\.(?P<precision>\d{1,3}))?(?P<kind>[dfs%])?\Z",
    re.ASCII,
)
_PLACES = 6
"""The decimal places of ``f`` and ``%`` without a precision, as in Python."""


@dataclass(frozen=True, slots=True)
class Format:
    """A parsed spec. Without ``align``, numbers are aligned to the right and strings to the left."""

    fill: str
    align: str
    zero: bool
    width: int
    group: str
    precision: int | None
    kind: str


@lru_cache(maxsize=1024)
def parse(spec: str) -> Format:
    """Parse a spec; the empty one leaves a value unchanged.

    Raises:
        ValueError: the spec is invalid, or exceeds a limit; the message says which.
    """
    found = _SPEC.match(spec)
    if not found or _contradicts_itself(found):
        raise ValueError("a format can round, group and pad, as in :>12,.2f")
    width, precision = int(found["width"] or 0), found["precision"]
    if width > MAX_WIDTH or int(precision or 0) > MAX_PRECISION:
        raise ValueError(f"the width must be at most {MAX_WIDTH}, the precision at most {MAX_PRECISION}")
    return Format(
        fill=found["fill"] or " ",
        align=found["align"] or "",
        zero=found["zero"] is not None,
        width=width,
        group=found["group"] or "",
        precision=None if precision is None else int(precision),
        kind=found["kind"] or "",
    )


def show(value: Any, how: Format) -> str:
    """Format a JSON value: numbers are rounded and grouped, objects and lists are JSON. Never raises."""
    if _is_number(value) and how.kind != "s":
        text = _number(value, how)
        return text.zfill(how.width) if how.zero else _padded(text, how, ">")
    return _padded(_text(value, how), how, "<")


def _contradicts_itself(found: re.Match[str]) -> bool:
    """Integers have no decimals, strings no groups, and a grouped number is not padded with zeros."""
    decimals_of_whole = found["kind"] == "d" and found["precision"]
    number_of_text = found["kind"] == "s" and (found["group"] or found["zero"])
    return bool(decimals_of_whole or number_of_text or (found["group"] and found["zero"]))


def _padded(text: str, how: Format, side: str) -> str:
    return format(text, f"{how.fill}{how.align or side}{how.width}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(value: int | float, how: Format) -> str:
    """Format a number through decimals, so that an integer of any size keeps its digits."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return _digits(value, how, "," if how.group else "").replace(",", how.group)


def _digits(value: int | float, how: Format, comma: str) -> str:
    if how.kind == "d":
        return format(round(value), comma)
    if how.kind or how.precision is not None:
        exact = Decimal(value) if isinstance(value, int) else Decimal(repr(value))
        places = _PLACES if how.precision is None else how.precision
        return format(exact, f"{comma}.{places}{how.kind or 'f'}")
    return format(value, comma) if comma else json.dumps(value)


def _text(value: Any, how: Format) -> str:
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return value if how.precision is None or how.kind not in ("", "s") else value[: how.precision]
