"""The revision of a tenant's catalogue, which is read before every match and therefore without SQLAlchemy."""

from __future__ import annotations

from collections import deque
from typing import Any

from sentinai.database.engine import Database, translated_errors, unavailable

_STATEMENT = {
    "sqlite": "SELECT catalogue_revision FROM tenant WHERE tenant_id = ?",
    "postgresql": "SELECT catalogue_revision FROM tenant WHERE tenant_id = %s",
}


class Revisions:
    """Reads revisions; safe to share between threads.

    It keeps idle driver connections of its own, as many as were ever in use at once: checking one out of the
    engine's pool and back in takes several times as long as the query.
    """

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self._statement = _STATEMENT[database.dialect]
        self._fault = database.engine.dialect.loaded_dbapi.Error
        self.idle: deque[Any] = deque()
        """The driver connections that are not in use."""

    def of(self, tenant_id: str) -> int | None:
        """The revision of a tenant's catalogue; None for a tenant that is not stored.

        Raises:
            DatabaseUnavailable: the database cannot be reached, stays locked, or has no tables yet.
        """
        try:
            connection = self.idle.pop()
        except IndexError:
            return self._query_on_new_connection(tenant_id)
        try:
            return self._query(connection, tenant_id)
        except self._fault:
            # The database may have restarted; a new connection shows whether it is available again.
            connection.close()
            return self._query_on_new_connection(tenant_id)

    def _query_on_new_connection(self, tenant_id: str) -> int | None:
        with translated_errors():
            connection = self._connect()
        try:
            return self._query(connection, tenant_id)
        except self._fault as error:
            connection.close()
            raise unavailable(error) from error

    def _query(self, connection: Any, tenant_id: str) -> int | None:
        cursor = connection.cursor()
        cursor.execute(self._statement, (tenant_id,))
        # Fetch all rows: an unfinished statement would keep its snapshot open.
        found = cursor.fetchall()
        cursor.close()
        self.idle.append(connection)
        return int(found[0][0]) if found else None

    def _connect(self) -> Any:
        """A connection outside the pool, in autocommit mode, so that each query sees the latest commit."""
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()
        return connection.connection.dbapi_connection
