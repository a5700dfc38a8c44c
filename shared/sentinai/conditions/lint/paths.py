"""Whether what a clause reads can be there at all."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from sentinai.conditions.language.document import Clause
from sentinai.conditions.language.guard import arguments
from sentinai.conditions.language.paths import paths_read
from sentinai.conditions.language.vocabulary import OPEN_PATHS, PATHS
from sentinai.problems import Finding


def impossible_paths(clause: Clause) -> Iterator[Finding]:
    """A warning for each path that no exception and no pack has."""
    for name in dict.fromkeys(paths_read(clause.logic)):
        if _is_possible(name):
            continue
        near = difflib.get_close_matches(name, PATHS, n=1) or _beneath_exception(name)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(PATHS)}."
        yield Finding(
            clause.pointer, "impossible_path", f"No exception or pack has {name!r}: it reads null.", hint
        )


def paths_as_texts(clause: Clause) -> Iterator[Finding]:
    """A warning for each text that is a path but is not read, as in ``{">": ["exception.amount", 5]}``."""
    for text in dict.fromkeys(_literals(clause.logic)):
        if text in PATHS and "." in text:
            hint = f'{{"var": "{text}"}} reads the value.'
            yield Finding(clause.pointer, "path_as_text", f"{text!r} is a text here: nothing is read.", hint)


def _literals(logic: Any) -> Iterator[str]:
    if isinstance(logic, str):
        yield logic
    elif isinstance(logic, list):
        for item in logic:
            yield from _literals(item)
    elif isinstance(logic, dict) and len(logic) == 1:
        operator, given = arguments(logic)
        if operator not in ("var", "missing", "missing_some"):
            yield from _literals(given)


def _is_possible(name: str) -> bool:
    if name in PATHS or any(name.startswith(f"{path}.") for path in OPEN_PATHS):
        return True
    if any(path.startswith(f"{name}.") for path in PATHS):
        return True
    outer, _, index = name.rpartition(".")
    return index.lstrip("-").isdecimal() and PATHS.get(outer, "").startswith(("text", "list"))


def _beneath_exception(name: str) -> list[str]:
    """A path of which the first part was left out: an author's ``amount`` is ``exception.amount``."""
    return [path for path in PATHS if path.rpartition(".")[2] == name or path.endswith(f".{name}")][:1]
