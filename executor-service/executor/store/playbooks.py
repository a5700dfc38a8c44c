"""Playbook versions in the database.

Every change increments the catalogue revision, and is an event of the catalogue's log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update

from executor.domain import hash_chain
from executor.domain.model import Actor, NewEvent, Playbook, Step
from executor.store import catalogue_log
from executor.store.cursor import decode, encode
from executor.store.readable_page import readable_page
from executor.store.tenants import WITHOUT_SYNCHRONIZATION, increment_revision
from sentinai.clock import format_time
from sentinai.conditions import normalise
from sentinai.conditions.lint.other_playbooks import Origin
from sentinai.database.corruption import DECODE_ERRORS, readable, reading, require_valid
from sentinai.database.playbook_origins import ORIGIN_COLUMNS, origin_of
from sentinai.database.tables import PlaybookRow, PlaybookStepRow
from sentinai.database.tenant_session import TenantSession
from sentinai.documents.strict_json import same
from sentinai.problems import InvalidDocument, NotFound
from sentinai.versions import newest

_BATCH_SIZE = 1000
_STEP_NAMES = tuple(field.name for field in fields(Step))
_STEP_COLUMNS = tuple(getattr(PlaybookStepRow, name) for name in _STEP_NAMES)
_PLAYBOOK_NAMES = tuple(field.name for field in fields(Playbook) if field.name not in ("steps", "superseded_by"))


def get_playbook(session: TenantSession, playbook_id: int) -> Playbook:
    """One playbook version with its steps.

    Raises:
        NotFound: the tenant has no playbook version with this id. CorruptData: it, or a step, cannot be read.
    """
    with reading(f"Playbook {playbook_id}"):
        found = _read(session, PlaybookRow.playbook_id == playbook_id)
    if not found:
        raise NotFound(f"Playbook {playbook_id} does not exist.")
    return found[0]


def get_playbooks(session: TenantSession, playbook_ids: Iterable[int]) -> dict[int, Playbook]:
    """Several playbook versions by id; those that do not exist or cannot be read are left out."""
    ids = sorted(set(playbook_ids))
    if not ids:
        return {}
    try:
        found = _read(session, PlaybookRow.playbook_id.in_(ids))
    except DECODE_ERRORS:
        existing = session.scalars(select(PlaybookRow.playbook_id).where(PlaybookRow.playbook_id.in_(ids)))
        found, _ = readable(existing.all(), partial(get_playbook, session))
    return {playbook.playbook_id: playbook for playbook in found}


def newest_version(session: TenantSession, name: str) -> Version | None:
    """The newest version of a playbook by name, active or retired."""
    query = select(*_VERSION).where(PlaybookRow.name == name).order_by(PlaybookRow.version.desc()).limit(1)
    row = session.execute(query).one_or_none()
    return None if row is None else Version(*row)


def newest_active(session: TenantSession, name: str) -> Playbook | None:
    """The version of a name that is in use, with its steps; None if there is none, or if it cannot be read."""
    found = newest_active_version(session, name)
    return None if found is None else get_playbooks(session, [found.playbook_id]).get(found.playbook_id)


def newest_active_version(session: TenantSession, name: str) -> Version | None:
    """The version of a name that is in use, without its content; None if there is none."""
    query = select(*_VERSION).where(PlaybookRow.name == name, PlaybookRow.status == "active")
    row = session.execute(query.order_by(PlaybookRow.version.desc()).limit(1)).one_or_none()
    return None if row is None else Version(*row)


def newest_versions(session: TenantSession) -> dict[str, int]:
    """The newest version number of each playbook name, active or retired."""
    query = select(PlaybookRow.name, func.max(PlaybookRow.version)).group_by(PlaybookRow.name)
    return {row[0]: row[1] for row in session.execute(query)}


def add_playbook(
    session: TenantSession, document: Mapping[str, Any], version: int, actor: Actor, now: datetime
) -> Playbook:
    """Store a validated ``playbook-publish`` document as a version of its name."""
    tenant_id = session.tenant_id
    before = newest_active_version(session, document["name"])
    origin = origin_of_next(session, document["name"], document["conditions"])
    values = {
        "tenant_id": tenant_id,
        "name": document["name"],
        "version": version,
        "description": document.get("description"),
        "conditions": document["conditions"],
        "on_completion": document.get("on_completion"),
        "status": "active",
        "created_at": now,
        "origin_id": origin and origin.playbook_id,
        "origin_created_at": origin and origin.created_at,
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
    added = get_playbook(session, playbook_id)
    _record_publication(session, added, before, actor, now)
    return added


def _record_publication(
    session: TenantSession, added: Playbook, before: Version | None, actor: Actor, now: datetime
) -> None:
    changed: list[str] | None = catalogue_log.changed_members(None, _content(added))
    if before is not None:
        replaced = get_playbooks(session, [before.playbook_id]).get(before.playbook_id)
        changed = catalogue_log.changed_members(_content(replaced), _content(added)) if replaced else None
    payload = {
        **_named(added),
        "previous_version": before and before.version,
        "changed": changed,
        "sha256": digests(session, [added.playbook_id])[added.playbook_id],
    }
    catalogue_log.append(session, NewEvent("PlaybookPublished", payload), actor, now)


def _named(playbook: Playbook) -> dict[str, Any]:
    return {
        "playbook_id": playbook.playbook_id,
        "playbook_name": playbook.name,
        "playbook_version": playbook.version,
    }


def _content(playbook: Playbook) -> dict[str, Any]:
    """What an author gives, by member; steps without their ids."""
    steps = [{name: getattr(step, name) for name in _STEP_NAMES if name != "step_id"} for step in playbook.steps]
    given = ("description", "conditions", "on_completion")
    return {**{name: getattr(playbook, name) for name in given}, "steps": steps}


def digests(session: TenantSession, playbook_ids: Sequence[int]) -> dict[int, str | None]:
    """By id, the digest of each version as it is stored, but for its status; None if it cannot be read.

    It covers what a version ranks by, too.
    """
    found: dict[int, str | None] = dict.fromkeys(playbook_ids)
    for start in range(0, len(playbook_ids), _BATCH_SIZE):
        batch = playbook_ids[start : start + _BATCH_SIZE]
        rules = rules_of(session, batch)
        for playbook_id, playbook in get_playbooks(session, batch).items():
            if playbook_id in rules:
                found[playbook_id] = _digest(playbook, rules[playbook_id].origin)
    return found


def _digest(playbook: Playbook, origin: Origin) -> str | None:
    try:
        return hash_chain.digest(
            {
                **_named(playbook),
                **_content(playbook),
                "created_at": format_time(playbook.created_at),
                "origin": [format_time(origin.created_at), origin.playbook_id],
            }
        )
    except ValueError:
        return None


def origin_of_next(session: TenantSession, name: str, conditions: Any) -> Origin | None:
    """The origin of a next version of a name with these conditions; None if that version would be its own origin.

    It is that of the version in use, if the conditions have the same normal form, which includes the priority:
    other steps or another text do not change how a playbook ranks. Retired versions do not count.
    """
    query = select(*ORIGIN_COLUMNS, PlaybookRow.conditions)
    query = query.where(PlaybookRow.name == name, PlaybookRow.status == "active")
    # What cannot be read has no conditions that a next version could keep.
    with suppress(InvalidDocument, *DECODE_ERRORS):
        row = session.execute(query.order_by(PlaybookRow.version.desc()).limit(1)).one_or_none()
        if row and same(normalise(row.conditions), normalise(conditions)):
            return origin_of(row)
    return None


def retire(session: TenantSession, playbook: Playbook, actor: Actor, now: datetime) -> None:
    """Exclude a version from matching. Exceptions on which it is in progress keep it."""
    session.execute(
        update(PlaybookRow).where(PlaybookRow.playbook_id == playbook.playbook_id).values(status="retired"),
        execution_options=WITHOUT_SYNCHRONIZATION,
    )
    increment_revision(session)
    catalogue_log.append(session, NewEvent("PlaybookRetired", _named(playbook)), actor, now)


def newest_active_playbooks(session: TenantSession) -> dict[str, Playbook]:
    """By name, the newest active version of each of the tenant's playbooks, with its steps.

    Raises:
        CorruptData: one of them cannot be read.
    """
    ids = {each.playbook_id for each in newest(active_versions(session)).values()}
    found = get_playbooks(session, ids)
    for missing in sorted(ids - found.keys()):
        found[missing] = get_playbook(session, missing)
    return {playbook.name: playbook for playbook in found.values()}


@dataclass(frozen=True, slots=True)
class Version:
    """A playbook version without its content."""

    playbook_id: int
    name: str
    version: int
    status: str


_VERSION = tuple(getattr(PlaybookRow, field.name) for field in fields(Version))


def versions(session: TenantSession) -> list[Version]:
    """Every version of the tenant's playbooks, active or retired."""
    return [Version(*row) for row in session.execute(select(*_VERSION))]


