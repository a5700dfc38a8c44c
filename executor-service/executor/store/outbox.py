"""The outbox: messages to deliver, stored in the transaction of the events that caused them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from sqlalchemy import func, insert, select, update

from executor.domain.model import ExceptionRecord, OutboxMessage
from executor.store.tables import OutboxRow
from executor.store.tenants import WITHOUT_SYNCHRONIZATION
from sentinai.database.tenant_session import TenantSession


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message that a worker has claimed. ``attempts`` includes this one."""

    outbox_id: str
    exception_id: str
    kind: str
    payload: dict[str, Any]
    idempotency_key: str
    attempts: int


_claimed_values = attrgetter(*(field.name for field in fields(ClaimedMessage)))


def add(session: TenantSession, record: ExceptionRecord, messages: Sequence[OutboxMessage], now: datetime) -> None:
    """Store messages, due at once."""
    if not messages:
        return
    common = {
        "tenant_id": record.tenant_id,
        "exception_id": record.exception_id,
        "status": "pending",
        "attempts": 0,
        "next_attempt_at": now,
        "created_at": now,
    }
    session.execute(insert(OutboxRow), [asdict(message) | common for message in messages])


def claim(session: TenantSession, now: datetime, *, lease: timedelta, limit: int) -> list[ClaimedMessage]:
    """Claim due messages for one attempt each. No other worker can claim them until the lease expires.

    If the worker dies, they are still pending and become due again when the lease expires.
    """
    query = (
        select(OutboxRow)
        .where(OutboxRow.status == "pending", OutboxRow.next_attempt_at <= now)
        .order_by(OutboxRow.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = session.scalars(query).all()
    for row in rows:
        row.attempts += 1
        row.next_attempt_at = now + lease
    return [ClaimedMessage(*_claimed_values(row)) for row in rows]


def release(session: TenantSession, outbox_ids: Sequence[str], now: datetime) -> None:
    """Undo the claim on messages that were not attempted: they are due at once, for any worker."""
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.outbox_id.in_(outbox_ids), OutboxRow.status == "pending")
        .values(attempts=OutboxRow.attempts - 1, next_attempt_at=now),
        execution_options=WITHOUT_SYNCHRONIZATION,
    )


def close(session: TenantSession, outbox_id: str, *, status: str, now: datetime, error: str | None = None) -> bool:
    """Mark a message as ``delivered`` or ``failed``. Returns False if another worker already did."""
    delivered_at = now if status == "delivered" else None
    return _update(session, outbox_id, status=status, last_error=error, delivered_at=delivered_at)


def reschedule(session: TenantSession, outbox_id: str, *, until: datetime, error: str) -> bool:
    """Leave a message pending, for another attempt at ``until``."""
    return _update(session, outbox_id, next_attempt_at=until, last_error=error)


def count_by_status(session: TenantSession) -> dict[str, int]:
    """The number of messages in each status that occurs."""
    query = select(OutboxRow.status, func.count(OutboxRow.outbox_id)).group_by(OutboxRow.status)
    return {row[0]: row[1] for row in session.execute(query)}


def _update(session: TenantSession, outbox_id: str, **values: Any) -> bool:
    result = session.execute(
        update(OutboxRow).where(OutboxRow.outbox_id == outbox_id, OutboxRow.status == "pending").values(**values),
        execution_options=WITHOUT_SYNCHRONIZATION,
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]
