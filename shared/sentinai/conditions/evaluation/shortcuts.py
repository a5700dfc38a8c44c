"""Ways through the library's operators for plain numbers: the same result, without its conversions.

json-logic-qubit converts both sides of every comparison and each term of a sum, which takes most of the time
of a rule; between numbers these conversions change nothing. Anything else goes to the library's own function.
A property test holds each to the operator that it stands for.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import json_logic

Operation = Callable[..., Any]
_WIDEST = 2**53
"""Whole numbers up to here are the same as doubles, so that no product of two of them is out of range."""

_COMPARISONS: dict[str, Operation] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "===": operator.eq,
    "!=": operator.ne,
    "!==": operator.ne,
}
_ARITHMETIC: dict[str, Operation] = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def of_two(name: str) -> Operation:
    """The operator of a name for two values."""
    library: Operation = json_logic.operations[name]
    if name in _COMPARISONS:
        return _between_numbers(_COMPARISONS[name], library)
    if name in _ARITHMETIC:
        return _between_whole_numbers(_ARITHMETIC[name], library)
    return library


def _between_numbers(quick: Operation, library: Operation) -> Operation:
    def run(left: Any, right: Any) -> Any:
        # The classes themselves: to the library a boolean is no number.
        if (left.__class__ is int or left.__class__ is float) and (
            right.__class__ is int or right.__class__ is float
        ):
            return quick(left, right)
        return library(left, right)

    return run


def _between_whole_numbers(quick: Operation, library: Operation) -> Operation:
    def run(left: Any, right: Any) -> Any:
        if left.__class__ is right.__class__ is int and -_WIDEST < left < _WIDEST and -_WIDEST < right < _WIDEST:
            return quick(left, right)
        return library(left, right)

    return run
