"""Deliveries as operators see them: pages of the outbox, and sending again what was given up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Text, and_, cast, false, literal, or_, select, update

from executor.store.cursor import decode, encode
from executor.store.readable_page import readable_page
from executor.store.tables import OutboxRow
from executor.store.tenants import WITHOUT_SYNCHRONIZATION
from sentinai.clock import format_time
from sentinai.database.corruption import DECODE_ERRORS, reading
from sentinai.database.tenant_session import TenantSession
from sentinai.documents import strict_json
from sentinai.problems import NotFound

KINDS: Mapping[str, str] = {"notify": "notification", "call_tool": "tool_call"}
"""Kinds of deliveries, and what the outbox calls them."""
STATUSES = ("pending", "delivered", "failed")
MAX_REQUEUED = 1000
"""At most so many deliveries are made due in one transaction."""

_NAMES = {stored: shown for shown, stored in KINDS.items()}
_ORDER = "deliveries"
# The payload is read as text: a delivery is listed even if its payload is corrupt.
_SELECT = select(
    OutboxRow.outbox_id,
    OutboxRow.kind,
    OutboxRow.exception_id,
    OutboxRow.event_id,
    OutboxRow.status,
    OutboxRow.attempts,
    OutboxRow.last_attempt_at,
    OutboxRow.next_attempt_at,
    OutboxRow.last_status,
    OutboxRow.last_error,
    OutboxRow.created_at,
    OutboxRow.delivered_at,
    cast(OutboxRow.payload, Text).label("payload"),
)


def page(
    session: TenantSession,
    *,
    kind: str | None,
    status: str | None,
    exception_id: str | None,
    webhook_id: str | None,
    limit: int,
    cursor: str | None,
) -> tuple[Sequence[dict[str, Any]], str | None, Sequence[str]]:
    """A page of deliveries, newest first; the cursor of the next page; ids of deliveries that cannot be read.

    Raises:
        InvalidCursor: it is malformed, or belongs to another list.
    """
    query = _SELECT.order_by(OutboxRow.created_at.desc(), OutboxRow.outbox_id.desc())
    wanted = {
        OutboxRow.kind: KINDS[kind] if kind else None,
        OutboxRow.status: status,
        OutboxRow.exception_id: exception_id,
    }
    query = query.where(*(column == value for column, value in wanted.items() if value is not None))
    if webhook_id is not None:
        query = query.where(false())  # Notifications and tool calls belong to no webhook.
    if cursor:
        instant, last_id = decode(cursor, _ORDER, datetime, str)
        tie = and_(OutboxRow.created_at == instant, OutboxRow.outbox_id < last_id)
        query = query.where(or_(OutboxRow.created_at < instant, tie))
    try:
        rows = session.execute(query.limit(limit + 1)).all()
    except DECODE_ERRORS:
        read = partial(_get, session)
        part = readable_page(session, query, OutboxRow.outbox_id, OutboxRow.created_at, limit, read)
        return part.items, encode(_ORDER, *part.last) if part.last else None, part.unreadable
    shown = rows[:limit]
    more = encode(_ORDER, shown[-1].created_at, shown[-1].outbox_id) if len(rows) > limit else None
    return [_document(row) for row in shown], more, ()


def redeliver(session: TenantSession, delivery_id: str, now: datetime) -> dict[str, Any]:
    """Make a delivery due at once, to be attempted as if it were new.

    Raises:
        NotFound: the tenant has no such delivery. CorruptData: its row cannot be read.
    """
    _requeue(session, now, OutboxRow.outbox_id == delivery_id)
    return _get(session, delivery_id)


def redeliver_failed(session: TenantSession, now: datetime, since: datetime | None = None) -> int:
    """Make deliveries due that were given up, of those created at ``since`` or later the oldest ``MAX_REQUEUED``.

    Returns their number. Repeated with the same ``now``, it finds those that were left.
    """
    failed = (
        select(OutboxRow.outbox_id)
        .where(OutboxRow.status == literal("failed", literal_execute=True))
        .where(or_(OutboxRow.requeued_at.is_(None), OutboxRow.requeued_at < now))
        .order_by(OutboxRow.created_at, OutboxRow.outbox_id)
        .limit(MAX_REQUEUED)
    )
    if since is not None:
        failed = failed.where(OutboxRow.created_at >= since)
    return _requeue(session, now, OutboxRow.outbox_id.in_(list(session.scalars(failed))))


def _requeue(session: TenantSession, now: datetime, condition: Any) -> int:
    result = session.execute(
        update(OutboxRow)
        .where(condition)
        .values(status="pending", attempts=0, next_attempt_at=now, requeued_at=now, delivered_at=None),
        execution_options=WITHOUT_SYNCHRONIZATION,
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


def _get(session: TenantSession, delivery_id: str) -> dict[str, Any]:
    with reading(f"Delivery {delivery_id!r}"):
        row = session.execute(_SELECT.where(OutboxRow.outbox_id == delivery_id)).one_or_none()
    if row is None:
        raise NotFound(f"Delivery {delivery_id!r} does not exist.")
    return _document(row)


def _document(row: Any) -> dict[str, Any]:
    """A delivery by the schema ``delivery``."""
    try:
        payload = strict_json.loads_stored(row.payload)
    except ValueError:
        payload = None
    details = payload if isinstance(payload, dict) else {}
    return {
        "delivery_id": row.outbox_id,
        "kind": _NAMES.get(row.kind, row.kind),
        "webhook_id": None,
        "exception_id": row.exception_id,
        "event_id": row.event_id,
        "channel": details.get("channel"),
        "tool_id": details.get("tool_id"),
        "status": row.status,
        "attempts": row.attempts,
        "last_attempt_at": _time(row.last_attempt_at),
        "next_attempt_at": _time(row.next_attempt_at) if row.status == "pending" else None,
        "last_status": row.last_status,
        "last_error": row.last_error,
        "created_at": _time(row.created_at),
        "delivered_at": _time(row.delivered_at),
    }


def _time(instant: datetime | None) -> str | None:
    return format_time(instant) if instant else None