def active_versions(session: TenantSession) -> list[Version]:
    """Every active version of the tenant's playbooks."""
    return [Version(*row) for row in session.execute(select(*_VERSION).where(PlaybookRow.status == "active"))]


class StoredRule(NamedTuple):
    """When a playbook version matches, and since which version its playbook has these conditions."""

    conditions: Any
    origin: Origin


def rules_of(session: TenantSession, playbook_ids: Sequence[int]) -> dict[int, StoredRule]:
    """The rules of some versions, by playbook id; those that cannot be read are left out."""
    found: dict[int, StoredRule] = {}
    for start in range(0, len(playbook_ids), _BATCH_SIZE):
        batch = playbook_ids[start : start + _BATCH_SIZE]
        try:
            found.update(_rules(session, batch))
        except DECODE_ERRORS:
            for each in batch:
                with suppress(*DECODE_ERRORS):
                    found.update(_rules(session, [each]))
    return found


def _rules(session: TenantSession, playbook_ids: Sequence[int]) -> dict[int, StoredRule]:
    query = select(*ORIGIN_COLUMNS, PlaybookRow.conditions)
    rows = session.execute(query.where(PlaybookRow.playbook_id.in_(playbook_ids)))
    return {row.playbook_id: StoredRule(row.conditions, origin_of(row)) for row in rows}


