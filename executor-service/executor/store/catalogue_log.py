"""The log of a tenant's catalogue: who published and retired what. Its end is in the tenant's row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from executor.domain.changeset import AddedEvent
from executor.domain.hash_chain import GENESIS
from executor.domain.model import Actor, Event, NewEvent
from executor.store.events import LogEnd, chained
from executor.store.tables import CatalogueEventRow
from executor.store.tenants import WITHOUT_SYNCHRONIZATION
from sentinai.database.tables import TenantRow
from sentinai.database.tenant_session import TenantSession
from sentinai.documents.strict_json import same

_NAMES = tuple(field.name for field in fields(Event))


def append(session: TenantSession, event: NewEvent, actor: Actor, now: datetime) -> None:
    """Append an event, in the transaction of the change that it records."""
    [added] = chained(end(session, lock=True), [AddedEvent.by(actor, event)], now)
    row = {"tenant_id": session.tenant_id, **{name: getattr(added, name) for name in _NAMES}}
    session.execute(insert(CatalogueEventRow), [row])
    session.execute(
        update(TenantRow).values(event_seq=added.seq, event_hash=added.hash),
        execution_options=WITHOUT_SYNCHRONIZATION,
    )


def end(session: TenantSession, *, lock: bool = False) -> LogEnd:
    """The end of the log, as the tenant's row has it; ``lock`` keeps other transactions from appending."""
    query = select(TenantRow.event_seq, TenantRow.event_hash)
    row = session.execute(query.with_for_update() if lock else query).one_or_none()
    return LogEnd(session.tenant_id, None, row.event_seq if row else 0, row.event_hash if row else GENESIS)


def changed_members(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[str]:
    """The names of the members that differ, sorted; without a version before, all that there are."""
    stored = before or {}
    return sorted(name for name in {*stored, *after} if not same(stored.get(name), after.get(name)))
