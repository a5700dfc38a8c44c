"""Statements that are compiled once, including the tenant filter, for the most frequent queries.

A session filters each ORM statement when it is executed (``sentinai.database.tenant_session``), and SQLAlchemy
analyses each one again; that is most of the time of a short transaction. A ``TenantStatement`` gets the filter
when it is created, and always takes the tenant from the session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Delete, Dialect, Insert, Select, SelectBase, Table, Update, bindparam
from sqlalchemy.sql.visitors import iterate

from sentinai.database.compiled_statement import CompiledStatement
from sentinai.database.tenant_session import TenantFilterError, TenantSession

_NOTHING: Mapping[str, Any] = {}
_TENANT = "tenant_id"
_PARAMETER = "session_tenant_id"


class TenantStatement:
    """A statement on one table that tenants own; its other values are ``bindparam``s.

    Raises:
        TenantFilterError: the statement concerns no tenant table, or several, or contains another statement.
    """

    def __init__(self, statement: Select[Any] | Update | Delete | Insert) -> None:
        table = _table(statement)
        if isinstance(statement, Insert):
            self._statement: Any = statement
            self._parameter = _TENANT
        else:
            self._statement = statement.where(table.c[_TENANT] == bindparam(_PARAMETER))
            self._parameter = _PARAMETER
        self._compiled: dict[str, CompiledStatement] = {}

    def rows(self, session: TenantSession, values: Mapping[str, Any] = _NOTHING) -> list[list[Any]]:
        """The rows of the session's tenant that a select finds, each as the values of its columns."""
        connection = session.own_connection
        return self._for(connection.dialect).rows(connection, self._bound(session, values))

    def change(self, session: TenantSession, values: Mapping[str, Any] = _NOTHING) -> int:
        """Change rows of the session's tenant, or insert one; returns how many."""
        connection = session.own_connection
        return self._for(connection.dialect).change(connection, self._bound(session, values))

    def change_many(self, session: TenantSession, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute the statement once for each of the rows; inserted ones belong to the session's tenant."""
        connection = session.own_connection
        bound = [self._bound(session, row) for row in rows]
        self._for(connection.dialect).change_many(connection, bound)

    def _for(self, dialect: Dialect) -> CompiledStatement:
        """The statement compiled for the database in use; a process uses one kind, the tests use both."""
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = CompiledStatement(self._statement, dialect)
        return compiled

    def _bound(self, session: TenantSession, values: Mapping[str, Any]) -> dict[str, Any]:
        return {**values, self._parameter: session.tenant_id}


def _table(statement: Select[Any] | Update | Delete | Insert) -> Table:
    tables = statement.get_final_froms() if isinstance(statement, Select) else [statement.table]
    if len(tables) != 1 or not isinstance(tables[0], Table) or _TENANT not in tables[0].c:
        raise TenantFilterError("a tenant statement is about exactly one table that tenants own")
    if any(isinstance(part, SelectBase) and part is not statement for part in iterate(statement)):
        raise TenantFilterError("a tenant statement contains no other statement: that one would not be filtered")
    return tables[0]
