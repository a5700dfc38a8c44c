"""Domain Packs and Policy Packs in the database; every new version raises the catalogue's revision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from executor.domain.model import Packs
from executor.store.tenants import raise_revision
from sentinai.database.engine import leave_tenant
from sentinai.database.tables import DomainPackRow, PolicyPackRow, TenantRow
from sentinai.database.tenant_session import ACROSS_TENANTS, TenantSession

_IN_PLACE = {"synchronize_session": False}


def packs(session: TenantSession, domain: str) -> Packs:
    """The newest Domain Pack of a domain and this tenant's newest Policy Pack; empty where there is none."""
    of_domain = newest_domain_pack(session, domain)
    of_tenant = newest_policy_pack(session)
    return Packs(
        domain=of_domain.pack if of_domain else {},
        policy=of_tenant.pack if of_tenant else {},
        domain_version=of_domain.version if of_domain else None,
        policy_version=of_tenant.version if of_tenant else None,
    )


def newest_domain_pack(session: TenantSession, domain: str) -> DomainPackRow | None:
    """The version of a Domain Pack that counts."""
    query = select(DomainPackRow).where(DomainPackRow.domain == domain)
    return session.scalars(query.order_by(DomainPackRow.version.desc()).limit(1)).one_or_none()


def newest_policy_pack(session: TenantSession) -> PolicyPackRow | None:
    """The version of this tenant's Policy Pack that counts."""
    return session.scalars(select(PolicyPackRow).order_by(PolicyPackRow.version.desc()).limit(1)).one_or_none()


def add_domain_pack(session: TenantSession, domain: str, pack: Mapping[str, Any], now: datetime) -> DomainPackRow:
    """Store the next version of a Domain Pack; the catalogue of every tenant changes by it."""
    leave_tenant(session)
    session.execute(
        update(TenantRow).values(catalogue_revision=TenantRow.catalogue_revision + 1),
        execution_options={**_IN_PLACE, ACROSS_TENANTS: True},
    )
    standing = session.scalar(select(func.max(DomainPackRow.version)).where(DomainPackRow.domain == domain))
    row = DomainPackRow(domain=domain, version=(standing or 0) + 1, pack=dict(pack), created_at=now)
    session.add(row)
    session.flush()
    return row


def add_policy_pack(session: TenantSession, pack: Mapping[str, Any], now: datetime) -> PolicyPackRow:
    """Store the next version of this tenant's Policy Pack."""
    raise_revision(session)
    standing = session.scalar(select(func.max(PolicyPackRow.version)))
    row = PolicyPackRow(tenant_id=session.tenant_id, version=(standing or 0) + 1, pack=dict(pack), created_at=now)
    session.add(row)
    session.flush()
    return row
