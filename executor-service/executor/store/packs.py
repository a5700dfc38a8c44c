"""Domain Packs and Policy Packs in the database. A new version increments the catalogue revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, func, select, update

from executor.domain.model import Packs
from executor.store.tenants import WITHOUT_SYNCHRONIZATION, increment_revision
from sentinai.database.corruption import reading, require_valid
from sentinai.database.engine import leave_tenant
from sentinai.database.tables import DomainPackRow, PolicyPackRow, TenantRow
from sentinai.database.tenant_session import ACROSS_TENANTS, TenantSession

PackRow = TypeVar("PackRow", DomainPackRow, PolicyPackRow)
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


def add_domain_pack(session: TenantSession, domain: str, pack: Mapping[str, Any], now: datetime) -> DomainPackRow:
    """Store the next version of a Domain Pack. This changes the catalogue of every tenant."""
    leave_tenant(session)
    session.execute(
        update(TenantRow).values(catalogue_revision=TenantRow.catalogue_revision + 1),
        execution_options={**WITHOUT_SYNCHRONIZATION, ACROSS_TENANTS: True},
    )
    newest = session.scalar(select(func.max(DomainPackRow.version)).where(DomainPackRow.domain == domain))
    row = DomainPackRow(domain=domain, version=(newest or 0) + 1, pack=dict(pack), created_at=now)
    session.add(row)
    session.flush()
    return row


def add_policy_pack(session: TenantSession, pack: Mapping[str, Any], now: datetime) -> PolicyPackRow:
    """Store the next version of the tenant's Policy Pack."""
    increment_revision(session)
    newest = session.scalar(select(func.max(PolicyPackRow.version))) or 0
    row = PolicyPackRow(tenant_id=session.tenant_id, version=newest + 1, pack=dict(pack), created_at=now)
    session.add(row)
    session.flush()
    return row
