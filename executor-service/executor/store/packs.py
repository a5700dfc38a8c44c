"""Domain Packs and Policy Packs in the database.

A new version increments the catalogue revision, and is an event of the catalogue's log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, func, select, update

from executor.domain import hash_chain
from executor.domain.model import Actor, NewEvent, Packs
from executor.store import catalogue_log
from executor.store.tenants import WITHOUT_SYNCHRONIZATION, increment_revision
from sentinai.clock import format_time
from sentinai.database.corruption import reading, require_valid
from sentinai.database.engine import Database, across_tenants
from sentinai.database.tables import DomainPackRow, PolicyPackRow, TenantRow
from sentinai.database.tenant_session import ACROSS_TENANTS, TenantSession
from sentinai.problems import CorruptData

PackRow = TypeVar("PackRow", DomainPackRow, PolicyPackRow)
DomainPackVersion = tuple[str, int]
"""A domain and the version of its pack."""
MAX_REPLACED = 100
"""How many versions of a pack are looked at for what applied to an exception earlier."""

_UNKNOWN: Mapping[str, Any] = {"human_approval_rules": [{}]}


def packs(session: TenantSession, domain: str) -> Packs:
    """The newest Domain Pack of a domain and the tenant's newest Policy Pack; empty where there is none.

    Raises:
        CorruptData: one of them cannot be read.
    """
    domain_row = newest_domain_pack(session, domain)
    policy_row = newest_policy_pack(session)
    return Packs(
        domain=domain_row.pack if domain_row else {},
        policy=policy_row.pack if policy_row else {},
        domain_version=domain_row.version if domain_row else None,
        policy_version=policy_row.version if policy_row else None,
        since=max((row.created_at for row in (domain_row, policy_row) if row), default=None),
    )


def replaced_since(session: TenantSession, domain: str, since: datetime) -> list[tuple[Packs, datetime]]:
    """The packs that applied to a domain's exceptions at ``since`` or later and no longer do, each until when.

    Oldest first. Of each kind, ``MAX_REPLACED`` versions are read; earlier ones count as asking for a person.

    Raises:
        CorruptData: one of them cannot be read.
    """
    with reading("The packs"):
        of_domain = select(DomainPackRow).where(DomainPackRow.domain == domain)
        domains = _versions(session, of_domain, DomainPackRow, since)
        policies = _versions(session, select(PolicyPackRow), PolicyPackRow, since)
    published = [*(row.created_at for row in domains), *(row.created_at for row in policies)]
    changes = sorted(instant for instant in published if instant > since)
    starts = [since, *changes[:-1]]
    return [
        (Packs(domain=_at(domains, start, {}), policy=_at(policies, start, _UNKNOWN)), until)
        for start, until in zip(starts, changes, strict=True)
    ]


def _versions(session: TenantSession, query: Select[Any], kind: type[PackRow], since: datetime) -> list[PackRow]:
    """The version that applied at ``since``, and the later ones, oldest first."""
    rows: list[PackRow] = []
    for row in session.scalars(query.order_by(kind.version.desc()).limit(MAX_REPLACED)):
        rows.append(row)
        if row.created_at <= since:
            break
    return rows[::-1]


def _at(versions: Sequence[PackRow], instant: datetime, unknown: Mapping[str, Any]) -> Mapping[str, Any]:
    cut_off = len(versions) == MAX_REPLACED
    return next((row.pack for row in reversed(versions) if row.created_at <= instant), unknown if cut_off else {})


def newest_domain_pack(session: TenantSession, domain: str) -> DomainPackRow | None:
    """The newest version of a Domain Pack, which is the one that applies.

    Raises:
        CorruptData: it cannot be read.
    """
    query = select(DomainPackRow).where(DomainPackRow.domain == domain)
    with reading(f"The Domain Pack {domain!r}"):
        row = session.scalars(query.order_by(DomainPackRow.version.desc()).limit(1)).one_or_none()
        if row:
            require_valid("domain-pack", row.pack)
    return row


def newest_policy_pack(session: TenantSession) -> PolicyPackRow | None:
    """The newest version of the tenant's Policy Pack, which is the one that applies.

    Raises:
        CorruptData: it cannot be read.
    """
    with reading("The Policy Pack"):
        row = session.scalars(select(PolicyPackRow).order_by(PolicyPackRow.version.desc()).limit(1)).one_or_none()
        if row:
            require_valid("policy-pack", row.pack)
    return row


def add_domain_pack(
    session: TenantSession, domain: str, pack: Mapping[str, Any], actor: Actor, now: datetime
) -> DomainPackRow:
    """Store the next version of a Domain Pack. This changes the catalogue of every tenant.

    The event is one of the tenant whose call it was.
    """
    with across_tenants(session):
        session.execute(
            update(TenantRow).values(catalogue_revision=TenantRow.catalogue_revision + 1),
            execution_options={**WITHOUT_SYNCHRONIZATION, ACROSS_TENANTS: True},
        )
    newest = session.scalar(select(func.max(DomainPackRow.version)).where(DomainPackRow.domain == domain)) or 0
    row = DomainPackRow(domain=domain, version=newest + 1, pack=dict(pack), created_at=now)
    payload = {"domain": domain, **_change(newest, lambda: newest_domain_pack(session, domain), pack)}
    return _store(session, row, NewEvent("DomainPackChanged", payload), actor)


def add_policy_pack(session: TenantSession, pack: Mapping[str, Any], actor: Actor, now: datetime) -> PolicyPackRow:
    """Store the next version of the tenant's Policy Pack."""
    increment_revision(session)
    newest = session.scalar(select(func.max(PolicyPackRow.version))) or 0
    row = PolicyPackRow(tenant_id=session.tenant_id, version=newest + 1, pack=dict(pack), created_at=now)
    payload = _change(newest, lambda: newest_policy_pack(session), pack)
    return _store(session, row, NewEvent("PolicyPackChanged", payload), actor)


