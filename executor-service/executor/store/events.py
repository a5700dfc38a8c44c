"""The event log in the database, which is append-only."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, insert, literal, select
from uuid6 import uuid7

from executor.domain import hash_chain
from executor.domain.changeset import AddedEvent
from executor.domain.model import PROGRESS_EVENTS, Event, ExceptionRecord, NewEvent
from executor.store.tables import ExceptionEventRow
from sentinai.database.tenant_session import TenantSession
from sentinai.database.tenant_statement import TenantStatement
from sentinai.documents.schemas import check

_NAMES = tuple(field.name for field in fields(Event))
_COLUMNS = tuple(getattr(ExceptionEventRow, name) for name in _NAMES)
"""Columns instead of ORM objects: events are read by the hundred and never changed."""
_INSERT = TenantStatement(insert(ExceptionEventRow))
_PROGRESS_OF_RUN = TenantStatement(
    select(*_COLUMNS)
    .where(
        ExceptionEventRow.exception_id == bindparam("exception_id"),
        ExceptionEventRow.run == bindparam("run"),
        ExceptionEventRow.event_type.in_([literal(event_type) for event_type in PROGRESS_EVENTS]),
    )
    .order_by(ExceptionEventRow.seq)
)


class InvalidEvent(RuntimeError):
    """An event was about to be written that does not match its schema: a bug, not the caller's error."""


def append(
    session: TenantSession, record: ExceptionRecord, added_events: Sequence[AddedEvent], now: datetime
) -> list[Event]:
    """Append events to an exception's log, chained to ``record.event_hash``."""
    events = _chained(record, added_events, now)
    rows = [
        {name: getattr(event, name) for name in _NAMES}
        | {"exception_id": record.exception_id, "run": each.event.run, "step_order": each.event.step_order}
        for event, each in zip(events, added_events, strict=True)
    ]
    if rows:
        _INSERT.change_many(session, rows)
    return events


def _chained(record: ExceptionRecord, added_events: Sequence[AddedEvent], now: datetime) -> list[Event]:
    events: list[Event] = []
    last = record.event_hash
    for seq, each in enumerate(added_events, record.event_seq + 1):
        _check_payload(each.event)
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


def _check_payload(event: NewEvent) -> None:
    findings = check(f"events/{event.event_type}", event.payload)
    if findings:
        raise InvalidEvent(f"{event.event_type}: {[finding.to_json() for finding in findings]}")


def after(
    session: TenantSession,
    exception_id: str,
    seq: int,
    *,
    event_types: Sequence[str] = (),
    limit: int | None = None,
) -> list[Event]:
    """The events of an exception after ``seq``, in order."""
    query = _log(exception_id).where(ExceptionEventRow.seq > seq)
    if event_types:
        query = query.where(ExceptionEventRow.event_type.in_(event_types))
    return [Event(*row) for row in session.execute(query.limit(limit))]


def all_of(session: TenantSession, exception_id: str) -> list[Event]:
    """Every stored event of an exception, in order, whatever its ``seq``."""
    return [Event(*row) for row in session.execute(_log(exception_id))]


def first(session: TenantSession, exception_id: str) -> Event | None:
    """The event that created an exception; None if there is no such exception."""
    row = session.execute(_log(exception_id).limit(1)).one_or_none()
    return None if row is None else Event(*row)


def progress_of_run(session: TenantSession, exception_id: str, run: int) -> list[Event]:
    """The events that determine the progress of a run, read by an index, however long the log is."""
    return [Event(*row) for row in _PROGRESS_OF_RUN.rows(session, {"exception_id": exception_id, "run": run})]


def payloads(
    session: TenantSession, event_types: Sequence[str], *, playbook_ids: Collection[int] | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Type and payload of the tenant's events of some types, oldest first; only of some playbooks, if given."""
    query = (
        select(ExceptionEventRow.event_type, ExceptionEventRow.payload)
        .where(ExceptionEventRow.event_type.in_(event_types))
        .order_by(ExceptionEventRow.created_at)
    )
    if playbook_ids is not None:
        query = query.where(ExceptionEventRow.payload["playbook_id"].as_integer().in_(playbook_ids))
    for row in session.execute(query.execution_options(yield_per=500)):
        yield row[0], row[1]


def _log(exception_id: str) -> Select[Any]:
    query = select(*_COLUMNS).where(ExceptionEventRow.exception_id == exception_id)
    return query.order_by(ExceptionEventRow.seq)
