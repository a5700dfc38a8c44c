"""Which paths a rule reads, and what it reads of the items of a list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sentinai.conditions.language.guard import arguments, variables
from sentinai.conditions.language.operators import ITERATORS


def paths_read(logic: Any) -> Iterator[str]:
    """The paths that a rule reads, except in the body of an iterator, where paths start from an item."""
    if isinstance(logic, list):
        for item in logic:
            yield from paths_read(item)
    elif isinstance(logic, dict) and len(logic) == 1:
        operator, given = arguments(logic)
        if operator in ITERATORS:
            yield from paths_read([value for index, value in enumerate(given) if index != 1])
        elif operator in ("var", "missing", "missing_some"):
            yield from (str(name) for name in variables(logic) if name not in ("", None))
        else:
            yield from paths_read(given)


def fields_read(logic: Any) -> dict[str, list[str]]:
    """For each path whose list a rule iterates over, the fields that it reads of the items."""
    found: dict[str, list[str]] = {}
    _add_fields(logic, found)
    return found


def _add_fields(logic: Any, found: dict[str, list[str]]) -> None:
    if isinstance(logic, list):
        for item in logic:
            _add_fields(item, found)
    elif isinstance(logic, dict) and len(logic) == 1:
        operator, given = arguments(logic)
        if operator in ITERATORS and len(given) > 1:
            names = [str(name).removeprefix("current.") for name in variables(given[1]) if name not in ("", None)]
            fields = [name for name in dict.fromkeys(names) if name not in ("accumulator", "current")]
            for path in paths_read(given[0]):
                found.setdefault(path, []).extend(each for each in fields if each not in found[path])
        _add_fields(given, found)
