"""At which revision a tenant's catalogue is: read before every match, so by the shortest way there is."""

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

    Connections of its own lie ready for it, as many as ever asked at one time, and it asks the driver: taking
    one out of the engine's pool and giving it back takes several times as long as the question.
    """

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self._statement = _STATEMENT[database.dialect]
        self._fault = database.engine.dialect.loaded_dbapi.Error
        self.idle: deque[Any] = deque()
        """The driver's connections that nobody is asking now."""

    def of(self, tenant_id: str) -> int | None:
        """The revision of a tenant's catalogue; None for a tenant that is not stored.

        Raises:
            DatabaseUnavailable: the database is away, stays locked, or has no tables yet.
        """
        try:
            connection = self.idle.pop()
        except IndexError:
            return self._ask_anew(tenant_id)
        try:
            return self._ask(connection, tenant_id)
        except self._fault:
            # The database may have been away for a while; whether it still is, a new connection tells.
            connection.close()
            return self._ask_anew(tenant_id)

    def _ask_anew(self, tenant_id: str) -> int | None:
        with translated_errors():
            connection = self._connect()
        try:
            return self._ask(connection, tenant_id)
        except self._fault as error:
            connection.close()
            raise unavailable(error) from error

    def _ask(self, connection: Any, tenant_id: str) -> int | None:
        cursor = connection.cursor()
        cursor.execute(self._statement, (tenant_id,))
        # All rows: a statement that is not at its end would hold on to what it saw.
        found = cursor.fetchall()
        cursor.close()
        self.idle.append(connection)
        return int(found[0][0]) if found else None

    def _connect(self) -> Any:
        """A connection that no pool wants back, each of whose statements sees what is committed by then."""
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()
        return connection.connection.dbapi_connection
