"""Connections to PostgreSQL, directly or through PgBouncer, that are given up when they go silent.

Nothing is set for a whole session: behind PgBouncer in transaction mode there is none. So there are no startup
options, and each transaction sets its own timeouts and time zone.
"""

from __future__ import annotations

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Dialect, Engine, TextClause, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.pool import ConnectionPoolEntry

from sentinai.settings import Settings

RV = TypeVar("RV")
_INTERVAL_SECONDS = 0.1
_KEEPALIVES = 5
_SET_TENANT = (
    "SELECT set_config('sentinai.tenant_id', :tenant_id, true), set_config('lock_timeout', '{lock}', true), "
    # In another time zone, instants near the years 1 and 9999 would be dates that Python cannot represent.
    "set_config('statement_timeout', '{statement}', true), set_config('TimeZone', 'UTC', true)"
)


class GuardedConnection(psycopg.Connection[Any]):
    """A connection that is closed when the server takes longer than ``silence_seconds``.

    The server ends statements before that by its own timeout. So this is for a server that can no longer say so:
    TCP does not notice when a proxy between goes on acknowledging.
    """

    silence_seconds: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = _INTERVAL_SECONDS, timeout: float | None = None) -> RV:
        """Run an operation to its end.

        Raises:
            OperationalError: it took too long, and the connection is closed.
        """
        if timeout is not None or self.silence_seconds is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.silence_seconds)
        except psycopg.OperationalError as error:
            if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise  # The connection is broken; else the statement is still running.
            self.pgconn.finish()
            raise psycopg.OperationalError(
                f"the database did not answer within {self.silence_seconds:g} seconds"
            ) from error


def set_tenant(settings: Settings) -> TextClause:
    """The statement that a transaction begins with: its tenant, timeouts and time zone, until it ends."""
    lock = int(settings.database_timeout_seconds * 1000)
    return text(_SET_TENANT.format(lock=lock, statement=lock * 9 // 5))


def engine(url: URL, settings: Settings, **options: Any) -> Engine:
    """An engine whose connections are guarded."""
    silence_seconds = settings.database_timeout_seconds * 2
    connect_args: dict[str, Any] = {
        "connect_timeout": max(1, round(settings.database_timeout_seconds)),
        "keepalives": 1,
        "keepalives_idle": max(1, round(silence_seconds / 2)),
        "keepalives_interval": max(1, round(silence_seconds / 2 / _KEEPALIVES)),
        "keepalives_count": _KEEPALIVES,
        "tcp_user_timeout": int(silence_seconds * 1000),
    }
    if not settings.database_prepared_statements:
        connect_args["prepare_threshold"] = None
    made = create_engine(url, connect_args=connect_args, pool_pre_ping=True, **options)

    def connect(_dialect: Dialect, _record: ConnectionPoolEntry, args: Any, arguments: Any) -> GuardedConnection:
        connection = GuardedConnection.connect(*args, **arguments)
        connection.silence_seconds = silence_seconds
        return connection

    event.listen(made, "do_connect", connect)
    return made


def lift_time_limits(connection: Connection) -> None:
    """Let the statements of a transaction, and its connection from now on, take any time; for migrations."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    guarded = connection.connection.dbapi_connection
    assert isinstance(guarded, GuardedConnection)
    guarded.silence_seconds = None
