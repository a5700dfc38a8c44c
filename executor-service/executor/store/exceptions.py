"""Exceptions in the database: one by id, pages of them, and those whose recommendation is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, func, insert, literal, or_, select, update

from executor.domain.model import FINISHING_EVENTS, ExceptionRecord
from executor.store.cursor import decode, encode
from executor.store.tables import ExceptionEventRow, ExceptionRow
from sentinai.clock import format_time, parse_time
from sentinai.database.tenant_session import TenantSession
from sentinai.database.tenant_statement import TenantStatement
from sentinai.problems import NotFound

AT_RISK = timedelta(hours=1)
"""An exception is at risk when its deadline is closer than this."""

_FAR_FUTURE = parse_time("9999-12-30T00:00:00Z")
_NEVER = parse_time("9999-12-31T00:00:00Z")
"""Where those without a deadline, and those that are resolved, stand in the order of urgency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a list is narrowed to; None is no filter. ``sla`` is ``breached`` or ``at_risk``."""

    status: Sequence[str] = ()
    severity: Sequence[str] = ()
    domain: str | None = None
    exception_type: str | None = None
    owner: str | None = None
    playbook_id: int | None = None
    sla: str | None = None
    sort: str = "created_at"


FILTER_NAMES = tuple(field.name for field in fields(Filters))
_FIELDS = tuple(field.name for field in fields(ExceptionRecord))
_in_order = attrgetter(*_FIELDS)
_SELECT = select(*(getattr(ExceptionRow, name) for name in _FIELDS)).where(
    ExceptionRow.exception_id == bindparam("exception_id")
)
_GET, _LOCK = TenantStatement(_SELECT), TenantStatement(_SELECT.with_for_update())


def get(session: TenantSession, exception_id: str, *, lock: bool = False) -> ExceptionRecord:
    """One exception; its row locked until the transaction ends, if asked (SQLite holds its one lock anyway).

    Raises:
        NotFound: this tenant has none of that id.
    """
    found = (_LOCK if lock else _GET).rows(session, {"exception_id": exception_id})
    if not found:
        raise NotFound(f"There is no exception {exception_id!r}.")
    return ExceptionRecord(*found[0])


def add(session: TenantSession, record: ExceptionRecord) -> None:
    """Store a new exception.

    Raises:
        IntegrityError: one of that id exists.
    """
    session.execute(insert(ExceptionRow), [_values(record)])


def save(session: TenantSession, before: ExceptionRecord, record: ExceptionRecord) -> None:
    """Store what has changed of an exception."""
    both = zip(_FIELDS, _in_order(before), _in_order(record), strict=True)
    changed = {name: new for name, old, new in both if new is not old}
    if changed:
        _update_of(tuple(changed)).change(session, {**changed, "stored_id": record.exception_id})


@lru_cache(maxsize=256)
def _update_of(names: tuple[str, ...]) -> TenantStatement:
    """The statement that changes some fields; few combinations of them occur."""
    changes: dict[str, Any] = {name: bindparam(name) for name in names}
    return TenantStatement(
        update(ExceptionRow).where(ExceptionRow.exception_id == bindparam("stored_id")).values(changes)
    )


def due(session: TenantSession, now: datetime, limit: int) -> list[str]:
    """Ids of exceptions whose recommendation may no longer hold, longest due first."""
    query = (
        select(ExceptionRow.exception_id)
        .where(ExceptionRow.valid_until <= now)
        .order_by(ExceptionRow.valid_until, ExceptionRow.exception_id)
        .limit(limit)
    )
    return list(session.scalars(query))


def count_due(session: TenantSession, now: datetime) -> int:
    """How many exceptions wait for a new recommendation."""
    query = select(func.count(ExceptionRow.exception_id)).where(ExceptionRow.valid_until <= now)
    return session.scalar(query) or 0


def count(session: TenantSession) -> int:
    """How many exceptions the tenant has."""
    return session.scalar(select(func.count(ExceptionRow.exception_id))) or 0


@dataclass(frozen=True, slots=True)
class Tally:
    """How many exceptions wait, at a glance."""

    unresolved: int
    critical: int
    breached: int
    at_risk: int


def tally(session: TenantSession, now: datetime) -> Tally:
    """The figures above the queue, of what is not resolved."""
    counted = (
        func.count(ExceptionRow.exception_id),
        func.count(case((ExceptionRow.severity == "critical", 1))),
        func.count(case((_in_sla_state("breached", now), 1))),
        func.count(case((_in_sla_state("at_risk", now), 1))),
    )
    row = session.execute(select(*counted).where(ExceptionRow.status != "resolved")).one()
    return Tally(*row)


def ids_after(session: TenantSession, last: str, limit: int) -> list[str]:
    """The ids that follow ``last``, in order: for going through all of them in batches."""
    query = select(ExceptionRow.exception_id).where(ExceptionRow.exception_id > last)
    return list(session.scalars(query.order_by(ExceptionRow.exception_id).limit(limit)))


def end_of_log(session: TenantSession, exception_id: str) -> int:
    """The ``seq`` of the newest event of an exception.

    Raises:
        NotFound: this tenant has none of that id.
    """
    seq = session.scalar(select(ExceptionRow.event_seq).where(ExceptionRow.exception_id == exception_id))
    if seq is None:
        raise NotFound(f"There is no exception {exception_id!r}.")
    return seq


def page(
    session: TenantSession, filters: Filters, *, limit: int, cursor: str | None, now: datetime
) -> tuple[list[ExceptionRecord], str | None]:
    """A page of exceptions and the cursor of the next one, newest or most urgent first.

    Raises:
        InvalidCursor: the cursor is not one of ours, or of another sort order.
    """
    query = _filtered(select(ExceptionRow), filters, now)
    query = _from_urgent(query, cursor) if filters.sort == "sla" else _from_newest(query, cursor)
    rows = session.scalars(query.limit(limit + 1)).all()
    records = [_record(row) for row in rows[:limit]]
    return records, _cursor_after(records[-1], filters.sort) if len(rows) > limit else None


def finished_steps(session: TenantSession, records: Sequence[ExceptionRecord]) -> dict[str, int]:
    """How many steps of its current run each of the exceptions has done or skipped."""
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


def _record(row: ExceptionRow) -> ExceptionRecord:
    return ExceptionRecord(**{name: getattr(row, name) for name in _FIELDS})


def _values(record: ExceptionRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in _FIELDS}


def _filtered(query: Select[Any], filters: Filters, now: datetime) -> Select[Any]:
    equal: dict[Any, Any] = {
        ExceptionRow.domain: filters.domain,
        ExceptionRow.exception_type: filters.exception_type,
        ExceptionRow.owner_id: filters.owner,
        ExceptionRow.current_playbook_id: filters.playbook_id,
    }
    query = query.where(*(column == value for column, value in equal.items() if value is not None))
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


def _from_newest(query: Select[Any], cursor: str | None) -> Select[Any]:
    if cursor:
        created, last = decode(cursor, "created_at")
        query = query.where(_after(ExceptionRow.created_at, created, last, descending=True))
    return query.order_by(ExceptionRow.created_at.desc(), ExceptionRow.exception_id.desc())


def _from_urgent(query: Select[Any], cursor: str | None) -> Select[Any]:
    time = ExceptionRow.sla_deadline.type
    deadline = case(
        (ExceptionRow.status == "resolved", literal(_NEVER, time)),
        else_=func.coalesce(ExceptionRow.sla_deadline, literal(_FAR_FUTURE, time), type_=time),
    )
    if cursor:
        instant, last = decode(cursor, "sla")
        query = query.where(_after(deadline, instant, last, descending=False))
    return query.order_by(deadline, ExceptionRow.exception_id)


def _after(column: Any, instant: datetime, last: str, *, descending: bool) -> ColumnElement[bool]:
    beyond = column < instant if descending else column > instant
    tie = ExceptionRow.exception_id < last if descending else ExceptionRow.exception_id > last
    return or_(beyond, and_(column == instant, tie))


def _cursor_after(record: ExceptionRecord, sort: str) -> str:
    if sort == "created_at":
        instant = record.created_at
    else:
        instant = _NEVER if record.status == "resolved" else record.sla_deadline or _FAR_FUTURE
    return encode(sort, format_time(instant), record.exception_id)
