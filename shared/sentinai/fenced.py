"""Statements made once, fenced once: for what is done with every call.

A session fences each ORM statement when it is executed (``sentinai.database``), and SQLAlchemy looks each
one over anew; that is most of the time of a short transaction. A ``Fenced`` statement has the tenant's
filter put into it when it is made. The tenant that it is executed for is the session's: it cannot be given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import CursorResult, Delete, Insert, Select, SelectBase, Table, Update, bindparam
from sqlalchemy.orm import Session
from sqlalchemy.sql.visitors import iterate

from sentinai.database import FenceError

_TENANT = "tenant_id"
_PARAMETER = "fenced_tenant_id"


class Fenced:
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

    def execute(self, session: Session, values: Mapping[str, Any] | None = None) -> CursorResult[Any]:
        """Execute the statement for the session's tenant."""
        return session.connection().execute(self._statement, {**(values or {}), **self._tenant(session)})

    def execute_many(self, session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute the statement once for each of the rows; of an insert, each becomes the tenant's."""
        tenant = self._tenant(session)
        session.connection().execute(self._statement, [{**row, **tenant} for row in rows])

    def _tenant(self, session: Session) -> dict[str, str]:
        tenant_id = session.info.get(_TENANT)
        if tenant_id is None:
            raise FenceError("a fenced statement needs the session of a tenant")
        return {self._parameter: tenant_id}


def _table(statement: Select[Any] | Update | Delete | Insert) -> Table:
    tables = statement.get_final_froms() if isinstance(statement, Select) else [statement.table]
    if len(tables) != 1 or not isinstance(tables[0], Table) or _TENANT not in tables[0].c:
        raise FenceError("a fenced statement is about one table that tenants own")
    if any(isinstance(part, SelectBase) and part is not statement for part in iterate(statement)):
        raise FenceError("a fenced statement has no statement within it, for that would have no fence")
    return tables[0]
