"""Reading a path: what ``{"var": path}`` gives, with the path split ahead of time."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import getitem
from typing import Any

from sentinai.conditions.evaluation.engine import engine
from sentinai.conditions.evaluation.errors import wrap_errors
from sentinai.conditions.evaluation.readings import READINGS


def reader_through(reading: str | None, path: str) -> Callable[[Any], Any]:
    """Like ``reader``, with the value read as a number or an instant, where ``reading`` says so."""
    read = reader(path)
    if reading is None:
        return read
    of_type = READINGS[reading]
    return lambda data: of_type(read(data))


def reader(path: str) -> Callable[[Any], Any]:
    """A function from data to the value at a path, or None.

    It raises EvaluationError for an index beyond the end of a list, as the library raises there.
    """
    library_var = engine().operations["var"]
    parts = path.split(".")
    if len(parts) == 2:
        outer, inner = parts

        def read_two(data: Any) -> Any:
            """Nearly all paths have two parts."""
            try:
                return data[outer][inner]
            except (LookupError, TypeError):
                return wrap_errors(library_var, data, path)

        return read_two

    def read(data: Any) -> Any:
        try:
            return reduce(getitem, parts, data)
        except (LookupError, TypeError):
            return wrap_errors(library_var, data, path)

    return read
