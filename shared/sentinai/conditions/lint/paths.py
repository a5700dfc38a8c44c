"""Whether the paths that a clause reads can have a value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sentinai.conditions.language.document import Clause
from sentinai.conditions.language.guard import arguments
from sentinai.conditions.language.paths import paths_read
from sentinai.conditions.language.vocabulary import OPEN_PATHS, PATHS
from sentinai.documents.suggestions import did_you_mean, nearest
from sentinai.problems import Finding


def impossible_paths(clause: Clause) -> Iterator[Finding]:
    """A warning for each path that neither exceptions nor packs have."""
    for name in dict.fromkeys(paths_read(clause.logic)):
        if _is_possible(name):
            continue
        suggestion = nearest(name, PATHS) or _with_prefix(name)
        hint = did_you_mean(suggestion, f"Known paths: {', '.join(PATHS)}.")
        message = f"{name!r} is not a known path; it will always be null."
        yield Finding(clause.pointer, "impossible_path", message, hint, suggestion)


def paths_as_texts(clause: Clause) -> Iterator[Finding]:
    """A warning for each string that is a path but is not read, as in ``{">": ["exception.amount", 5]}``."""
    for text in dict.fromkeys(_literals(clause.logic)):
        if text in PATHS and "." in text:
            hint = f'To read its value, write {{"var": "{text}"}}.'
            yield Finding(
                clause.pointer, "path_as_text", f"{text!r} is compared as a string, not read as a path.", hint
            )


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


def _with_prefix(name: str) -> str | None:
    """The path whose first part was left out: ``amount`` for ``exception.amount``."""
    return next((path for path in PATHS if path.endswith(f".{name}")), None)
