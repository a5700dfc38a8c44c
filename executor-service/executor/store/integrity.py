"""Verification of one log as it is stored, which finds changes made to the database by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select, tuple_

from executor.domain import hash_chain
from executor.domain.hash_chain import ChainCheck
from executor.domain.model import FINISHING_EVENTS, RUN_EVENTS, Event, ExceptionRecord
from executor.store import catalogue_log, events
from executor.store.tables import ExceptionEventRow, ExceptionRow, OutboxRow
from sentinai.database.corruption import DECODE_ERRORS
from sentinai.database.tenant_session import TenantSession

RESULT_EVENTS = ("NotificationSent", "ToolCallRecorded")
"""The events with the result of a message."""
_INDEXED_BY_RUN = (*RUN_EVENTS, "PlaybookRecalculated", "ResolutionSuggested", "FeedbackCaptured")
"""The events whose ``run`` column is always set; for others that name a run it may be null."""


def verify_log(session: TenantSession, record: ExceptionRecord) -> tuple[ChainCheck, list[Event]]:
    """Check an exception's log up to the end that its row records. Also returns the events that could be read."""
    log = _readable_events(session, record.exception_id)
    found = hash_chain.verify(
        log,
        record.tenant_id,
        record.exception_id,
        expected_seq=record.event_seq,
        expected_hash=record.event_hash,
    )
    mismatch = _first_index_mismatch(session, record.exception_id, log)
    if mismatch is not None and (found.first_broken_seq is None or mismatch < found.first_broken_seq):
        found = ChainCheck(False, found.events, mismatch)
    return replace(found, events=_count(session, record.exception_id)), log


def verify_catalogue_log(session: TenantSession) -> tuple[ChainCheck, list[Event]]:
    """Check the log of the tenant's catalogue up to the end that the tenant's row records; and the events."""
    end, log = catalogue_log.end(session), _readable_events(session, None)
    found = hash_chain.verify(log, session.tenant_id, None, expected_seq=end.seq, expected_hash=end.hash)
    return found, log


def lost_deliveries(session: TenantSession, exception_id: str, log: Iterable[Event]) -> list[str]:
    """Ids of messages that an exception's log requests, but of which there is neither a result nor a row."""
    requested: set[str] = set()
    done: set[str] = set()
    for event in log:
        outbox_id = event.payload.get("outbox_id") if isinstance(event.payload, dict) else None
        if isinstance(outbox_id, str):
            (done if event.event_type in RESULT_EVENTS else requested).add(outbox_id)
    if not requested - done:
        return []
    waiting = session.scalars(select(OutboxRow.outbox_id).where(OutboxRow.exception_id == exception_id))
    return sorted(requested - done - set(waiting))


def hashes_at(session: TenantSession, seqs: Mapping[str, int]) -> dict[str, str]:
    """By exception, the hash of its event with this ``seq``, for those that have it."""
    key = tuple_(ExceptionEventRow.exception_id, ExceptionEventRow.seq)
    query = select(ExceptionEventRow.exception_id, ExceptionEventRow.hash).where(key.in_(list(seqs.items())))
    return {row.exception_id: row.hash for row in session.execute(query)}


def last_seqs_before(session: TenantSession, exception_ids: Sequence[str], instant: datetime) -> dict[str, int]:
    """By exception, the ``seq`` of the last event that is dated before an instant, for those that have one."""
    row = ExceptionEventRow
    query = select(row.exception_id, func.max(row.seq).label("seq")).group_by(row.exception_id)
    dated = query.where(row.exception_id.in_(exception_ids), row.created_at < instant)
    return {row.exception_id: row.seq for row in session.execute(dated)}


def exceptions_before(session: TenantSession, instant: datetime, last_id: str, limit: int) -> list[str]:
    """The ids after ``last_id``, in order, of exceptions of which an event is dated before an instant."""
    row = ExceptionEventRow
    query = select(row.exception_id).where(row.created_at < instant, row.exception_id > last_id).distinct()
    return list(session.scalars(query.order_by(row.exception_id).limit(limit)))


def ids_without_row(session: TenantSession) -> list[str]:
    """Ids of exceptions that have events but no row."""
    row_of = select(ExceptionRow.exception_id).where(ExceptionRow.exception_id == ExceptionEventRow.exception_id)
    query = select(ExceptionEventRow.exception_id).where(~row_of.exists()).distinct()
    return sorted(session.scalars(query))


def _readable_events(session: TenantSession, exception_id: str | None) -> list[Event]:
    """The events up to the first that cannot be decoded."""
    try:
        return events.all_of(session, exception_id)
    except DECODE_ERRORS:
        pass
    log: list[Event] = []
    try:
        event = events.first(session, exception_id)
        while event is not None:
            log.append(event)
            event = next(iter(events.after(session, exception_id, event.seq, limit=1)), None)
    except DECODE_ERRORS:
        return log
    return log


def _first_index_mismatch(session: TenantSession, exception_id: str, log: list[Event]) -> int | None:
    """The position of the first event whose index columns, which no hash covers, differ from its payload."""
    columns = (ExceptionEventRow.seq, ExceptionEventRow.run, ExceptionEventRow.step_order)
    query = select(*columns).where(ExceptionEventRow.exception_id == exception_id)
    indexed = {seq: (run, step_order) for seq, run, step_order in session.execute(query)}
    return next((at for at, event in enumerate(log, 1) if not _matches_index(event, *indexed[event.seq])), None)


def _matches_index(event: Event, run: int | None, step_order: int | None) -> bool:
    payload = event.payload if isinstance(event.payload, dict) else {}
    expected_step = payload.get("step_order") if event.event_type in FINISHING_EVENTS else None
    expected_run = payload.get("run") or None
    may_be_null = event.event_type not in _INDEXED_BY_RUN
    return step_order == expected_step and (run == expected_run or (may_be_null and run is None))


def _count(session: TenantSession, exception_id: str) -> int:
    query = select(func.count(ExceptionEventRow.seq)).where(ExceptionEventRow.exception_id == exception_id)
    return session.scalar(query) or 0
