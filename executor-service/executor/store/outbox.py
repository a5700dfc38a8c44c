"""The outbox: messages to deliver, stored in the transaction of the events that caused them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, literal, select, update

from executor.domain.model import Event, ExceptionRecord, OutboxMessage
from executor.store.tables import OutboxRow
from executor.store.tenants import WITHOUT_SYNCHRONIZATION
from sentinai.database.tenant_session import TenantSession


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message that a worker has claimed. ``attempts`` includes this one; ``tried_since`` begins its window."""

    outbox_id: str
    exception_id: str
    kind: str
    payload: dict[str, Any]
    idempotency_key: str
    attempts: int
    tried_since: datetime


def add(
    session: TenantSession,
    record: ExceptionRecord,
    messages: Sequence[OutboxMessage],
    events: Sequence[Event],
    now: datetime,
) -> None:
    """Store messages, due at once, each with the one of ``events`` that requested it."""
    if not messages:
        return
    event_ids = {event.payload.get("outbox_id"): event.event_id for event in events}
    common = {
        "tenant_id": record.tenant_id,
        "exception_id": record.exception_id,
        "status": "pending",
        "attempts": 0,
        "next_attempt_at": now,
        "created_at": now,
    }
    rows = [asdict(each) | common | {"event_id": event_ids.get(each.outbox_id)} for each in messages]
    session.execute(insert(OutboxRow), rows)


def claim(session: TenantSession, now: datetime, *, lease: timedelta, limit: int) -> list[str]:
    """Claim due messages for one attempt each; their ids. No other worker can claim them until the lease expires.

    If the worker dies, they are still pending and become due again when the lease expires. Their content is not
    read here: one that cannot be read must not keep the others.
    """
    query = (
        select(OutboxRow.outbox_id)
        .where(OutboxRow.status == "pending", OutboxRow.next_attempt_at <= now)
        .order_by(OutboxRow.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.scalars(query))
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.outbox_id.in_(ids))
        .values(attempts=OutboxRow.attempts + 1, next_attempt_at=now + lease),
        execution_options=WITHOUT_SYNCHRONIZATION,
    )
    return ids


def get(session: TenantSession, outbox_id: str) -> ClaimedMessage:
    """A claimed message."""
    row = session.scalars(select(OutboxRow).where(OutboxRow.outbox_id == outbox_id)).one()
    return ClaimedMessage(
        outbox_id=row.outbox_id,
        exception_id=row.exception_id,
        kind=row.kind,
        payload=row.payload,
        idempotency_key=row.idempotency_key,
        attempts=row.attempts,
        tried_since=row.requeued_at or row.created_at,
    )


def release(session: TenantSession, outbox_id: str, until: datetime) -> None:
    """Undo the claim on a message that was not attempted: it is due at ``until``, for any worker."""
    _update(session, outbox_id, attempts=OutboxRow.attempts - 1, next_attempt_at=until)


def close(
    session: TenantSession,
    outbox_id: str,
    *,
    status: str,
    now: datetime,
    error: str | None = None,
    status_code: int | None = None,
) -> bool:
    """Mark a message as ``delivered`` or ``failed``. Returns False if another worker already did."""
    return _update(
        session,
        outbox_id,
        status=status,
        last_error=error,
        delivered_at=now if status == "delivered" else None,
        last_attempt_at=now,
        last_status=status_code,
    )


def reschedule(
    session: TenantSession, outbox_id: str, *, until: datetime, now: datetime, error: str, status_code: int | None
) -> bool:
    """Leave a message pending, for another attempt at ``until``."""
    return _update(
        session,
        outbox_id,
        next_attempt_at=until,
        last_error=error,
        last_attempt_at=now,
        last_status=status_code,
    )


def remove_delivered(session: TenantSession, before: datetime, limit: int) -> int:
    """Remove messages that were delivered before an instant, at most ``limit``. Returns their number."""
    old = (
        select(OutboxRow.outbox_id)
        .where(OutboxRow.status == literal("delivered", literal_execute=True), OutboxRow.delivered_at <= before)
        .limit(limit)
    )
    ids = list(session.scalars(old))
    session.execute(
        delete(OutboxRow).where(OutboxRow.outbox_id.in_(ids)), execution_options=WITHOUT_SYNCHRONIZATION
    )
    return len(ids)


def _update(session: TenantSession, outbox_id: str, **values: Any) -> bool:
    result = session.execute(
        update(OutboxRow).where(OutboxRow.outbox_id == outbox_id, OutboxRow.status == "pending").values(**values),
        execution_options=WITHOUT_SYNCHRONIZATION,
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]
