"""The proof of one exception's log, as it lies in the database: whatever was done to it there by hand is found."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import func, select

from executor.domain import hash_chain
from executor.domain.hash_chain import ChainCheck
from executor.domain.model import FINISHING_EVENTS, PROGRESS_EVENTS, Event, ExceptionRecord
from executor.store import events
from executor.store.tables import ExceptionEventRow, ExceptionRow
from sentinai.database.tenant_session import TenantSession

UNREADABLE = (ValueError, TypeError)
"""What a value raises that is none of its column's; SQLite lets anything be written into any column."""


def prove(session: TenantSession, record: ExceptionRecord) -> tuple[ChainCheck, list[Event]]:
    """Check an exception's log up to the end that its row remembers; and the events that can be read."""
    log = _as_far_as_readable(session, record.exception_id)
    found = hash_chain.verify(
        log,
        record.tenant_id,
        record.exception_id,
        expected_seq=record.event_seq,
        expected_hash=record.event_hash,
    )
    misfiled = _first_misfiled(session, record.exception_id, log)
    if misfiled is not None and (found.first_broken_seq is None or misfiled < found.first_broken_seq):
        found = ChainCheck(False, found.events, misfiled)
    return replace(found, events=_count(session, record.exception_id)), log


def orphans(session: TenantSession) -> list[str]:
    """The exceptions of which there are events and no row."""
    row_of = select(ExceptionRow.exception_id).where(ExceptionRow.exception_id == ExceptionEventRow.exception_id)
    query = select(ExceptionEventRow.exception_id).where(~row_of.exists()).distinct()
    return sorted(session.scalars(query))


def _as_far_as_readable(session: TenantSession, exception_id: str) -> list[Event]:
    try:
        return events.whole(session, exception_id)
    except UNREADABLE:
        pass
    log: list[Event] = []
    try:
        next_one = events.first(session, exception_id)
        while next_one is not None:
            log.append(next_one)
            next_one = next(iter(events.after(session, exception_id, next_one.seq, limit=1)), None)
    except UNREADABLE:
        return log
    return log


def _first_misfiled(session: TenantSession, exception_id: str, log: list[Event]) -> int | None:
    """Where the first event stands whose columns for looking it up, which no hash covers, are not what it says."""
    place = (ExceptionEventRow.seq, ExceptionEventRow.run, ExceptionEventRow.step_order)
    query = select(*place).where(ExceptionEventRow.exception_id == exception_id)
    filed = {row[0]: (row[1], row[2]) for row in session.execute(query)}
    misfiled = (at for at, event in enumerate(log, 1) if not _is_filed_right(event, *filed[event.seq]))
    return next(misfiled, None)


def _is_filed_right(event: Event, run: int | None, step_order: int | None) -> bool:
    payload = event.payload if isinstance(event.payload, dict) else {}
    of_step = payload.get("step_order") if event.event_type in FINISHING_EVENTS else None
    of_run = payload.get("run") or None
    may_be_unfiled = event.event_type not in _BY_RUN
    return step_order == of_step and (run == of_run or (may_be_unfiled and run is None))


_BY_RUN = (*PROGRESS_EVENTS, "PlaybookRecalculated", "ResolutionSuggested", "FeedbackCaptured")
"""The events that are filed under the run they tell of; others may tell of it in passing."""


def _count(session: TenantSession, exception_id: str) -> int:
    query = select(func.count(ExceptionEventRow.seq)).where(ExceptionEventRow.exception_id == exception_id)
    return session.scalar(query) or 0
