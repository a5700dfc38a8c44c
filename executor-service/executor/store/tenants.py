"""Tenants in the database, and the revision of each tenant's catalogue."""

from __future__ import annotations

from sqlalchemy import insert, select, update

from sentinai.database.engine import Database
from sentinai.database.tables import TenantRow
from sentinai.database.tenant_session import TenantSession

_TENANT = TenantRow.__table__.c
_IN_PLACE = {"synchronize_session": False}


def tenant_ids(database: Database) -> list[str]:
    """Every tenant, in order."""
    with database.plain() as connection:
        return list(connection.scalars(select(_TENANT.tenant_id).order_by(_TENANT.tenant_id)))


def add_tenant(session: TenantSession, tenant_id: str, name: str) -> bool:
    """Store a tenant; False when there is one of that id already."""
    if session.scalar(select(TenantRow.tenant_id)) is not None:
        return False
    row = {"tenant_id": tenant_id, "name": name, "status": "active", "catalogue_revision": 0}
    session.execute(insert(TenantRow), [row])
    return True


def require_tenant(session: TenantSession, tenant_id: str) -> None:
    """Make sure that the token's tenant has a row; a tenant begins with the first thing it stores."""
    add_tenant(session, tenant_id, tenant_id)


def raise_revision(session: TenantSession) -> None:
    """Say that this tenant's catalogue changed."""
    session.execute(
        update(TenantRow).values(catalogue_revision=TenantRow.catalogue_revision + 1),
        execution_options=_IN_PLACE,
    )


def lock_catalogue(session: TenantSession) -> None:
    """Let one publisher of a tenant work at a time."""
    session.scalar(select(TenantRow.catalogue_revision).with_for_update())


def revision(session: TenantSession) -> int | None:
    """The revision of this tenant's catalogue; None while the tenant has stored nothing."""
    return session.scalar(select(TenantRow.catalogue_revision))
