"""The outbox: what is to be delivered, written with the events that asked for it, taken by any worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select, update

from executor.domain.model import ExceptionRecord, OutboxMessage
from executor.store.tables import OutboxRow
from sentinai.database.tenant_session import TenantSession


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message, claimed by a worker. ``attempts`` counts this one."""

    outbox_id: str
    exception_id: str
    kind: str
    payload: dict[str, Any]
    idempotency_key: str
    attempts: int


def add(session: TenantSession, record: ExceptionRecord, messages: Sequence[OutboxMessage], now: datetime) -> None:
    """Write messages to be delivered from now on."""
    if not messages:
        return
    rows = [
        {
            "tenant_id": record.tenant_id,
            "outbox_id": message.outbox_id,
            "exception_id": record.exception_id,
            "kind": message.kind,
            "payload": message.payload,
            "idempotency_key": message.idempotency_key,
            "status": "pending",
            "attempts": 0,
            "next_attempt_at": now,
            "created_at": now,
        }
        for message in messages
    ]
    session.execute(insert(OutboxRow), rows)


def claim(session: TenantSession, now: datetime, *, lease: timedelta, limit: int) -> list[Delivery]:
    """Take due messages for one try each. Until the lease ends no other worker takes them.

    A worker that dies in between leaves them pending: they are due again when the lease is over.
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
    return [
        Delivery(row.outbox_id, row.exception_id, row.kind, row.payload, row.idempotency_key, row.attempts)
        for row in rows
    ]


def hand_back(session: TenantSession, outbox_ids: Sequence[str], now: datetime) -> None:
    """Give back what was claimed and not tried: due at once, for any worker, as if it had not been taken."""
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.outbox_id.in_(outbox_ids), OutboxRow.status == "pending")
        .values(attempts=OutboxRow.attempts - 1, next_attempt_at=now),
        execution_options={"synchronize_session": False},
    )


def settle(
    session: TenantSession, outbox_id: str, *, status: str, now: datetime, error: str | None = None
) -> bool:
    """Close a message as ``delivered`` or ``failed``; False when another worker already did."""
    return _change(
        session,
        outbox_id,
        status=status,
        last_error=error,
        delivered_at=now if status == "delivered" else None,
    )


def postpone(session: TenantSession, outbox_id: str, *, until: datetime, error: str) -> bool:
    """Leave a message pending, to be tried again later."""
    return _change(session, outbox_id, next_attempt_at=until, last_error=error)


def counts(session: TenantSession) -> dict[str, int]:
    """How many messages are pending, delivered and failed."""
    query = select(OutboxRow.status, func.count(OutboxRow.outbox_id)).group_by(OutboxRow.status)
    return {row[0]: row[1] for row in session.execute(query)}


def _change(session: TenantSession, outbox_id: str, **values: Any) -> bool:
    result = session.execute(
        update(OutboxRow).where(OutboxRow.outbox_id == outbox_id, OutboxRow.status == "pending").values(**values),
        execution_options={"synchronize_session": False},
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]
