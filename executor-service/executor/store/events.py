"""The event logs in the database, which are append-only: those of exceptions, and that of the catalogue."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, bindparam, cast, insert, literal, select
from uuid6 import uuid7

from executor.domain import hash_chain
from executor.domain.changeset import AddedEvent
from executor.domain.model import RUN_EVENTS, Event, ExceptionRecord, NewEvent
from executor.store.tables import CatalogueEventRow, ExceptionEventRow
from sentinai.database.corruption import DECODE_ERRORS, readable, reading, require_valid
from sentinai.database.tenant_session import TenantSession
from sentinai.database.tenant_statement import TenantStatement
from sentinai.documents import strict_json
from sentinai.documents.schemas import check, is_valid

_NAMES = tuple(field.name for field in fields(Event))


def _columns(rows: type[ExceptionEventRow | CatalogueEventRow]) -> list[Any]:
    """Columns instead of ORM objects: events are read by the hundred and never changed."""
    return [getattr(rows, name) for name in _NAMES]


_INSERT = TenantStatement(insert(ExceptionEventRow))
_OF_RUN = TenantStatement(
    select(*_columns(ExceptionEventRow))
    .where(
        ExceptionEventRow.exception_id == bindparam("exception_id"),
        ExceptionEventRow.run == bindparam("run"),
        ExceptionEventRow.event_type.in_([literal(event_type) for event_type in RUN_EVENTS]),
    )
    .order_by(ExceptionEventRow.seq)
)


class InvalidEvent(RuntimeError):
    """An event was about to be written that does not match its schema: a bug, not the caller's error."""


def append(
    session: TenantSession, record: ExceptionRecord, added_events: Sequence[AddedEvent], now: datetime
) -> list[Event]:
    """Append events to an exception's log, chained to ``record.event_hash``."""
    end = LogEnd(record.tenant_id, record.exception_id, record.event_seq, record.event_hash)
    events = chained(end, added_events, now)
    rows = [
        {name: getattr(event, name) for name in _NAMES}
        | {"exception_id": record.exception_id, "run": each.event.run, "step_order": each.event.step_order}
        for event, each in zip(events, added_events, strict=True)
    ]
    if rows:
        _INSERT.change_many(session, rows)
    return events


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The end of a log, that of an exception, or, without one, that of a tenant's catalogue."""

    tenant_id: str
    exception_id: str | None
    seq: int
    hash: str


def chained(end: LogEnd, added_events: Sequence[AddedEvent], now: datetime) -> list[Event]:
    """The entries with which a log goes on."""
    events: list[Event] = []
    last = end.hash
    for seq, each in enumerate(added_events, end.seq + 1):
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
        events.append(hash_chain.seal(unsealed, end.tenant_id, end.exception_id))
        last = events[-1].hash
    return events


def _check_payload(event: NewEvent) -> None:
    findings = check(f"events/{event.event_type}", event.payload)
    if findings:
        raise InvalidEvent(f"{event.event_type}: {[finding.to_json() for finding in findings]}")


def after(
    session: TenantSession,
    exception_id: str | None,
    seq: int,
    *,
    event_types: Sequence[str] = (),
    limit: int | None = None,
) -> list[Event]:
    """The events of an exception, or without one of the tenant's catalogue, after ``seq``, in order."""
    query = _after(exception_id, seq, event_types).limit(limit)
    return [Event(*row) for row in session.execute(query)]


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events in order, the ``seq`` of those that cannot be read, and that after which the next page starts."""

    events: Sequence[Event]
    unreadable: Sequence[int]
    last_seq: int | None


def page(
    session: TenantSession, exception_id: str | None, seq: int, *, event_types: Sequence[str] = (), limit: int
) -> EventPage:
    """A page of the log of an exception, or without one of the tenant's catalogue, after ``seq``."""
    try:
        found = after(session, exception_id, seq, event_types=event_types, limit=limit + 1)
    except DECODE_ERRORS:
        return _readable_page(session, exception_id, seq, event_types, limit)
    return EventPage(found[:limit], (), found[limit - 1].seq if len(found) > limit else None)


