"""Playbook versions in the database. Every change increments the catalogue revision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, insert, or_, select, update

from executor.domain.model import Playbook, Step
from executor.store.cursor import decode, encode
from executor.store.tenants import WITHOUT_SYNCHRONIZATION, increment_revision
from sentinai.database.tables import PlaybookRow, PlaybookStepRow
from sentinai.database.tenant_session import TenantSession
from sentinai.problems import NotFound

_BATCH_SIZE = 1000
_STEP_NAMES = tuple(field.name for field in fields(Step))
_STEP_COLUMNS = tuple(getattr(PlaybookStepRow, name) for name in _STEP_NAMES)
_PLAYBOOK_NAMES = tuple(field.name for field in fields(Playbook) if field.name != "steps")


def get_playbook(session: TenantSession, playbook_id: int) -> Playbook:
    """One playbook version with its steps.

    Raises:
        NotFound: the tenant has no playbook version with this id.
    """
    row = session.scalars(select(PlaybookRow).where(PlaybookRow.playbook_id == playbook_id)).one_or_none()
    if row is None:
        raise NotFound(f"Playbook {playbook_id} does not exist.")
    return _playbook(row, _steps(session, [playbook_id]).get(playbook_id, ()))


def get_playbooks(session: TenantSession, playbook_ids: Iterable[int]) -> dict[int, Playbook]:
    """Several playbook versions by id; ids that do not exist are left out."""
    ids = sorted(set(playbook_ids))
    if not ids:
        return {}
    rows = session.scalars(select(PlaybookRow).where(PlaybookRow.playbook_id.in_(ids)))
    steps = _steps(session, ids)
    return {row.playbook_id: _playbook(row, steps.get(row.playbook_id, ())) for row in rows}


def newest_version(session: TenantSession, name: str) -> Playbook | None:
    """The newest version of a playbook by name, active or retired."""
    query = select(PlaybookRow).where(PlaybookRow.name == name).order_by(PlaybookRow.version.desc()).limit(1)
    row = session.scalars(query).one_or_none()
    return None if row is None else _playbook(row, _steps(session, [row.playbook_id])[row.playbook_id])


def newest_versions(session: TenantSession) -> dict[str, int]:
    """The newest version number of each playbook name, active or retired."""
    query = select(PlaybookRow.name, func.max(PlaybookRow.version)).group_by(PlaybookRow.name)
    return {row[0]: row[1] for row in session.execute(query)}


def add_playbook(session: TenantSession, document: Mapping[str, Any], version: int, now: datetime) -> Playbook:
    """Store a validated ``playbook-publish`` document as a version of its name."""
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
    increment_revision(session)
    return get_playbook(session, playbook_id)


def retire(session: TenantSession, playbook_id: int) -> None:
    """Exclude a version from matching. Exceptions that use it keep it."""
    session.execute(
        update(PlaybookRow).where(PlaybookRow.playbook_id == playbook_id).values(status="retired"),
        execution_options=WITHOUT_SYNCHRONIZATION,
    )
    increment_revision(session)


def active_playbooks(session: TenantSession) -> list[Playbook]:
    """Every active version of the tenant's playbooks, with its steps."""
    rows = session.scalars(
        select(PlaybookRow).where(PlaybookRow.status == "active").order_by(PlaybookRow.playbook_id)
    ).all()
    steps = _steps(session, None)
    return [_playbook(row, steps.get(row.playbook_id, ())) for row in rows]


@dataclass(frozen=True, slots=True)
class Version:
    """A playbook version without its content."""

    playbook_id: int
    name: str
    version: int
    status: str
    created_at: datetime


_VERSION = tuple(getattr(PlaybookRow, field.name) for field in fields(Version))


def versions(session: TenantSession) -> list[Version]:
    """Every version of the tenant's playbooks, active or retired."""
    return [Version(*row) for row in session.execute(select(*_VERSION))]


def active_versions(session: TenantSession) -> list[Version]:
    """Every active version of the tenant's playbooks."""
    return [Version(*row) for row in session.execute(select(*_VERSION).where(PlaybookRow.status == "active"))]


def conditions_of(session: TenantSession, playbook_ids: Sequence[int]) -> dict[int, Any]:
    """The conditions documents of some versions, by playbook id."""
    query = select(PlaybookRow.playbook_id, PlaybookRow.conditions)
    found: dict[int, Any] = {}
    for start in range(0, len(playbook_ids), _BATCH_SIZE):
        batch = playbook_ids[start : start + _BATCH_SIZE]
        found.update((row[0], row[1]) for row in session.execute(query.where(PlaybookRow.playbook_id.in_(batch))))
    return found


def page(
    session: TenantSession, *, status: str | None, name: str | None, limit: int, cursor: str | None
) -> tuple[list[Playbook], str | None]:
    """A page of playbook versions, newest first, and the cursor of the next page.

    Raises:
        InvalidCursor: it is malformed, or belongs to another list.
    """
    query = select(PlaybookRow).order_by(PlaybookRow.created_at.desc(), PlaybookRow.playbook_id.desc())
    if status:
        query = query.where(PlaybookRow.status == status)
    if name:
        query = query.where(PlaybookRow.name == name)
    if cursor:
        created, last = decode(cursor, "playbooks", datetime, int)
        tie = and_(PlaybookRow.created_at == created, PlaybookRow.playbook_id < last)
        query = query.where(or_(PlaybookRow.created_at < created, tie))
    rows = session.scalars(query.limit(limit + 1)).all()
    found = rows[:limit]
    steps = _steps(session, [row.playbook_id for row in found])
    playbooks = [_playbook(row, steps.get(row.playbook_id, ())) for row in found]
    if len(rows) <= limit:
        return playbooks, None
    return playbooks, encode("playbooks", playbooks[-1].created_at, playbooks[-1].playbook_id)


def _steps(session: TenantSession, playbook_ids: Sequence[int] | None) -> dict[int, tuple[Step, ...]]:
    query = select(PlaybookStepRow.playbook_id, *_STEP_COLUMNS).order_by(
        PlaybookStepRow.playbook_id, PlaybookStepRow.step_order
    )
    if playbook_ids is not None:
        query = query.where(PlaybookStepRow.playbook_id.in_(playbook_ids))
    found: dict[int, list[Step]] = {}
    for playbook_id, *values in session.execute(query):
        found.setdefault(playbook_id, []).append(Step(**dict(zip(_STEP_NAMES, values, strict=True))))
    return {playbook_id: tuple(steps) for playbook_id, steps in found.items()}


def _playbook(row: PlaybookRow, steps: tuple[Step, ...]) -> Playbook:
    return Playbook(**{name: getattr(row, name) for name in _PLAYBOOK_NAMES}, steps=steps)
