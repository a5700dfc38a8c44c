"""What is due, across tenants: each question is one query by a partial index, whatever the number of tenants.

On PostgreSQL, row-level security shows a role one tenant at a time. There the queries are functions of the same
name, made by the migration, that tell tenants and numbers only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, select, text

from executor.store.tables import WAITING, ExceptionRow, OutboxRow
from sentinai.database.engine import Database
from sentinai.database.tables import TenantRow, UtcDateTime

_EXCEPTION, _OUTBOX, _TENANT = ExceptionRow.__table__.c, OutboxRow.__table__.c, TenantRow.__table__.c
_COUNT = select(func.count())


def _is(status: str) -> ColumnElement[bool]:
    """A condition with the status in the SQL itself: a parameter would not select the partial index."""
    return _OUTBOX.status == literal(status, literal_execute=True)


FUNCTIONS: Mapping[str, tuple[Select[Any], Any]] = {
    "tenants_with_due_recalculations": (select(_EXCEPTION.tenant_id).distinct(), _EXCEPTION.valid_until),
    "tenants_with_due_deliveries": (
        select(_OUTBOX.tenant_id).distinct().where(_is("pending")),
        _OUTBOX.next_attempt_at,
    ),
    "tenants_with_old_deliveries": (
        select(_OUTBOX.tenant_id).distinct().where(_is("delivered")),
        _OUTBOX.delivered_at,
    ),
    "count_due_recalculations": (_COUNT.select_from(ExceptionRow.__table__), _EXCEPTION.valid_until),
    "count_pending_deliveries": (
        _COUNT.where(_is("pending")),
        _OUTBOX.created_at,
    ),
    "count_failed_deliveries": (
        _COUNT.where(_is("failed")),
        _OUTBOX.created_at,
    ),
}
"""By name, the query and the column that must not be after the given instant."""

BEHIND = select(_TENANT.tenant_id).where(
    select(_EXCEPTION.exception_id)
    .where(
        _EXCEPTION.tenant_id == _TENANT.tenant_id,
        text(WAITING),
        _EXCEPTION.catalogue_revision < _TENANT.catalogue_revision,
    )
    .exists()
)


def tenants_behind(database: Database) -> Sequence[str]:
    """Tenants with waiting exceptions whose recommendation is from an earlier catalogue."""
    query = select(func.tenants_behind()) if database.dialect == "postgresql" else BEHIND
    with database.plain() as connection:
        return connection.scalars(query).all()


def tenants_with_due_recalculations(database: Database, now: datetime) -> Sequence[str]:
    """Tenants with exceptions whose recommendation has expired."""
    return _ask(database, "tenants_with_due_recalculations", now)


def tenants_with_due_deliveries(database: Database, now: datetime) -> Sequence[str]:
    """Tenants with messages to deliver now."""
    return _ask(database, "tenants_with_due_deliveries", now)


def tenants_with_old_deliveries(database: Database, before: datetime) -> Sequence[str]:
    """Tenants with messages that were delivered before an instant."""
    return _ask(database, "tenants_with_old_deliveries", before)


def count_due_recalculations(database: Database, now: datetime) -> int:
    """The number of exceptions whose recommendation has expired."""
    return int(_ask(database, "count_due_recalculations", now)[0])


def count_pending_deliveries(database: Database, now: datetime) -> int:
    """The number of messages that wait for delivery, due or put off."""
    return int(_ask(database, "count_pending_deliveries", now)[0])


def count_failed_deliveries(database: Database, now: datetime) -> int:
    """The number of messages that were given up."""
    return int(_ask(database, "count_failed_deliveries", now)[0])


def _ask(database: Database, name: str, instant: datetime) -> Sequence[Any]:
    until = literal(instant, UtcDateTime())
    query, column = FUNCTIONS[name]
    statement = (
        select(getattr(func, name)(until)) if database.dialect == "postgresql" else query.where(column <= until)
    )
    with database.plain() as connection:
        return connection.scalars(statement).all()
