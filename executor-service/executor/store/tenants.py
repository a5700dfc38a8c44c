"""The list of tenants, for what works through all of them: the worker, the verification, the loader."""

from __future__ import annotations

from sqlalchemy import select

from sentinai.database.engine import Database
from sentinai.database.tables import TenantRow

_TENANT = TenantRow.__table__.c


def tenant_ids(database: Database) -> list[str]:
    """Every tenant, in order."""
    with database.plain() as connection:
        return list(connection.scalars(select(_TENANT.tenant_id).order_by(_TENANT.tenant_id)))
