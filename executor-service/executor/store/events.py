"""The event log in the database: appended to, read, never changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, insert, literal, select
from uuid6 import uuid7

from executor.domain import hash_chain
from executor.domain.changeset import AddedEvent
from executor.domain.model import PROGRESS_EVENTS, Event, ExceptionRecord
from executor.store.tables import ExceptionEventRow
from sentinai.database.tenant_session import TenantSession
from sentinai.database.tenant_statement import TenantStatement
from sentinai.documents.schemas import check

_COLUMNS = tuple(getattr(ExceptionEventRow, field.name) for field in fields(Event))
"""Columns rather than rows of the ORM: events are read by the hundred, and never changed."""
_INSERT = TenantStatement(insert(ExceptionEventRow))
_OF_RUN = TenantStatement(
    select(*_COLUMNS)
    .where(
        ExceptionEventRow.exception_id == bindparam("exception_id"),
        ExceptionEventRow.run == bindparam("run"),
        ExceptionEventRow.event_type.in_([literal(event_type) for event_type in PROGRESS_EVENTS]),
    )
    .order_by(ExceptionEventRow.seq)
)


class InvalidEvent(RuntimeError):
    """An event was about to be written that breaks its schema: a fault of ours, never of the caller."""


def append(
    session: TenantSession, record: ExceptionRecord, added_events: Sequence[AddedEvent], now: datetime
) -> list[Event]:
    """Write events to the end of an exception's log, chained to ``record.event_hash``."""
    events = _chained(record, added_events, now)
    places = [{"run": each.event.run, "step_order": each.event.step_order} for each in added_events]
    rows = [_values(record, event) | place for event, place in zip(events, places, strict=True)]
    if rows:
        _INSERT.change_many(session, rows)
    return events


def _chained(record: ExceptionRecord, added_events: Sequence[AddedEvent], now: datetime) -> list[Event]:
    events: list[Event] = []
    last = record.event_hash
    for seq, each in enumerate(added_events, record.event_seq + 1):
        _require_valid(each)
        unsealed = Event(
            event_id=str(uuid7()),
            seq=seq,
            event_type=each.event.event_type,
            actor_type=each.actor.actor_type,
            actor_id=each.actor.actor_id,
            payload=each.event.payload,
            created_at=now,
            prev_hash=last,
            hash="",
        )
        events.append(hash_chain.seal(unsealed, record.tenant_id, record.exception_id))
        last = events[-1].hash
    return events


def _require_valid(added_events: AddedEvent) -> None:
    event = added_events.event
    found = check(f"events/{event.event_type}", event.payload)
    if found:
        raise InvalidEvent(f"{event.event_type}: {[finding.to_json() for finding in found]}")


def _values(record: ExceptionRecord, event: Event) -> dict[str, Any]:
    return {
        "exception_id": record.exception_id,
        "seq": event.seq,
        "event_id": event.event_id,
        "event_type": event.event_type,
        "actor_type": event.actor_type,
        "actor_id": event.actor_id,
        "payload": event.payload,
        "created_at": event.created_at,
        "prev_hash": event.prev_hash,
        "hash": event.hash,
    }


def after(
    session: TenantSession,
    exception_id: str,
    seq: int,
    *,
    event_types: Sequence[str] = (),
    limit: int | None = None,
) -> list[Event]:
    """The events of an exception that come after ``seq``, in order."""
    query = _of(exception_id).where(ExceptionEventRow.seq > seq)
    if event_types:
        query = query.where(ExceptionEventRow.event_type.in_(event_types))
    return [Event(*row) for row in session.execute(query.limit(limit))]


def whole(session: TenantSession, exception_id: str) -> list[Event]:
    """Every event that is filed under an exception, in order; also before the first, where none can be."""
    return [Event(*row) for row in session.execute(_of(exception_id))]


def first(session: TenantSession, exception_id: str) -> Event | None:
    """The event that created an exception, if there is such an exception."""
    row = session.execute(_of(exception_id).limit(1)).one_or_none()
    return None if row is None else Event(*row)


def of_run(session: TenantSession, exception_id: str, run: int) -> list[Event]:
    """The events that say where a run stands; read by index, whatever else the log holds."""
    return [Event(*row) for row in _OF_RUN.rows(session, {"exception_id": exception_id, "run": run})]


def payloads(
    session: TenantSession, event_types: Sequence[str], *, playbook_ids: Collection[int] | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Type and payload of every event of some types in the tenant, oldest first; of some playbooks, if given."""
    query = (
        select(ExceptionEventRow.event_type, ExceptionEventRow.payload)
        .where(ExceptionEventRow.event_type.in_(event_types))
        .order_by(ExceptionEventRow.created_at)
    )
    if playbook_ids is not None:
        query = query.where(ExceptionEventRow.payload["playbook_id"].as_integer().in_(playbook_ids))
    for row in session.execute(query.execution_options(yield_per=500)):
        yield row[0], row[1]


def _of(exception_id: str) -> Select[Any]:
    query = select(*_COLUMNS).where(ExceptionEventRow.exception_id == exception_id)
    return query.order_by(ExceptionEventRow.seq)
