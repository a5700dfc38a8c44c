"""Rules without a common shape in words, operator by operator. Where wording must be exact, show the rule too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sentinai.conditions.explanation.value_text import label, value_in_words
from sentinai.conditions.language.guard import arguments

_LONGEST = 240
_COMPARED = {
    **dict.fromkeys(("==", "==="), "is"),
    **dict.fromkeys(("!=", "!=="), "is not"),
    "<": "is less than",
    "<=": "is at most",
    ">": "is more than",
    ">=": "is at least",
}
_JOINED = {"+": " + ", "-": " - ", "*": " times ", "/": " / ", "%": " modulo "}
_LISTED = {
    "min": "the smallest of {}",
    "max": "the largest of {}",
    "cat": "the concatenation of {}",
    "merge": "the merged list of {}",
    "missing": "the missing values among {}",
}
_QUANTIFIED = {
    "some": "for at least one item of {list}: {body}",
    "all": "for every item of {list} (at least one): {body}",
    "none": "for no item of {list}: {body}",
    "filter": "the items of {list} where {body}",
    "map": "{body} of each item of {list}",
    "reduce": "{body}, accumulated over {list},",
}
_OF_ITEMS = {"": "it", None: "it", "current": "it", "accumulator": "the result so far"}


def rule_in_words(logic: Any) -> str:
    """A rule in words; a long one is cut."""
    text = _words(logic)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _words(logic: Any) -> str:
    if isinstance(logic, list):
        return _and(logic) or "nothing"
    if not isinstance(logic, dict) or len(logic) != 1:
        return value_in_words(logic)
    operator, given = arguments(logic)
    if operator in _COMPARED and len(given) > 1:
        return _comparison(operator, given)
    if operator in _QUANTIFIED and len(given) > 1:
        return _QUANTIFIED[operator].format(list=_words(given[0]), body=_words(given[1]))
    if operator in _LISTED:
        return _LISTED[operator].format(_paths(given) if operator == "missing" else _and(given))
    if operator in _JOINED and len(given) > 1:
        return _JOINED[operator].join(_part(value) for value in given)
    explainer = _PHRASES.get(operator)
    return explainer(given) if explainer and given else f"{operator} of {_and(given) or 'nothing'}"


def _and(values: list[Any]) -> str:
    return ", ".join(_part(value) for value in values)


def _part(value: Any) -> str:
    """A part of a phrase, in parentheses where it would run into the rest."""
    text = _words(value)
    plain = not isinstance(value, dict) or set(value) & {"var", "min", "max", *_QUANTIFIED}
    return text if plain else f"({text})"


def _comparison(operator: str, given: list[Any]) -> str:
    if len(given) == 3:
        including = "from {} to {}" if operator == "<=" else "between {} and {}"
        return f"{_part(given[1])} is {including.format(_part(given[0]), _part(given[2]))}"
    return f"{_part(given[0])} {_COMPARED[operator]} {_part(given[1])}"


def _paths(given: list[Any]) -> str:
    return ", ".join(label(value) if isinstance(value, str) else _words(value) for value in given)


def _var(given: list[Any]) -> str:
    name = given[0]
    default = f" (default {_words(given[1])})" if len(given) > 1 else ""
    named = _OF_ITEMS.get(name) or label(str(name).removeprefix("current."))
    return f"{named}{default}"


def _chosen(given: list[Any]) -> str:
    pairs = [f"if {_words(given[at])} then {_words(given[at + 1])}" for at in range(0, len(given) - 1, 2)]
    last = [_words(given[-1])] if len(given) % 2 else []
    return ", else ".join([*pairs, *last])


def _missing_some(given: list[Any]) -> str:
    wanted = given[1] if len(given) > 1 and isinstance(given[1], list) else given[1:]
    return f"the missing values among {_paths(wanted)}, unless at least {_words(given[0])} are present"


def _contains(given: list[Any]) -> str:
    return f"{_words(given[0])} is in {', '.join(map(_part, given[1:]))}"


def _substring(given: list[Any]) -> str:
    length = f", length {_words(given[2])}" if len(given) > 2 else ""
    return f"the substring of {_part(given[0])} from {', '.join(map(_words, given[1:2]))}{length}"


_PHRASES: dict[str, Callable[[list[Any]], str]] = {
    "var": _var,
    "and": lambda given: " and ".join(map(_part, given)),
    "or": lambda given: " or ".join(map(_part, given)),
    "!": lambda given: f"not {_part(given[0])}",
    "!!": lambda given: f"{_part(given[0])} is set",
    "if": _chosen,
    "?:": _chosen,
    "in": _contains,
    "substr": _substring,
    "missing_some": _missing_some,
    "glob": lambda given: f"{_part(given[0])} matches {', '.join(map(_part, given[1:]))}",
    "-": lambda given: f"minus {_part(given[0])}",
}