def _content(version: int, pack: Mapping[str, Any], created_at: datetime) -> dict[str, Any]:
    """All of a stored version that its event's digest covers."""
    return {"version": version, "pack": pack, "created_at": format_time(created_at)}


def policy_pack_digests(session: TenantSession) -> dict[int, str | None]:
    """The digests of all versions of the Policy Pack; None for one that cannot be read."""
    found = session.scalars(select(PolicyPackRow.version).order_by(PolicyPackRow.version)).all()
    return {version: _digest(session, PolicyPackRow, PolicyPackRow.version == version) for version in found}


def domain_pack_digests(database: Database) -> dict[DomainPackVersion, str | None]:
    """The digests of all versions of all Domain Packs; None for one that cannot be read."""
    rows = DomainPackRow
    with database.plain() as connection:
        found = connection.execute(select(rows.domain, rows.version).order_by(rows.domain, rows.version)).all()
        return {
            (domain, version): _digest(connection, rows, rows.domain == domain, rows.version == version)
            for domain, version in found
        }


def _digest(
    source: TenantSession | Connection, rows: type[DomainPackRow | PolicyPackRow], *which: ColumnElement[bool]
) -> str | None:
    query = select(rows.version, rows.pack, rows.created_at).where(*which)
    try:
        with reading("The pack"):
            return hash_chain.digest(_content(*source.execute(query).one()))
    except (CorruptData, ValueError):
        return None


def _change(
    newest: int, read: Callable[[], DomainPackRow | PolicyPackRow | None], pack: Mapping[str, Any]
) -> dict[str, Any]:
    """What an event says of a new version; ``changed`` is None if the version before cannot be read."""
    changed: list[str] | None = None
    with suppress(CorruptData):
        before = read()
        changed = catalogue_log.changed_members(before.pack if before else None, pack)
    return {"version": newest + 1, "previous_version": newest or None, "changed": changed}


def _store(session: TenantSession, row: PackRow, event: NewEvent, actor: Actor) -> PackRow:
    session.add(row)
    session.flush()
    payload = {**event.payload, "sha256": hash_chain.digest(_content(row.version, row.pack, row.created_at))}
    catalogue_log.append(session, replace(event, payload=payload), actor, row.created_at)
    return row