def page(
    session: TenantSession, *, status: str | None, name: str | None, limit: int, cursor: str | None
) -> tuple[Sequence[Playbook], str | None, Sequence[int]]:
    """A page of playbook versions, newest first; the cursor of the next page; ids of those that cannot be read.

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
    try:
        found = _with_steps(session, session.scalars(query.limit(limit + 1)).all())
    except DECODE_ERRORS:
        read = partial(get_playbook, session)
        part = readable_page(session, query, PlaybookRow.playbook_id, PlaybookRow.created_at, limit, read)
        return part.items, encode("playbooks", *part.last) if part.last else None, part.unreadable
    shown = found[:limit]
    more = encode("playbooks", shown[-1].created_at, shown[-1].playbook_id) if len(found) > limit else None
    return shown, more, ()


def _read(session: TenantSession, condition: ColumnElement[bool]) -> list[Playbook]:
    return _with_steps(session, session.scalars(select(PlaybookRow).where(condition)).all())


def _with_steps(session: TenantSession, rows: Sequence[PlaybookRow]) -> list[Playbook]:
    steps = _steps(session, [row.playbook_id for row in rows])
    newest_active = _newest_active(session, {row.name for row in rows})
    return [_playbook(row, newest_active.get(row.name), steps.get(row.playbook_id, ())) for row in rows]


def _newest_active(session: TenantSession, names: Iterable[str]) -> dict[str, int]:
    """The newest active version of each of some names that has one."""
    query = (
        select(PlaybookRow.name, func.max(PlaybookRow.version))
        .where(PlaybookRow.status == "active", PlaybookRow.name.in_(names))
        .group_by(PlaybookRow.name)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _steps(session: TenantSession, playbook_ids: Sequence[int]) -> dict[int, tuple[Step, ...]]:
    query = (
        select(PlaybookStepRow.playbook_id, *_STEP_COLUMNS)
        .where(PlaybookStepRow.playbook_id.in_(playbook_ids))
        .order_by(PlaybookStepRow.playbook_id, PlaybookStepRow.step_order)
    )
    found: dict[int, list[Step]] = {}
    for playbook_id, *values in session.execute(query):
        step = Step(**dict(zip(_STEP_NAMES, values, strict=True)))
        require_valid(f"actions/{step.action_type}", step.params)
        found.setdefault(playbook_id, []).append(step)
    return {playbook_id: tuple(steps) for playbook_id, steps in found.items()}


def _playbook(row: PlaybookRow, newest_active: int | None, steps: tuple[Step, ...]) -> Playbook:
    values = {name: getattr(row, name) for name in _PLAYBOOK_NAMES}
    later = newest_active if newest_active is not None and newest_active > row.version else None
    return Playbook(**values, steps=steps, superseded_by=later)
