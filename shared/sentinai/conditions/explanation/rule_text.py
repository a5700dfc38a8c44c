"""Rules of no common shape in words: operator by operator, as one would say it.

Each phrase is for reading; the rule itself stands beside it where people need it to the letter.
"""

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
    "cat": "the text of {} joined",
    "merge": "the list of {}",
    "missing": "which of {} are missing",
}
_QUANTIFIED = {
    "some": "for some of {list}: {body}",
    "all": "for each of {list}, and there are some: {body}",
    "none": "for none of {list}: {body}",
    "filter": "those of {list} for which {body}",
    "map": "{body} for each of {list}",
    "reduce": "{list} brought to one value by {body}",
}
_OF_ITEMS = {"": "it", None: "it", "current": "it", "accumulator": "the result so far"}


def phrase(logic: Any) -> str:
    """A rule in words; a long one is cut."""
    text = _tell(logic)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _tell(logic: Any) -> str:
    if isinstance(logic, list):
        return _and(logic) or "nothing"
    if not isinstance(logic, dict) or len(logic) != 1:
        return value_in_words(logic)
    operator, given = arguments(logic)
    if operator in _COMPARED and len(given) > 1:
        return _comparison(operator, given)
    if operator in _QUANTIFIED and len(given) > 1:
        return _QUANTIFIED[operator].format(list=_tell(given[0]), body=_tell(given[1]))
    if operator in _LISTED:
        return _LISTED[operator].format(_paths(given) if operator == "missing" else _and(given))
    if operator in _JOINED and len(given) > 1:
        return _JOINED[operator].join(_held(value) for value in given)
    explainer = _TELLERS.get(operator)
    return explainer(given) if explainer and given else f"{operator} of {_and(given) or 'nothing'}"


def _and(values: list[Any]) -> str:
    return ", ".join(_held(value) for value in values)


def _held(value: Any) -> str:
    """A part of a phrase, in brackets where it would run into the rest."""
    text = _tell(value)
    plain = not isinstance(value, dict) or set(value) & {"var", "min", "max", *_QUANTIFIED}
    return text if plain else f"({text})"


def _comparison(operator: str, given: list[Any]) -> str:
    if len(given) == 3:
        including = "from {} to {}" if operator == "<=" else "between {} and {}"
        return f"{_held(given[1])} is {including.format(_held(given[0]), _held(given[2]))}"
    return f"{_held(given[0])} {_COMPARED[operator]} {_held(given[1])}"


def _paths(given: list[Any]) -> str:
    return ", ".join(label(value) if isinstance(value, str) else _tell(value) for value in given)


def _var(given: list[Any]) -> str:
    name = given[0]
    default = f", or else {_tell(given[1])}" if len(given) > 1 else ""
    named = _OF_ITEMS.get(name) or label(str(name).removeprefix("current."))
    return f"{named}{default}"


def _chosen(given: list[Any]) -> str:
    pairs = [f"if {_tell(given[at])} then {_tell(given[at + 1])}" for at in range(0, len(given) - 1, 2)]
    last = [_tell(given[-1])] if len(given) % 2 else []
    return ", else ".join([*pairs, *last])


def _missing_some(given: list[Any]) -> str:
    wanted = given[1] if len(given) > 1 and isinstance(given[1], list) else given[1:]
    return f"which of {_paths(wanted)} are missing, unless {_tell(given[0])} are there"


def _contains(given: list[Any]) -> str:
    return f"{_tell(given[0])} is in {', '.join(map(_held, given[1:]))}"


def _part(given: list[Any]) -> str:
    length = f", {_tell(given[2])} long" if len(given) > 2 else ""
    return f"the part of {_held(given[0])} from {', '.join(map(_tell, given[1:2]))}{length}"


_TELLERS: dict[str, Callable[[list[Any]], str]] = {
    "var": _var,
    "and": lambda given: " and ".join(map(_held, given)),
    "or": lambda given: " or ".join(map(_held, given)),
    "!": lambda given: f"not {_held(given[0])}",
    "!!": lambda given: f"{_held(given[0])} is set",
    "if": _chosen,
    "?:": _chosen,
    "in": _contains,
    "substr": _part,
    "missing_some": _missing_some,
    "glob": lambda given: f"{_held(given[0])} is like {', '.join(map(_held, given[1:]))}",
    "-": lambda given: f"minus {_held(given[0])}",
}
