"""The format specs of placeholders: ``:,.2f``, ``:>12``, ``:05d``. They round, group and pad, and no more.

The grammar is a small part of Python's own (its Format Specification Mini-Language), read here and not by
``format`` on the value: a value has no say in how it is shown, and a spec cannot ask for a gigabyte.
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
"""What ``f`` and ``%`` round to without a precision, as in Python."""


@dataclass(frozen=True, slots=True)
class Format:
    """A spec that was read. ``align`` is empty where none is given: numbers then stand right, texts left."""

    fill: str
    align: str
    zero: bool
    width: int
    group: str
    precision: int | None
    kind: str


@lru_cache(maxsize=1024)
def parse(spec: str) -> Format:
    """Read a spec; the empty one shows a value as it is.

    Raises:
        ValueError: it is none, or asks for too much; the message says which.
    """
    found = _SPEC.match(spec)
    if not found or _contradicts_itself(found):
        raise ValueError("a format rounds, groups and pads, as in :>12,.2f")
    width, precision = int(found["width"] or 0), found["precision"]
    if width > MAX_WIDTH or int(precision or 0) > MAX_PRECISION:
        raise ValueError(f"a width is at most {MAX_WIDTH} and a precision at most {MAX_PRECISION}")
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
    """A JSON value as text: numbers rounded and grouped, objects and lists as JSON, all padded. Never raises."""
    if _is_number(value) and how.kind != "s":
        text = _number(value, how)
        return text.zfill(how.width) if how.zero else _padded(text, how, ">")
    return _padded(_text(value, how), how, "<")


def _contradicts_itself(found: re.Match[str]) -> bool:
    """Whole numbers have no decimals, texts no groups; and zeros before a grouped number read as digits of it."""
    decimals_of_whole = found["kind"] == "d" and found["precision"]
    number_of_text = found["kind"] == "s" and (found["group"] or found["zero"])
    return bool(decimals_of_whole or number_of_text or (found["group"] and found["zero"]))


def _padded(text: str, how: Format, side: str) -> str:
    return format(text, f"{how.fill}{how.align or side}{how.width}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(value: int | float, how: Format) -> str:
    """A number by decimals, so that an integer of any size keeps its digits."""
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
