"""Rows that cannot be read, because a fault below this product, or a hand, has changed them.

Such a row costs what it says and nothing else: reading it alone raises a problem that names it, and lists leave it
out and name it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.exc import DataError

from sentinai.documents.schemas import is_valid
from sentinai.problems import CorruptData
from sentinai.telemetry import logger

DECODE_ERRORS = (ValueError, TypeError, OverflowError, DataError)
"""Raised for a stored value that its column's type does not allow. SQLite accepts any value in any column."""

_log = logger("database")
K = TypeVar("K")
T = TypeVar("T")


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Read a row, or what belongs to it; ``what`` names it.

    Raises:
        CorruptData: it cannot be decoded.
    """
    try:
        yield
    except DECODE_ERRORS as error:
        _log.error("corrupt_data", what=what, reason=type(error).__name__)
        raise CorruptData(f"{what} cannot be read: a stored row is corrupt.") from error


def require_valid(schema: str, stored: object) -> None:
    """Insist that a stored document is still one that could have been stored.

    Raises:
        ValueError: it is not.
    """
    if not is_valid(schema, stored):
        raise ValueError(f"not valid by the schema {schema}")


def readable(keys: Iterable[K], read: Callable[[K], T]) -> tuple[list[T], list[K]]:
    """What could be read one by one, and the keys of what could not."""
    found: list[T] = []
    unreadable: list[K] = []
    for key in keys:
        try:
            found.append(read(key))
        except CorruptData:
            unreadable.append(key)
    return found, unreadable
