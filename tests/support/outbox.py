"""What the outbox of a tenant holds."""

from __future__ import annotations

from sqlalchemy import func, select

from executor.store.tables import OutboxRow
from sentinai.database.engine import Database


def counts(database: Database, tenant_id: str) -> dict[str, int]:
    """The number of messages in each status that occurs."""
    query = select(OutboxRow.status, func.count(OutboxRow.outbox_id)).group_by(OutboxRow.status)
    with database.read(tenant_id) as session:
        return {row[0]: row[1] for row in session.execute(query)}
