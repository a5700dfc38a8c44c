"""Playbook versions in the database; every change raises the catalogue's revision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, insert, or_, select, update

from executor.domain.model import Playbook, Step
from executor.store.cursor import decode_row, encode
from executor.store.tenants import raise_revision
from sentinai.clock import format_time
from sentinai.database.tables import PlaybookRow, PlaybookStepRow
from sentinai.database.tenant_session import TenantSession
from sentinai.problems import NotFound

_IDS_AT_ONCE = 1000
_IN_PLACE = {"synchronize_session": False}
_STEP_COLUMNS = (
    PlaybookStepRow.playbook_id,
    PlaybookStepRow.step_id,
    PlaybookStepRow.step_order,
    PlaybookStepRow.name,
    PlaybookStepRow.action_type,
    PlaybookStepRow.params,
    PlaybookStepRow.requires_approval,
)


def get_playbook(session: TenantSession, playbook_id: int) -> Playbook:
    """One playbook version with its steps.

    Raises:
        NotFound: this tenant has none of that id.
    """
    row = session.scalars(select(PlaybookRow).where(PlaybookRow.playbook_id == playbook_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no playbook {playbook_id}.")
    return _playbook(row, _steps(session, [playbook_id]).get(playbook_id, ()))


def get_playbooks(session: TenantSession, playbook_ids: Iterable[int]) -> dict[int, Playbook]:
    """Several playbook versions by id."""
    wanted = sorted(set(playbook_ids))
    if not wanted:
        return {}
    rows = session.scalars(select(PlaybookRow).where(PlaybookRow.playbook_id.in_(wanted)))
    steps = _steps(session, wanted)
    return {row.playbook_id: _playbook(row, steps.get(row.playbook_id, ())) for row in rows}


def newest_version(session: TenantSession, name: str) -> Playbook | None:
    """The newest version of a name, active or retired, locked against a second publisher."""
    query = select(PlaybookRow).where(PlaybookRow.name == name).order_by(PlaybookRow.version.desc()).limit(1)
    row = session.scalars(query).one_or_none()
    return None if row is None else _playbook(row, _steps(session, [row.playbook_id])[row.playbook_id])


def newest_versions(session: TenantSession) -> dict[str, int]:
    """The number of the newest version of each name, active or retired."""
    query = select(PlaybookRow.name, func.max(PlaybookRow.version)).group_by(PlaybookRow.name)
    return {row[0]: row[1] for row in session.execute(query)}


def add_playbook(session: TenantSession, document: Mapping[str, Any], version: int, now: datetime) -> Playbook:
    """Store a new version: the checked ``playbook-publish`` document, under the next number."""
    tenant_id = session.tenant_id
    values = {
        "tenant_id": tenant_id,
        "name": document["name"],
        "version": version,
        "description": document.get("description"),
        "conditions": document["conditions"],
        "on_completion": document.get("on_completion"),
        "status": "active",
        "created_at": now,
    }
    playbook_id = session.scalars(insert(PlaybookRow).returning(PlaybookRow.playbook_id), [values]).one()
    steps = [
        {
            "tenant_id": tenant_id,
            "playbook_id": playbook_id,
            "step_order": order,
            "name": step["name"],
            "action_type": step["action_type"],
            "params": step.get("params", {}),
            "requires_approval": step.get("requires_approval", False),
            "created_at": now,
        }
        for order, step in enumerate(document["steps"], 1)
    ]
    session.execute(insert(PlaybookStepRow), steps)
    raise_revision(session)
    return get_playbook(session, playbook_id)


def retire(session: TenantSession, playbook_id: int) -> None:
    """Take a version out of matching; exceptions that are on it stay there."""
    session.execute(
        update(PlaybookRow).where(PlaybookRow.playbook_id == playbook_id).values(status="retired"),
        execution_options=_IN_PLACE,
    )
    raise_revision(session)


def active_playbooks(session: TenantSession) -> list[Playbook]:
    """Every active version of this tenant, for checks against its peers and for export."""
    rows = session.scalars(
        select(PlaybookRow).where(PlaybookRow.status == "active").order_by(PlaybookRow.playbook_id)
    ).all()
    steps = _steps(session, None)
    return [_playbook(row, steps.get(row.playbook_id, ())) for row in rows]


@dataclass(frozen=True, slots=True)
class Version:
    """A playbook version without what it says."""

    playbook_id: int
    name: str
    version: int
    status: str
    created_at: datetime


_VERSION = tuple(getattr(PlaybookRow, field.name) for field in fields(Version))


def versions(session: TenantSession) -> list[Version]:
    """Every version of every playbook of this tenant, retired ones too."""
    return [Version(*row) for row in session.execute(select(*_VERSION))]


def active_versions(session: TenantSession) -> list[Version]:
    """Every active version of this tenant."""
    return [Version(*row) for row in session.execute(select(*_VERSION).where(PlaybookRow.status == "active"))]


def conditions_of(session: TenantSession, playbook_ids: Sequence[int]) -> dict[int, Any]:
    """The conditions documents of some versions, by id."""
    query = select(PlaybookRow.playbook_id, PlaybookRow.conditions)
    found: dict[int, Any] = {}
    for start in range(0, len(playbook_ids), _IDS_AT_ONCE):
        some = playbook_ids[start : start + _IDS_AT_ONCE]
        found |= {row[0]: row[1] for row in session.execute(query.where(PlaybookRow.playbook_id.in_(some)))}
    return found


def page(
    session: TenantSession, *, status: str | None, name: str | None, limit: int, cursor: str | None
) -> tuple[list[Playbook], str | None]:
    """A page of playbook versions, newest first, and the cursor of the next.

    Raises:
        InvalidCursor: the cursor is not one of ours.
    """
    query = select(PlaybookRow).order_by(PlaybookRow.created_at.desc(), PlaybookRow.playbook_id.desc())
    if status:
        query = query.where(PlaybookRow.status == status)
    if name:
        query = query.where(PlaybookRow.name == name)
    if cursor:
        created, last = decode_row(cursor, "playbooks")
        tie = and_(PlaybookRow.created_at == created, PlaybookRow.playbook_id < last)
        query = query.where(or_(PlaybookRow.created_at < created, tie))
    rows = session.scalars(query.limit(limit + 1)).all()
    found = rows[:limit]
    steps = _steps(session, [row.playbook_id for row in found])
    playbooks = [_playbook(row, steps.get(row.playbook_id, ())) for row in found]
    return playbooks, _cursor_after(playbooks[-1]) if len(rows) > limit else None


def _steps(session: TenantSession, playbook_ids: Sequence[int] | None) -> dict[int, tuple[Step, ...]]:
    query = select(*_STEP_COLUMNS).order_by(PlaybookStepRow.playbook_id, PlaybookStepRow.step_order)
    if playbook_ids is not None:
        query = query.where(PlaybookStepRow.playbook_id.in_(playbook_ids))
    found: dict[int, list[Step]] = {}
    for playbook_id, step_id, step_order, name, action_type, params, requires_approval in session.execute(query):
        step = Step(
            step_id=step_id,
            step_order=step_order,
            name=name,
            action_type=action_type,
            params=params,
            requires_approval=requires_approval,
        )
        found.setdefault(playbook_id, []).append(step)
    return {playbook_id: tuple(steps) for playbook_id, steps in found.items()}


def _playbook(row: PlaybookRow, steps: tuple[Step, ...]) -> Playbook:
    return Playbook(
        playbook_id=row.playbook_id,
        name=row.name,
        version=row.version,
        description=row.description,
        conditions=row.conditions,
        on_completion=row.on_completion,
        status=row.status,
        created_at=row.created_at,
        steps=steps,
    )


def _cursor_after(playbook: Playbook) -> str:
    return encode("playbooks", format_time(playbook.created_at), str(playbook.playbook_id))
