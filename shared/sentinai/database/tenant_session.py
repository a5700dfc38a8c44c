"""Sessions that belong to one tenant: they add the tenant filter to every statement themselves.

A statement that cannot be filtered is refused, and so is a row of another tenant that is about to be written. The
filter belongs to the class, so no session of this class lacks it; only ``Database`` creates sessions.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from sentinai.database.tables import TenantOwned

ACROSS_TENANTS = "sentinai_across_tenants"
"""The execution option of a statement that concerns all tenants, or none."""


class TenantFilterError(RuntimeError):
    """A statement would have crossed its tenant's boundary: a bug, not the caller's error."""


class TenantSession(Session):
    """A session on a connection that is in a transaction, bound to one tenant."""

    def __init__(self, connection: Connection, tenant_id: str) -> None:
        super().__init__(connection, expire_on_commit=False)
        self.own_connection = connection
        self.tenant_id = tenant_id


@event.listens_for(TenantSession, "do_orm_execute")
def _filter_by_tenant(state: ORMExecuteState) -> None:
    """Bind a statement to the session's tenant, or refuse it."""
    if state.execution_options.get(ACROSS_TENANTS):
        return
    if not state.is_orm_statement:
        raise TenantFilterError("only ORM statements can be filtered by tenant")
    tenant_id = _tenant_of(state.session)
    if state.is_insert:
        _check_inserted(state, tenant_id)
        return
    state.statement = state.statement.options(
        with_loader_criteria(
            TenantOwned,
            lambda table: table.tenant_id == tenant_id,
            include_aliases=True,
            propagate_to_loaders=True,
        )
    )


@event.listens_for(TenantSession, "before_flush")
def _check_flushed(session: Session, _context: object, _instances: object) -> None:
    tenant_id = _tenant_of(session)
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, TenantOwned) and row.tenant_id != tenant_id:
            raise TenantFilterError("a row of another tenant was about to be written")


def _check_inserted(state: ORMExecuteState, tenant_id: str) -> None:
    mapper = state.bind_mapper
    if mapper is None or not issubclass(mapper.class_, TenantOwned):
        return
    given: Any = state.parameters
    rows = given if isinstance(given, list) else [given]
    if any(not row or row.get("tenant_id") != tenant_id for row in rows):
        raise TenantFilterError("a row of another tenant was about to be inserted")


def _tenant_of(session: Session) -> str:
    assert isinstance(session, TenantSession)
    return session.tenant_id
