"""Domain Packs and Policy Packs in the database. A new version increments the catalogue revision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from executor.domain.model import Packs
from executor.store.tenants import WITHOUT_SYNCHRONIZATION, increment_revision
from sentinai.database.engine import leave_tenant
from sentinai.database.tables import DomainPackRow, PolicyPackRow, TenantRow
from sentinai.database.tenant_session import ACROSS_TENANTS, TenantSession


def packs(session: TenantSession, domain: str) -> Packs:
    """The newest Domain Pack of a domain and the tenant's newest Policy Pack; empty where there is none."""
    domain_row = newest_domain_pack(session, domain)
    policy_row = newest_policy_pack(session)
    return Packs(
        domain=domain_row.pack if domain_row else {},
        policy=policy_row.pack if policy_row else {},
        domain_version=domain_row.version if domain_row else None,
        policy_version=policy_row.version if policy_row else None,
    )


def newest_domain_pack(session: TenantSession, domain: str) -> DomainPackRow | None:
    """The newest version of a Domain Pack, which is the one that applies."""
    query = select(DomainPackRow).where(DomainPackRow.domain == domain)
    return session.scalars(query.order_by(DomainPackRow.version.desc()).limit(1)).one_or_none()


def newest_policy_pack(session: TenantSession) -> PolicyPackRow | None:
    """The newest version of the tenant's Policy Pack, which is the one that applies."""
    return session.scalars(select(PolicyPackRow).order_by(PolicyPackRow.version.desc()).limit(1)).one_or_none()


def add_domain_pack(session: TenantSession, domain: str, pack: Mapping[str, Any], now: datetime) -> DomainPackRow:
    """Store the next version of a Domain Pack. This changes the catalogue of every tenant."""
    leave_tenant(session)
    session.execute(
        update(TenantRow).values(catalogue_revision=TenantRow.catalogue_revision + 1),
        execution_options={**WITHOUT_SYNCHRONIZATION, ACROSS_TENANTS: True},
    )
    newest = newest_domain_pack(session, domain)
    version = newest.version + 1 if newest else 1
    row = DomainPackRow(domain=domain, version=version, pack=dict(pack), created_at=now)
    session.add(row)
    session.flush()
    return row


def add_policy_pack(session: TenantSession, pack: Mapping[str, Any], now: datetime) -> PolicyPackRow:
    """Store the next version of the tenant's Policy Pack."""
    increment_revision(session)
    newest = newest_policy_pack(session)
    version = newest.version + 1 if newest else 1
    row = PolicyPackRow(tenant_id=session.tenant_id, version=version, pack=dict(pack), created_at=now)
    session.add(row)
    session.flush()
    return row
