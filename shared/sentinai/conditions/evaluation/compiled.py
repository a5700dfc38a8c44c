"""A rule taken apart ahead of its evaluations: the library's operators, without walking the rule each time.

What an operator does is json-logic-qubit's: each is the very function that the library keeps under the name,
or a shortcut to what that gives for plain numbers. What is done ahead is to find it, and to take the path of a
``var`` apart. Operators that choose what they evaluate, but for ``and`` and ``or``, are left to the library as
a whole. A property test holds the result and the error of a prepared rule to those of the library.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import getitem
from typing import Any

import json_logic
from json_logic import is_logic, jsonLogic

from sentinai.conditions.evaluation import shortcuts
from sentinai.conditions.evaluation.errors import wrap_errors
from sentinai.conditions.language.guard import arguments
from sentinai.conditions.language.vocabulary import ITERATORS

Run = Callable[[Any], Any]

_LEFT_TO_THE_LIBRARY = frozenset({"if", "?:", "missing", "missing_some", *ITERATORS})


def prepare(rule: Any) -> Run:
    """A function from data to what the rule evaluates to; it raises what the library raises."""
    run = _prepared(rule)
    # The library takes an empty object in place of any empty data.
    return lambda data: run(data or {})


def reader(path: str) -> Run:
    """A function from data to what ``{"var": path}`` gives: the value there, or None.

    It raises EvaluationError where an index is beyond the end of a list, as the library raises there.
    """
    parts = path.split(".")
    return _reader_of_two(path, *parts) if len(parts) == 2 else _reader_of_many(path, parts)


def _reader_of_two(path: str, outer: str, inner: str) -> Run:
    """Nearly all paths have two parts."""
    library_var = json_logic.operations["var"]

    def read(data: Any) -> Any:
        try:
            return data[outer][inner]
        except (LookupError, TypeError):
            return wrap_errors(library_var, data, path)

    return read


def _reader_of_many(path: str, parts: list[str]) -> Run:
    library_var = json_logic.operations["var"]

    def read(data: Any) -> Any:
        try:
            return reduce(getitem, parts, data)
        except (LookupError, TypeError):
            return wrap_errors(library_var, data, path)

    return read


def _prepared(rule: Any) -> Run:
    if isinstance(rule, list):
        return _all_of([_prepared(item) for item in rule])
    if not is_logic(rule):
        return lambda _: rule
    operator, given = arguments(rule)
    if operator in _LEFT_TO_THE_LIBRARY or operator not in json_logic.operations:
        return lambda data: jsonLogic(rule, data)
    if operator == "var" and len(given) == 1 and isinstance(given[0], str) and given[0]:
        return reader(given[0])
    parts = [_prepared(value) for value in given]
    if operator == "var":
        library_var = json_logic.operations["var"]
        return lambda data: library_var(data, *[part(data) for part in parts])
    if operator in ("and", "or"):
        return _until(operator == "or", parts)
    return _operation(operator, parts)


def _all_of(parts: list[Run]) -> Run:
    return lambda data: [part(data) for part in parts]


def _until(decisive: bool, parts: list[Run]) -> Run:
    """``or`` stops at the first true value, ``and`` at the first that is not; the last one counts else."""

    def run(data: Any) -> Any:
        current: Any = False
        for part in parts:
            current = part(data)
            if bool(current) is decisive:
                return current
        return current

    return run


def _operation(name: str, parts: list[Run]) -> Run:
    if len(parts) == 2:
        left, right = parts
        of_two = shortcuts.of_two(name)
        return lambda data: of_two(left(data), right(data))
    library = json_logic.operations[name]
    return lambda data: library(*[part(data) for part in parts])
