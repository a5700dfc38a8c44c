"""Rules without a common shape in words. Where wording must be exact, show the rule too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sentinai.conditions.explanation.value_text import label, truncated, value_in_words
from sentinai.conditions.language.guard import arguments
from sentinai.conditions.language.operators import ITERATORS, OPERATORS, READINGS

_LONGEST = 240
_OF_ITEMS = {"": "it", None: "it", "current": "it", "accumulator": "the result so far"}
_UNAMBIGUOUS = {"var", "min", "max", *READINGS, *ITERATORS}
"""Operators whose phrases need no parentheses inside another."""


def rule_in_words(logic: Any) -> str:
    """A rule in words; a long one is truncated."""
    return truncated(_words(logic), _LONGEST)


def _words(logic: Any) -> str:
    if isinstance(logic, list):
        return _listed(logic) or "nothing"
    if not isinstance(logic, dict) or len(logic) != 1:
        return value_in_words(logic)
    name, given = arguments(logic)
    special = _SPECIAL.get(name)
    if special is not None and given:
        return special(given)
    operator = OPERATORS.get(name)
    # Each argument is put into words once: more often, and the work would multiply with every level.
    words = [*map(_words, given)]
    parts = [*map(_in_parentheses, given, words)]
    if operator is not None and operator.joined_by and len(given) > 1:
        return operator.joined_by.join(parts)
    phrase = operator.phrase(len(given)) if operator is not None and given else None
    if phrase is None:
        return f"{name} of {', '.join(parts) or 'nothing'}"
    return phrase.format(*parts, words=words, all=", ".join(parts))


def _listed(values: list[Any]) -> str:
    return ", ".join(_in_parentheses(value, _words(value)) for value in values)


def _in_parentheses(value: Any, text: str) -> str:
    """The words of a part of a phrase, in parentheses where it would run into the rest."""
    return text if not isinstance(value, dict) or set(value) & _UNAMBIGUOUS else f"({text})"


def _var(given: list[Any]) -> str:
    name = given[0]
    default = f" (default {_words(given[1])})" if len(given) > 1 else ""
    named = _OF_ITEMS.get(name) or label(str(name).removeprefix("current."))
    return f"{named}{default}"


def _if(given: list[Any]) -> str:
    pairs = [f"if {_words(given[at])} then {_words(given[at + 1])}" for at in range(0, len(given) - 1, 2)]
    last = [_words(given[-1])] if len(given) % 2 else []
    return ", else ".join([*pairs, *last])


def _missing(given: list[Any]) -> str:
    labels = (label(value) if isinstance(value, str) else _words(value) for value in given)
    return f"the missing values among {', '.join(labels)}"


def _missing_some(given: list[Any]) -> str:
    paths = given[1] if len(given) > 1 and isinstance(given[1], list) else given[1:]
    return f"{_missing(paths)}, unless at least {_words(given[0])} are present"


_SPECIAL: Mapping[str, Callable[[list[Any]], str]] = {
    "var": _var,
    "if": _if,
    "?:": _if,
    "missing": _missing,
    "missing_some": _missing_some,
}
