"""Domain Packs and Policy Packs in the database. A new version increments the catalogue revision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from executor.domain.model import Packs
from executor.store.tenants import WITHOUT_SYNCHRONIZATION, increment_revision
from sentinai.database.corruption import reading, require_valid
from sentinai.database.engine import leave_tenant
from sentinai.database.tables import DomainPackRow, PolicyPackRow, TenantRow
from sentinai.database.tenant_session import ACROSS_TENANTS, TenantSession


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
    )


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
