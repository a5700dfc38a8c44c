"""Exceptions in the database: one by id, and ids for work in batches. Pages are in ``exception_list``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

from sqlalchemy import bindparam, func, insert, select, text, update

from executor.domain.model import ExceptionRecord
from executor.store.tables import WAITING, ExceptionRow
from executor.store.tenants import WITHOUT_SYNCHRONIZATION
from sentinai.database.corruption import reading
from sentinai.database.tenant_session import TenantSession
from sentinai.database.tenant_statement import TenantStatement
from sentinai.problems import NotFound

_NAMES = tuple(field.name for field in fields(ExceptionRecord))
_values = attrgetter(*_NAMES)
COLUMNS = tuple(getattr(ExceptionRow, name) for name in _NAMES)
"""The columns of an ``ExceptionRecord``, in the order of its fields."""
_SELECT = select(*COLUMNS).where(ExceptionRow.exception_id == bindparam("exception_id"))
_GET, _LOCK = TenantStatement(_SELECT), TenantStatement(_SELECT.with_for_update())

_CONFIRM = TenantStatement(
    update(ExceptionRow)
    .where(
        ExceptionRow.exception_id == bindparam("stored_id"),
        ExceptionRow.row_version == bindparam("stored_version"),
        ExceptionRow.catalogue_revision == bindparam("stored_revision"),
    )
    .values(catalogue_revision=bindparam("revision"), valid_until=bindparam("until"))
)
Confirmation = tuple[ExceptionRecord, int, datetime | None]
"""An exception as it was read, a later catalogue revision, and until when its recommendation is valid."""


def get(session: TenantSession, exception_id: str, *, lock: bool = False) -> ExceptionRecord:
    """One exception. ``lock`` locks its row until the transaction ends (SQLite locks the database anyway).

    Raises:
        NotFound: the tenant has no exception with this id. CorruptData: its row cannot be read.
    """
    with reading(f"Exception {exception_id!r}"):
        found = (_LOCK if lock else _GET).rows(session, {"exception_id": exception_id})
    if not found:
        raise _not_found(exception_id)
    return ExceptionRecord(*found[0])


def add(session: TenantSession, record: ExceptionRecord) -> None:
    """Store a new exception.

    Raises:
        IntegrityError: an exception with this id exists.
    """
    # Without nulls, the default of the column would be stored, which is for rows of earlier versions.
    session.execute(
        insert(ExceptionRow),
        [dict(zip(_NAMES, _values(record), strict=True))],
        execution_options={"render_nulls": True},
    )


def save(session: TenantSession, before: ExceptionRecord, record: ExceptionRecord) -> None:
    """Store the fields of an exception that have changed. A new recommendation ends a series of failures."""
    pairs = zip(_NAMES, _values(before), _values(record), strict=True)
    changed = {name: new for name, old, new in pairs if new is not old}
    if "valid_until" in changed:
        changed["recalculation_failures"] = 0
    if changed:
        _update_of(tuple(changed)).change(session, {**changed, "stored_id": record.exception_id})


@lru_cache(maxsize=256)
def _update_of(names: tuple[str, ...]) -> TenantStatement:
    """The statement that updates some columns. Few combinations of them occur."""
    changes: dict[str, Any] = {name: bindparam(name) for name in names}
    return TenantStatement(
        update(ExceptionRow).where(ExceptionRow.exception_id == bindparam("stored_id")).values(changes)
    )


def due_ids(session: TenantSession, now: datetime, limit: int) -> list[str]:
    """Ids of exceptions whose recommendation has expired, longest expired first."""
    query = (
        select(ExceptionRow.exception_id)
        .where(ExceptionRow.valid_until <= now)
        .order_by(ExceptionRow.valid_until, ExceptionRow.exception_id)
        .limit(limit)
    )
    return list(session.scalars(query))


def behind_ids(session: TenantSession, revision: int, limit: int) -> list[str]:
    """Ids of waiting exceptions whose recommendation is from a catalogue before ``revision``, oldest first."""
    query = (
        select(ExceptionRow.exception_id)
        .where(text(WAITING), ExceptionRow.catalogue_revision < revision)
        .order_by(ExceptionRow.catalogue_revision)
        .limit(limit)
    )
    return list(session.scalars(query))


def confirm(session: TenantSession, confirmations: Sequence[Confirmation]) -> None:
    """Store that recommendations hold with another catalogue, where they have not changed in the meantime."""
    _CONFIRM.change_many(
        session,
        [
            {
                "stored_id": record.exception_id,
                "stored_version": record.row_version,
                "stored_revision": record.catalogue_revision,
                "revision": revision,
                "until": valid_until,
            }
            for record, revision, valid_until in confirmations
        ],
    )


def recalculation_failures(session: TenantSession, exception_id: str) -> int:
    """How often in a row an exception's recalculation has failed."""
    query = select(ExceptionRow.recalculation_failures).where(ExceptionRow.exception_id == exception_id)
    return session.scalar(query) or 0


def put_off(session: TenantSession, exception_id: str, until: datetime) -> None:
    """Let a recalculation that failed wait. Reads none of the row's documents: they may be what failed."""
    session.execute(
        update(ExceptionRow)
        .where(ExceptionRow.exception_id == exception_id)
        .values(valid_until=until, recalculation_failures=ExceptionRow.recalculation_failures + 1),
        execution_options=WITHOUT_SYNCHRONIZATION,
    )


def count(session: TenantSession) -> int:
    """The number of the tenant's exceptions."""
    return session.scalar(select(func.count(ExceptionRow.exception_id))) or 0


def ids_after(session: TenantSession, last_id: str, limit: int) -> list[str]:
    """The ids that follow ``last_id``, in order, for processing all exceptions in batches."""
    query = select(ExceptionRow.exception_id).where(ExceptionRow.exception_id > last_id)
    return list(session.scalars(query.order_by(ExceptionRow.exception_id).limit(limit)))


def last_seq(session: TenantSession, exception_id: str) -> int:
    """The ``seq`` of an exception's newest event.

    Raises:
        NotFound: the tenant has no exception with this id.
    """
    seq = session.scalar(select(ExceptionRow.event_seq).where(ExceptionRow.exception_id == exception_id))
    if seq is None:
        raise _not_found(exception_id)
    return seq


def _not_found(exception_id: str) -> NotFound:
    return NotFound(f"Exception {exception_id!r} does not exist.")
