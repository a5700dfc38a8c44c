"""Tenants in the database, and the revision of each tenant's catalogue."""

from __future__ import annotations

from sqlalchemy import insert, select, update

from sentinai.database.engine import Database
from sentinai.database.tables import TenantRow
from sentinai.database.tenant_session import TenantSession

_TENANT = TenantRow.__table__.c
WITHOUT_SYNCHRONIZATION = {"synchronize_session": False}
"""The execution option of an update whose rows the session does not hold as objects."""


def tenant_ids(database: Database) -> list[str]:
    """The ids of all tenants, sorted."""
    with database.plain() as connection:
        return list(connection.scalars(select(_TENANT.tenant_id).order_by(_TENANT.tenant_id)))


def add_tenant(session: TenantSession, tenant_id: str, name: str) -> bool:
    """Store a tenant. Returns False if it exists."""
    if revision(session) is not None:
        return False
    row = {"tenant_id": tenant_id, "name": name, "status": "active", "catalogue_revision": 0}
    session.execute(insert(TenantRow), [row])
    return True


def ensure_tenant(session: TenantSession, tenant_id: str) -> None:
    """Store the token's tenant if it does not exist: a tenant is created by the first write for it."""
    add_tenant(session, tenant_id, tenant_id)


def increment_revision(session: TenantSession) -> None:
    """Record that the tenant's catalogue has changed."""
    session.execute(
        update(TenantRow).values(catalogue_revision=TenantRow.catalogue_revision + 1),
        execution_options=WITHOUT_SYNCHRONIZATION,
    )


def lock_catalogue(session: TenantSession) -> None:
    """Allow only one transaction at a time to publish for the tenant."""
    session.scalar(select(TenantRow.catalogue_revision).with_for_update())


def revision(session: TenantSession) -> int | None:
    """The revision of the tenant's catalogue; None if the tenant does not exist."""
    return session.scalar(select(TenantRow.catalogue_revision))
