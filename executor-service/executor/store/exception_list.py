"""Lists of exceptions: filters, sort orders, pages, and the counts above the queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, or_, select

from executor.domain.model import FINISHING_EVENTS, ExceptionRecord
from executor.store.cursor import decode, encode
from executor.store.exceptions import COLUMNS, get
from executor.store.readable_page import readable_page
from executor.store.tables import ExceptionEventRow, ExceptionRow
from sentinai.clock import parse_time
from sentinai.database.corruption import DECODE_ERRORS
from sentinai.database.tenant_session import TenantSession

AT_RISK = timedelta(hours=1)
"""An exception is at risk when its deadline is closer than this."""

_NO_DEADLINE = parse_time("9999-12-30T00:00:00Z")
_RESOLVED = parse_time("9999-12-31T00:00:00Z")
"""Sort keys that put exceptions without a deadline last but one, and resolved exceptions last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The filters and the sort order of a list. None, or an empty list, does not filter.

    ``sla`` is ``breached`` or ``at_risk``. ``sort`` is ``created_at`` (newest first) or ``sla`` (most urgent).
    """

    status: Sequence[str] = ()
    severity: Sequence[str] = ()
    domain: str | None = None
    exception_type: str | None = None
    owner: str | None = None
    playbook_id: int | None = None
    sla: str | None = None
    sort: str = "created_at"


FILTER_NAMES = tuple(field.name for field in fields(Filters))


@dataclass(frozen=True, slots=True)
class ExceptionPage:
    """Exceptions in order, the cursor of the next page, and ids of those left out because they cannot be read."""

    records: Sequence[ExceptionRecord]
    next_cursor: str | None
    unreadable: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Numbers of unresolved exceptions."""

    unresolved: int
    critical: int
    breached: int
    at_risk: int


def count_queue(session: TenantSession, now: datetime) -> QueueCounts:
    """Count the tenant's unresolved exceptions."""
    counts = (
        func.count(ExceptionRow.exception_id),
        func.count(case((ExceptionRow.severity == "critical", 1))),
        func.count(case((_in_sla_state("breached", now), 1))),
        func.count(case((_in_sla_state("at_risk", now), 1))),
    )
    row = session.execute(select(*counts).where(ExceptionRow.status != "resolved")).one()
    return QueueCounts(*row)


def page(
    session: TenantSession, filters: Filters, *, limit: int, cursor: str | None, now: datetime
) -> ExceptionPage:
    """A page of exceptions.

    Raises:
        InvalidCursor: it is malformed, or belongs to another sort order.
    """
    query = _filtered(select(*COLUMNS), filters, now)
    query = _most_urgent_first(query, cursor) if filters.sort == "sla" else _newest_first(query, cursor)
    try:
        records = [ExceptionRecord(*row) for row in session.execute(query.limit(limit + 1))]
    except DECODE_ERRORS:
        return _readable_page(session, query, filters.sort, limit)
    shown = records[:limit]
    return ExceptionPage(shown, _cursor_after(shown[-1], filters.sort) if len(records) > limit else None)


def _readable_page(session: TenantSession, query: Select[Any], sort: str, limit: int) -> ExceptionPage:
    """The page without the exceptions that cannot be read."""
    instant = _urgency() if sort == "sla" else ExceptionRow.created_at
    found = readable_page(session, query, ExceptionRow.exception_id, instant, limit, partial(get, session))
    return ExceptionPage(found.items, encode(sort, *found.last) if found.last else None, found.unreadable)


def count_finished_steps(session: TenantSession, records: Sequence[ExceptionRecord]) -> dict[str, int]:
    """By exception id, the number of steps completed or skipped in the current run."""
    runs = {record.exception_id: record.playbook_run for record in records if record.current_playbook_id}
    if not runs:
        return {}
    query = (
        select(ExceptionEventRow.exception_id, func.count(ExceptionEventRow.seq))
        .join(
            ExceptionRow,
            and_(
                ExceptionRow.tenant_id == ExceptionEventRow.tenant_id,
                ExceptionRow.exception_id == ExceptionEventRow.exception_id,
                ExceptionRow.playbook_run == ExceptionEventRow.run,
            ),
        )
        .where(
            ExceptionEventRow.exception_id.in_(runs),
            ExceptionEventRow.event_type.in_(FINISHING_EVENTS),
        )
        .group_by(ExceptionEventRow.exception_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _filtered(query: Select[Any], filters: Filters, now: datetime) -> Select[Any]:
    equal: dict[Any, Any] = {
        ExceptionRow.owner_id: filters.owner,
        ExceptionRow.current_playbook_id: filters.playbook_id,
    }
    query = query.where(*(column == value for column, value in equal.items() if value is not None))
    names = {ExceptionRow.domain: filters.domain, ExceptionRow.exception_type: filters.exception_type}
    # SQLite ignores the case of ASCII letters only, so the exact spelling counts too.
    query = query.where(
        *(or_(column == name, func.lower(column) == name.lower()) for column, name in names.items() if name)
    )
    if filters.status:
        query = query.where(ExceptionRow.status.in_(filters.status))
    if filters.severity:
        query = query.where(ExceptionRow.severity.in_(filters.severity))
    return query.where(_in_sla_state(filters.sla, now)) if filters.sla else query


def _in_sla_state(state: str, now: datetime) -> ColumnElement[bool]:
    unresolved = ExceptionRow.status != "resolved"
    if state == "breached":
        return and_(unresolved, ExceptionRow.sla_deadline < now)
    return and_(unresolved, ExceptionRow.sla_deadline >= now, ExceptionRow.sla_deadline < now + AT_RISK)


def _newest_first(query: Select[Any], cursor: str | None) -> Select[Any]:
    if cursor:
        created, last_id = decode(cursor, "created_at", datetime, str)
        query = query.where(_after(ExceptionRow.created_at, created, last_id, descending=True))
    return query.order_by(ExceptionRow.created_at.desc(), ExceptionRow.exception_id.desc())


def _most_urgent_first(query: Select[Any], cursor: str | None) -> Select[Any]:
    deadline = _urgency()
    if cursor:
        instant, last_id = decode(cursor, "sla", datetime, str)
        query = query.where(_after(deadline, instant, last_id, descending=False))
    return query.order_by(deadline, ExceptionRow.exception_id)


def _urgency() -> ColumnElement[Any]:
    """The deadline of an exception, or what stands in for it in the order."""
    time = ExceptionRow.sla_deadline.type
    return case(
        (ExceptionRow.status == "resolved", literal(_RESOLVED, time)),
        else_=func.coalesce(ExceptionRow.sla_deadline, literal(_NO_DEADLINE, time), type_=time),
    )


def _after(column: Any, instant: datetime, last_id: str, *, descending: bool) -> ColumnElement[bool]:
    beyond = column < instant if descending else column > instant
    tie = ExceptionRow.exception_id < last_id if descending else ExceptionRow.exception_id > last_id
    return or_(beyond, and_(column == instant, tie))


def _cursor_after(record: ExceptionRecord, sort: str) -> str:
    if sort == "created_at":
        instant = record.created_at
    else:
        instant = _RESOLVED if record.status == "resolved" else record.sla_deadline or _NO_DEADLINE
    return encode(sort, instant, record.exception_id)
