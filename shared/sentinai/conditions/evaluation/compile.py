"""A rule compiled into a function, so that evaluating it does not walk it each time.

What an operator does is json-logic-qubit's: each is the function that the engine has under its name, or, for two
plain numbers, Python's own operator, where the library's conversions change nothing. Operators that choose what
they evaluate, except ``and`` and ``or``, are left to the library as a whole. Property tests compare results and
errors with the library's.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from sentinai.conditions.evaluation.engine import engine, run_library
from sentinai.conditions.evaluation.path_reader import reader
from sentinai.conditions.language.guard import arguments
from sentinai.conditions.language.operators import ITERATORS

Compiled = Callable[[Any], Any]
_LEFT_TO_THE_LIBRARY = frozenset({"if", "?:", "missing", "missing_some", *ITERATORS})
_COMPARISONS: dict[str, Callable[..., Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "===": operator.eq,
    "!=": operator.ne,
    "!==": operator.ne,
}
_ARITHMETIC: dict[str, Callable[..., Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_WIDEST = 2**53
"""Integers up to here are exact as doubles, and no product of two of them is out of range."""


def compile_rule(rule: Any) -> Compiled:
    """A function from data to the rule's value; it raises what the library raises."""
    compiled = _compiled(rule)
    # The library replaces any empty data by an empty object.
    return lambda data: compiled(data or {})


def _compiled(rule: Any) -> Compiled:
    if isinstance(rule, list):
        parts = [_compiled(item) for item in rule]
        return lambda data: [part(data) for part in parts]
    if not engine().is_logic(rule):
        return lambda _: rule
    name, given = arguments(rule)
    if name in _LEFT_TO_THE_LIBRARY or name not in engine().operations:
        return lambda data: run_library(rule, data)
    if name == "var" and len(given) == 1 and isinstance(given[0], str) and given[0]:
        return reader(given[0])
    parts = [_compiled(value) for value in given]
    function = engine().operations[name]
    if name == "var":
        return lambda data: function(data, *[part(data) for part in parts])
    if name in ("and", "or"):
        return _until(name == "or", parts)
    if len(parts) == 2:
        left, right = parts
        of_two = for_two(name)
        return lambda data: of_two(left(data), right(data))
    return lambda data: function(*[part(data) for part in parts])


def _until(decisive: bool, parts: list[Compiled]) -> Compiled:
    """``or`` stops at the first true value, ``and`` at the first false one; otherwise the last one counts."""

    def run(data: Any) -> Any:
        current: Any = False
        for part in parts:
            current = part(data)
            if bool(current) is decisive:
                return current
        return current

    return run


def for_two(name: str) -> Callable[..., Any]:
    """An operator for two values."""
    library: Callable[..., Any] = engine().operations[name]
    if name in _COMPARISONS:
        return _between_numbers(_COMPARISONS[name], library)
    if name in _ARITHMETIC:
        return _between_integers(_ARITHMETIC[name], library)
    return library


def _between_numbers(quick: Callable[..., Any], library: Callable[..., Any]) -> Callable[..., Any]:
    def run(left: Any, right: Any) -> Any:
        # The classes themselves: to the library a boolean is not a number.
        if (left.__class__ is int or left.__class__ is float) and (
            right.__class__ is int or right.__class__ is float
        ):
            return quick(left, right)
        return library(left, right)

    return run


def _between_integers(quick: Callable[..., Any], library: Callable[..., Any]) -> Callable[..., Any]:
    def run(left: Any, right: Any) -> Any:
        if left.__class__ is right.__class__ is int and -_WIDEST < left < _WIDEST and -_WIDEST < right < _WIDEST:
            return quick(left, right)
        return library(left, right)

    return run
