"""Running a guarded rule with json-logic-qubit: contained errors, bounded cost.

``glob`` is the one operator that is ours; some of the library's run with a bound (``bounded``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, TypeVar

import json_logic
from json_logic import jsonLogic

from sentinai.conditions.evaluation.compiled import prepare
from sentinai.conditions.evaluation.errors import EvaluationError, wrap_errors
from sentinai.conditions.evaluation.operator_limits import BOUNDED, MAX_ITEMS
from sentinai.conditions.language.guard import arguments
from sentinai.conditions.language.vocabulary import ITERATORS

MAX_STEPS = 100_000
"""How many nodes all iterators of a rule may evaluate together."""
MAX_FITTED = 1_000_000
"""The characters of a text times those of a pattern with ``?``: about as often are two of them compared."""

T = TypeVar("T")


class Evaluator:
    """A guarded rule, made ready once to be evaluated many times."""

    __slots__ = ("_iterators", "_run", "rule")

    def __init__(self, rule: Any) -> None:
        self.rule = rule
        self._iterators = _costs(rule)
        self._run = prepare(rule)

    def apply(self, data: Any) -> Any:
        """What the rule evaluates to.

        Raises:
            EvaluationError: the library raised, or the evaluation would cost too much.
        """
        if self._iterators:
            _check_cost(self._iterators, data)
        return wrap_errors(self._run, data)

    def holds(self, data: Any) -> bool:
        """Whether the rule's value is a true one, as the library's ``and`` sees it.

        Raises:
            EvaluationError: as ``apply``.
        """
        return bool(self.apply(data))


def apply(rule: Any, data: Any) -> Any:
    """What a guarded rule evaluates to, once.

    Raises:
        EvaluationError: the library raised, or the evaluation would cost too much.
    """
    _check_cost(_costs(rule), data)
    return wrap_errors(jsonLogic, rule, data)


def holds(rule: Any, data: Any) -> bool:
    """Whether a guarded rule's value is a true one, once.

    Raises:
        EvaluationError: as ``apply``.
    """
    return bool(apply(rule, data))


def _costs(rule: Any) -> list[tuple[Any, int]]:
    """The list that each iterator goes through, and how many nodes an item takes."""
    return [(source, _size(body)) for source, body in _iterators(rule)]


def _check_cost(iterators: list[tuple[Any, int]], data: Any) -> None:
    steps = 0
    for source, body_size in iterators:
        items = wrap_errors(jsonLogic, source, data)
        count = len(items) if isinstance(items, list) else 0
        if count > MAX_ITEMS:
            raise EvaluationError(f"An iterator would visit {count} items; at most {MAX_ITEMS} are allowed.")
        steps += count * body_size
    if steps > MAX_STEPS:
        raise EvaluationError(f"The iterators would take {steps} steps; at most {MAX_STEPS} are allowed.")


def _iterators(rule: Any) -> list[tuple[Any, Any]]:
    """The list and the body of every iterator in a rule; the guard sees to it that they do not nest."""
    if isinstance(rule, list):
        return [found for item in rule for found in _iterators(item)]
    if not isinstance(rule, dict) or len(rule) != 1:
        return []
    operator, values = arguments(rule)
    if operator in ITERATORS and len(values) > 1:
        return [(values[0], values[1])]
    return [found for value in values for found in _iterators(value)]


def _size(rule: Any) -> int:
    if isinstance(rule, list):
        return 1 + sum(_size(item) for item in rule)
    if isinstance(rule, dict):
        return 1 + sum(_size(value) for value in rule.values())
    return 1


def glob(value: Any, pattern: Any) -> bool:
    """Whether a text fits a pattern: ``*`` is any text, ``?`` any character, all else itself, in any case.

    False for what is no text. Linear in the text, for nothing backtracks; but where a ``?`` stands, each
    character may be held against all of the pattern.

    Raises:
        EvaluationError: the text is too long for a pattern with ``?``.
    """
    if not isinstance(value, str) or not isinstance(pattern, str):
        return False
    text, wanted = value.lower(), pattern.lower()
    if "*" not in wanted and "?" not in wanted:
        return text == wanted
    if "?" in wanted and len(text) * len(wanted) > MAX_FITTED:
        raise EvaluationError(f"{len(text)} characters are too many for a pattern of {len(wanted)} with ?.")
    return _fits(text, _segments(wanted))


@lru_cache(maxsize=8192)
def _segments(pattern: str) -> tuple[re.Pattern[str], ...]:
    """The parts between stars, as fixed-length expressions."""
    return tuple(
        re.compile("".join("." if character == "?" else re.escape(character) for character in part), re.DOTALL)
        for part in pattern.split("*")
    )


def _fits(text: str, segments: tuple[re.Pattern[str], ...]) -> bool:
    """Greedy from the left for every segment but the last, which must end the text."""
    first, *rest = segments
    found = first.match(text)
    if found is None:
        return False
    if not rest:
        return found.end() == len(text)
    position = found.end()
    for segment in rest[:-1]:
        found = segment.search(text, position)
        if found is None:
            return False
        position = found.end()
    return _ends_with(text, rest[-1], position)


def _ends_with(text: str, segment: re.Pattern[str], position: int) -> bool:
    length = _length(segment)
    return len(text) - length >= position and segment.match(text, len(text) - length) is not None


def _length(segment: re.Pattern[str]) -> int:
    """How many characters a fixed-length expression takes."""
    return len(re.sub(r"\\(.)", r"\1", segment.pattern, flags=re.DOTALL))


for _name, _operation in {"glob": glob, **BOUNDED}.items():
    json_logic.add_operation(_name, _operation)
