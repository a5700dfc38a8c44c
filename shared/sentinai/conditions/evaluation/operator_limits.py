"""Operators of the library whose cost hangs on the data and not on the rule: they run with a bound here.

Their meaning is the library's. A bound is looked at before the work is done, so that what is refused costs
next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import json_logic

from sentinai.conditions.evaluation.errors import EvaluationError

MAX_ITEMS = 10_000
"""How many items an iterator may visit, and a list may have in which something is looked for."""
MAX_TEXT = 65_536
"""How long a text may be that is made of other values."""
MAX_MERGED = 100_000
_LARGEST = 2**1024
_LEAST_WRITTEN = 4
"""About what a number, a truth value or null takes in a text."""

_library = {name: json_logic.operations[name] for name in ("cat", "merge", "*", "==", "in")}


def cat(*parts: Any) -> str:
    """The parts as one text."""
    texts: list[str] = []
    length = 0
    for part in parts:
        texts.append(_library["cat"](part))
        length += len(texts[-1])
        if length > MAX_TEXT:
            raise EvaluationError(f"cat makes a text of more than {MAX_TEXT} characters.")
    return "".join(texts)


def merge(*parts: Any) -> list[Any]:
    """The parts as one list."""
    length = sum(len(part) if isinstance(part, list) else 1 for part in parts)
    if length > MAX_MERGED:
        raise EvaluationError(f"merge makes a list of {length} items; at most {MAX_MERGED} are allowed.")
    merged: list[Any] = _library["merge"](*parts)
    return merged


def product(*factors: Any) -> Any:
    """The factors multiplied."""
    found: Any = _library["*"](*factors[:2])
    _check_range(found)
    for factor in factors[2:]:
        found = _library["*"](found, factor)
        _check_range(found)
    return found


def equal(left: Any, right: Any) -> bool:
    """``==``, which writes a list or an object out as a text where it is held against one."""
    if isinstance(left, str):
        _check_written(right)
    elif isinstance(right, str):
        _check_written(left)
    return bool(_library["=="](left, right))


def not_equal(left: Any, right: Any) -> bool:
    """``!=``: not ``==``."""
    return not equal(left, right)


def contains(wanted: Any, where: Any) -> bool:
    """``in``: an element of a list, a key of an object, or a part of a text."""
    if isinstance(where, list) and len(where) > MAX_ITEMS:
        raise EvaluationError(f"in looks through {len(where)} items; at most {MAX_ITEMS} are allowed.")
    return bool(_library["in"](wanted, where))


BOUNDED: Mapping[str, Callable[..., Any]] = {
    "cat": cat,
    "merge": merge,
    "*": product,
    "==": equal,
    "!=": not_equal,
    "in": contains,
}


def _check_range(found: Any) -> None:
    if isinstance(found, int) and abs(found) >= _LARGEST:
        raise EvaluationError("A product is beyond the range of a double.")


def _check_written(value: Any) -> None:
    """Insist that a list or an object makes no longer a text than a rule may make."""
    if isinstance(value, (list, dict)) and is_longer(value, MAX_TEXT):
        raise EvaluationError(f"It is held as a text against another: more than {MAX_TEXT} characters.")


def is_longer(value: Any, most: int) -> bool:
    """Whether a value makes a text of more than about so many characters; found without making it."""
    length, pending = 0, [value]
    while pending:
        each = pending.pop()
        length += len(each) if isinstance(each, str) else _LEAST_WRITTEN
        if isinstance(each, dict):
            length += sum(map(len, each))
            pending.extend(each.values())
        elif isinstance(each, list):
            pending.extend(each)
        if length + _LEAST_WRITTEN * len(pending) > most:
            return True
    return False
