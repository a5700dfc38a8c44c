"""Pages of lists in which some rows cannot be read: those are left out, and named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import String, type_coerce

from sentinai.database.corruption import DECODE_ERRORS
from sentinai.database.tables import UtcDateTime
from sentinai.database.tenant_session import TenantSession
from sentinai.problems import CorruptData

K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReadablePage(Generic[T, K]):
    """Items in order, the keys of those left out, and the instant and key after which the next page starts."""

    items: Sequence[T]
    unreadable: Sequence[K]
    last: tuple[datetime, K] | None


def readable_page(
    session: TenantSession, query: Any, key: Any, instant: Any, limit: int, read: Callable[[K], T]
) -> ReadablePage[T, K]:
    """A page of a query that is ordered by ``instant`` and ``key``, item by item.

    No cursor could point to a row whose own instant cannot be read, so such rows do not count towards the limit.
    """
    rows = session.execute(
        query.limit(None)
        .with_only_columns(key, type_coerce(instant, String))
        .execution_options(yield_per=limit + 1)
    )
    items: list[T] = []
    unreadable: list[K] = []
    last: tuple[datetime, K] | None = None
    counted = 0
    for row_key, stored_instant in rows:
        if counted == limit:
            rows.close()
            return ReadablePage(items, unreadable, last)
        try:
            items.append(read(row_key))
        except CorruptData:
            unreadable.append(row_key)
        position = _instant(session, stored_instant)
        if position is not None:
            last, counted = (position, row_key), counted + 1
    return ReadablePage(items, unreadable, None)


def _instant(session: TenantSession, stored: Any) -> datetime | None:
    dialect = session.own_connection.dialect
    process = UtcDateTime().dialect_impl(dialect).result_processor(dialect, None)
    try:
        found: datetime | None = process(stored) if process else stored
    except DECODE_ERRORS:
        return None
    return found
