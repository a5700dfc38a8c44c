"""The library's operators with bounded cost, for those whose cost depends on what they are given.

Their results are the library's. They charge the budget before they work, so that a refusal costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import json_logic

from sentinai.conditions.evaluation.budget import STEP, charge, charge_search, charge_values, nodes
from sentinai.conditions.evaluation.errors import EvaluationError

MAX_ITEMS = 10_000
"""How many items an iterator may visit, and ``in`` may search."""
MAX_TEXT = 65_536
"""How long a text made from other values may be."""
MAX_MERGED = 100_000
_LARGEST = 2**1024
_LEAST_WRITTEN = 4
"""About the length of a number, a boolean or null in a text."""

_library = dict(json_logic.operations)
_CHARGED = ("===", "!==", "<", "<=", ">", ">=", "substr", "+", "-", "/", "%", "min", "max")
"""Operators that do no more than go through what they are given."""


def _charged(name: str) -> Callable[..., Any]:
    function = _library[name]

    def run(*given: Any) -> Any:
        charge_values(*given)
        return function(*given)

    return run


def cat(*parts: Any) -> str:
    """The parts as one text."""
    texts: list[str] = []
    length = 0
    for part in parts:
        charge_values(part)
        texts.append(_library["cat"](part))
        length += len(texts[-1])
        if length > MAX_TEXT:
            raise EvaluationError(f"cat would make a text of more than {MAX_TEXT} characters.")
    return "".join(texts)


def merge(*parts: Any) -> list[Any]:
    """The parts as one list."""
    length = sum(len(part) if isinstance(part, list) else 1 for part in parts)
    if length > MAX_MERGED:
        raise EvaluationError(f"merge would make a list of {length} items; at most {MAX_MERGED} are allowed.")
    charge(length)
    merged: list[Any] = _library["merge"](*parts)
    return merged


def product(*factors: Any) -> Any:
    """The factors multiplied."""
    charge_values(*factors)
    found: Any = _library["*"](*factors[:2])
    _check_range(found)
    for factor in factors[2:]:
        found = _library["*"](found, factor)
        _check_range(found)
    return found


def equal(left: Any, right: Any) -> bool:
    """``==``, which converts a list or an object to a text to compare it with one."""
    if isinstance(left, str):
        _check_written(right)
    elif isinstance(right, str):
        _check_written(left)
    charge_values(left, right)
    return bool(_library["=="](left, right))


def not_equal(left: Any, right: Any) -> bool:
    """``!=``: not ``==``."""
    return not equal(left, right)


def contains(wanted: Any, where: Any) -> bool:
    """``in``: an element of a list, a key of an object, or a part of a text."""
    if isinstance(where, list) and len(where) > MAX_ITEMS:
        raise EvaluationError(f"in would search {len(where)} items; at most {MAX_ITEMS} are allowed.")
    if isinstance(where, str):
        charge_search(len(where), len(wanted) if isinstance(wanted, str) else 0)
    elif isinstance(where, list):
        charge(len(where))
        charge_values(*(wanted, where) if isinstance(wanted, (list, dict)) else ())
    return bool(_library["in"](wanted, where))


BOUNDED: Mapping[str, Callable[..., Any]] = {
    **{name: _charged(name) for name in _CHARGED},
    "cat": cat,
    "merge": merge,
    "*": product,
    "==": equal,
    "!=": not_equal,
    "in": contains,
}


def charge_names(given: Any) -> None:
    """Charge for looking up the names that ``missing`` and ``missing_some`` are given."""
    names = given if isinstance(given, list) else [given]
    charge(STEP * len(names))
    for name in names:
        if isinstance(name, str):
            charge(len(name))
        else:
            charge_values(name)


def charge_iteration(items: Any, body: Any) -> None:
    """Charge for applying the body of an iterator to each item."""
    if not isinstance(items, list):
        return
    if len(items) > MAX_ITEMS:
        raise EvaluationError(f"An iterator would visit {len(items)} items; at most {MAX_ITEMS} are allowed.")
    charge(len(items) * nodes(body) * STEP)


def _check_range(found: Any) -> None:
    if isinstance(found, int) and abs(found) >= _LARGEST:
        raise EvaluationError("A product exceeds the range of a double.")


def _check_written(value: Any) -> None:
    """Refuse a list or an object whose text would be longer than a rule may make."""
    if isinstance(value, (list, dict)) and is_longer(value, MAX_TEXT):
        raise EvaluationError(f"A comparison would make a text of more than {MAX_TEXT} characters.")


def is_longer(value: Any, most: int) -> bool:
    """Whether the text of a value would have more than about ``most`` characters, without making it."""
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