def _readable_page(
    session: TenantSession, exception_id: str | None, seq: int, event_types: Sequence[str], limit: int
) -> EventPage:
    """The page event by event, without those that cannot be read."""
    log = "the catalogue" if exception_id is None else f"exception {exception_id!r}"

    def read(each: int) -> Event:
        with reading(f"Event {each} of {log}"):
            return after(session, exception_id, each - 1, limit=1)[0]

    query = _after(exception_id, seq, event_types).with_only_columns(_rows(exception_id).seq)
    seqs = list(session.scalars(query.limit(limit + 1)))
    found, unreadable = readable(seqs[:limit], read)
    return EventPage(found, unreadable, seqs[limit - 1] if len(seqs) > limit else None)


def all_of(session: TenantSession, exception_id: str | None) -> list[Event]:
    """Every stored event of an exception, or without one of the catalogue, in order, whatever its ``seq``."""
    return [Event(*row) for row in session.execute(_log(exception_id))]


def first(session: TenantSession, exception_id: str | None) -> Event | None:
    """The first event of a log: of an exception, that which created it. None if there is none."""
    return next(iter(after(session, exception_id, 0, limit=1)), None)


def severity_is_given(session: TenantSession, exception_id: str) -> bool:
    """Whether somebody gave the exception's severity, when it was created or later; triage does not count.

    Raises:
        CorruptData: one of the events cannot be read.
    """
    with reading(f"The log of exception {exception_id!r}"):
        changes = after(session, exception_id, 0, event_types=("ExceptionCreated", "ExceptionUpdated"))
        for event in changes:
            require_valid(f"events/{event.event_type}", event.payload)
    return any(
        "severity" in event.payload.get("changes", ()) or event.payload.get("exception", {}).get("severity")
        for event in changes
    )


def of_run(session: TenantSession, exception_id: str, run: int) -> list[Event]:
    """The events that decide what can be done in a run, read by an index, however long the log is.

    Raises:
        CorruptData: one of them cannot be read.
    """
    with reading(f"The log of exception {exception_id!r}"):
        rows = _OF_RUN.rows(session, {"exception_id": exception_id, "run": run})
        found = [Event(*row) for row in rows]
        for event in found:
            require_valid(f"events/{event.event_type}", event.payload)
    return found


def payloads(
    session: TenantSession, event_types: Sequence[str], *, playbook_ids: Collection[int] | None = None
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Type and payload of the tenant's events of some types, oldest first; the payload is None if it is corrupt.

    With ``playbook_ids``, only of those that mention one of these playbooks. That is searched in the text, because
    PostgreSQL refuses a query over JSON for a single value that it cannot decode.
    """
    stored = cast(ExceptionEventRow.payload, Text)
    query = (
        select(ExceptionEventRow.event_type, stored)
        .where(ExceptionEventRow.event_type.in_(event_types))
        .order_by(ExceptionEventRow.created_at)
    )
    if playbook_ids is not None:
        query = query.where(stored.regexp_match(rf'"playbook_id": ?({"|".join(map(str, playbook_ids))})[,}}]'))
    for event_type, text in session.execute(query.execution_options(yield_per=500)):
        yield event_type, _payload(event_type, text)


def _payload(event_type: str, text: str) -> dict[str, Any] | None:
    try:
        payload = strict_json.loads_stored(text)
    except DECODE_ERRORS:
        return None
    return payload if is_valid(f"events/{event_type}", payload) else None


def _rows(exception_id: str | None) -> type[ExceptionEventRow | CatalogueEventRow]:
    return CatalogueEventRow if exception_id is None else ExceptionEventRow


def _log(exception_id: str | None) -> Select[Any]:
    rows = _rows(exception_id)
    query = select(*_columns(rows)).order_by(rows.seq)
    return query if exception_id is None else query.where(ExceptionEventRow.exception_id == exception_id)


def _after(exception_id: str | None, seq: int, event_types: Sequence[str]) -> Select[Any]:
    rows = _rows(exception_id)
    query = _log(exception_id).where(rows.seq > seq)
    return query.where(rows.event_type.in_(event_types)) if event_types else query
