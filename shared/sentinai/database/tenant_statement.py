"""Statements that are compiled once, with the tenant filter in them: for what every call does.

A session filters each ORM statement when it is executed (``sentinai.database.tenant_session``), and SQLAlchemy
looks each one over again; that is most of the time of a short transaction. A ``TenantStatement`` has the filter
put into it when it is made. The tenant that it is executed for is the session's: it cannot be given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Delete, Insert, Select, SelectBase, Table, Update, bindparam
from sqlalchemy.orm import Session
from sqlalchemy.sql.visitors import iterate

from sentinai.database.compiled_statement import CompiledStatement
from sentinai.database.engine import connection_of
from sentinai.database.tenant_session import TenantFilterError

_NOTHING: Mapping[str, Any] = {}
_TENANT = "tenant_id"
_PARAMETER = "fenced_tenant_id"


class TenantStatement:
    """A statement on one table that tenants own; its other values are ``bindparam``s.

    Raises:
        FenceError: the statement is about no table with tenants or about several, or has another within it.
    """

    def __init__(self, statement: Select[Any] | Update | Delete | Insert) -> None:
        table = _table(statement)
        if isinstance(statement, Insert):
            self._statement: Any = statement
            self._parameter = _TENANT
        else:
            self._statement = statement.where(table.c[_TENANT] == bindparam(_PARAMETER))
            self._parameter = _PARAMETER
        self._made: dict[str, CompiledStatement] = {}

    def rows(self, session: Session, values: Mapping[str, Any] = _NOTHING) -> list[list[Any]]:
        """The rows that a select finds among those of the session's tenant, each as its columns' values."""
        tenant, connection = self._tenant(session), connection_of(session)
        return self._for(connection).rows(connection, {**values, **tenant})

    def change(self, session: Session, values: Mapping[str, Any] = _NOTHING) -> int:
        """Change rows of the session's tenant, or insert one; how many there were."""
        tenant, connection = self._tenant(session), connection_of(session)
        return self._for(connection).change(connection, {**values, **tenant})

    def change_many(self, session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute the statement once for each of the rows; of an insert, each becomes the tenant's."""
        tenant, connection = self._tenant(session), connection_of(session)
        self._for(connection).change_many(connection, [{**row, **tenant} for row in rows])

    def _for(self, connection: Connection) -> CompiledStatement:
        """The statement made for the database that is used; a process uses one kind, tests both."""
        made = self._made.get(connection.dialect.name)
        if made is None:
            made = self._made[connection.dialect.name] = CompiledStatement(self._statement, connection.dialect)
        return made

    def _tenant(self, session: Session) -> dict[str, str]:
        tenant_id = session.info.get(_TENANT)
        if tenant_id is None:
            raise TenantFilterError("a fenced statement needs the session of a tenant")
        return {self._parameter: tenant_id}


def _table(statement: Select[Any] | Update | Delete | Insert) -> Table:
    tables = statement.get_final_froms() if isinstance(statement, Select) else [statement.table]
    if len(tables) != 1 or not isinstance(tables[0], Table) or _TENANT not in tables[0].c:
        raise TenantFilterError("a fenced statement is about one table that tenants own")
    if any(isinstance(part, SelectBase) and part is not statement for part in iterate(statement)):
        raise TenantFilterError("a fenced statement has no statement within it, for that would have no fence")
    return tables[0]
