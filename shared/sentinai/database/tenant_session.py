"""The fence around a tenant's session: it adds the tenant filter to every statement itself.

Statements that cannot be fenced are refused, and so is a row of another tenant that is about to be written.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from sentinai.database.tables import TenantOwned

ACROSS_TENANTS = "sentinai_across_tenants"
"""The execution option of a statement that is about all tenants, or none."""


class TenantFilterError(RuntimeError):
    """A statement was about to leave its tenant: a fault of ours, never of the caller."""


@event.listens_for(Session, "do_orm_execute")
def _fence(state: ORMExecuteState) -> None:
    """Bind every statement of a tenant session to its tenant, or refuse it."""
    if state.execution_options.get(ACROSS_TENANTS):
        return
    tenant_id = state.session.info.get("tenant_id")
    if tenant_id is None or not state.is_orm_statement:
        raise TenantFilterError("only ORM statements of a tenant session can be fenced")
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


def _check_inserted(state: ORMExecuteState, tenant_id: str) -> None:
    mapper = state.bind_mapper
    if mapper is None or not issubclass(mapper.class_, TenantOwned):
        return
    given: Any = state.parameters
    rows = given if isinstance(given, list) else [given]
    if any(not row or row.get("tenant_id") != tenant_id for row in rows):
        raise TenantFilterError("a row of another tenant was about to be inserted")


@event.listens_for(Session, "before_flush")
def _check_added(session: Session, _context: object, _instances: object) -> None:
    tenant_id = session.info.get("tenant_id")
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, TenantOwned) and row.tenant_id != tenant_id:
            raise TenantFilterError("a row of another tenant was about to be written")
