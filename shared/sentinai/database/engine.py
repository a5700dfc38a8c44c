"""The database behind sessions that belong to one tenant.

A query that forgets the tenant still sees only its own rows: the session filters it
(``sentinai.database.tenant_session``), and on PostgreSQL row-level security does so again.

Transactions are short. A write takes its lock at once (``BEGIN IMMEDIATE`` on SQLite, row locks on
PostgreSQL) and is tried again when the database reports a serialization failure (SQLSTATE 40001) or a
deadlock (40P01).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from sentinai.database.compiled_statement import CompiledStatement, execute_on_driver
from sentinai.database.tenant_session import ACROSS_TENANTS, TenantSession
from sentinai.documents import strict_json
from sentinai.problems import DatabaseUnavailable
from sentinai.settings import Settings, SettingsError
from sentinai.telemetry import logger

_log = logger("database")
T = TypeVar("T")
_ATTEMPTS = 6
_RETRIED_STATES = ("40001", "40P01")
_UNIQUE_VIOLATION = "23505"
_UNDEFINED_TABLE = "42P01"
_READ_ONLY = "25006"
_AWAY_STATES = (*_RETRIED_STATES, _UNDEFINED_TABLE, _READ_ONLY)
"""What a database says that cannot serve now: it keeps refusing to serialize, is empty, or is but a standby."""
_SET_TENANT = text("SELECT set_config('sentinai.tenant_id', :tenant_id, true)")
_UNFENCED_ROLE = "SELECT rolname FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)"
_SQLITE_TAKEN = ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")


class Database:
    """One database, used by one process.

    Raises:
        SettingsError: the settings name no database that could be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._writer = _create_engine(settings)
        self.dialect = self._writer.dialect.name
        # What is read together belongs together, as it does on SQLite.
        together = {"isolation_level": "REPEATABLE READ"} if self.dialect == "postgresql" else {}
        self._reader = self._writer.execution_options(**together)
        self.engine = self._writer.execution_options()
        if self.dialect == "sqlite":
            # Whoever takes a connection of its own; tenants' sessions begin without SQLAlchemy's events.
            event.listen(self.engine, "begin", _begin_reading)
        self._set_tenant = CompiledStatement(_SET_TENANT, self.engine.dialect)

    @contextmanager
    def read(self, tenant_id: str) -> Iterator[TenantSession]:
        """A session that only reads, of one tenant.

        Raises:
            DatabaseUnavailable: the database is away or stays locked.
        """
        with translated_errors(), self._session(tenant_id, writes=False) as session:
            yield session

    def write(self, tenant_id: str, work: Callable[[TenantSession], T]) -> T:
        """Run ``work`` in one transaction of one tenant; all of it is committed or nothing is.

        ``work`` may run more than once, so it must have no effect but on its session. It is run again, too,
        when a unique constraint says that another transaction was first: it then sees what that one did.

        Raises:
            DatabaseUnavailable: the database is away, stays locked, or keeps refusing to serialize.
        """
        with translated_errors():
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    with self._session(tenant_id, writes=True) as session:
                        done = work(session)
                        session.flush()
                        session.own_connection.commit()
                        return done
                except DBAPIError as error:
                    if attempt == _ATTEMPTS or not _worth_another_try(error):
                        raise
                    time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - jitter, not a secret
            raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def _session(self, tenant_id: str, *, writes: bool) -> Iterator[TenantSession]:
        """A session in a transaction of its own, which is undone where nobody commits it.

        The connection stands, begun, and the session joins in once it is used: not every call needs what it does.
        """
        with (self._writer if writes else self._reader).connect() as connection:
            connection.begin()
            if self.dialect == "postgresql":
                self._set_tenant.rows(connection, {"tenant_id": tenant_id})
            else:
                (_begin_writing if writes else _begin_reading)(connection)
            session = TenantSession(connection, tenant_id)
            try:
                yield session
            finally:
                if session.in_transaction():
                    session.close()

    @contextmanager
    def plain(self) -> Iterator[Connection]:
        """A bare connection for what belongs to no tenant: readiness, the list of tenants, shared packs.

        Raises:
            DatabaseUnavailable: the database is away or stays locked.
        """
        with translated_errors(), self.engine.connect() as connection:
            yield connection

    def check(self) -> str:
        """``"ok"``, or why the database cannot be used now."""
        try:
            with self.plain() as connection:
                connection.execute(text("SELECT 1"))
        except DatabaseUnavailable as problem:
            return problem.detail
        return "ok"


def sqlstate(error: DBAPIError) -> str | None:
    """The SQLSTATE of a PostgreSQL error, if it has one."""
    return getattr(error.orig, "sqlstate", None)


def _worth_another_try(error: DBAPIError) -> bool:
    taken = getattr(error.orig, "sqlite_errorname", "") in _SQLITE_TAKEN
    return taken or sqlstate(error) in (*_RETRIED_STATES, _UNIQUE_VIOLATION)


def _create_engine(settings: Settings) -> Engine:
    url = _address(settings)
    options: dict[str, Any] = {
        "pool_size": settings.database_pool_size,
        "max_overflow": 0,
        "pool_timeout": settings.database_timeout_seconds,
        # Errors are logged; what was to be written stays out of them.
        "hide_parameters": True,
        "json_serializer": strict_json.dumps_stored,
        "json_deserializer": strict_json.loads_stored,
    }
    if url.get_backend_name() == "sqlite":
        _make_folder(url)
        engine = create_engine(url, connect_args={"timeout": settings.database_timeout_seconds}, **options)
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    milliseconds = int(settings.database_timeout_seconds * 1000)
    timeouts = f"-c lock_timeout={milliseconds} -c statement_timeout={milliseconds * 6}"
    connect_args = {
        "connect_timeout": max(1, round(settings.database_timeout_seconds)),
        # In another time zone of the server's an instant near the year 1 or 9999 has no date that Python knows.
        "options": f"{timeouts} -c timezone=UTC",
    }
    engine = create_engine(url, connect_args=connect_args, pool_pre_ping=True, **options)
    event.listen(engine, "first_connect", _warn_of_an_unfenced_role)
    return engine


def _address(settings: Settings) -> URL:
    try:
        return make_url(settings.database_url)
    except (ArgumentError, ValueError) as error:
        # The error's own words may hold a part of the address, and so of the password.
        raise SettingsError("SENTINAI_DATABASE_URL: cannot be read as the address of a database") from error


def _make_folder(url: URL) -> None:
    if not url.database:
        return
    folder = Path(url.database).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"SENTINAI_DATABASE_URL: the folder {folder} cannot be made ({error.strerror})"
        ) from error


def _warn_of_an_unfenced_role(connection: Any, _record: Any) -> None:
    found = connection.execute(_UNFENCED_ROLE).fetchone()
    if found:
        _log.warning("role_past_row_level_security", role=found[0], hint="connect as a role of deploy/postgres")
    connection.rollback()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Python's own transaction control would start writes late, as readers; BEGIN is ours (see below).
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_reading(connection: Connection) -> None:
    execute_on_driver(connection, lambda cursor: cursor.execute("BEGIN"))


def _begin_writing(connection: Connection) -> None:
    execute_on_driver(connection, lambda cursor: cursor.execute("BEGIN IMMEDIATE"))


def leave_tenant(session: TenantSession) -> None:
    """Let the rest of a transaction reach the rows that every tenant shares (statements must say so too)."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_SET_TENANT, {"tenant_id": ""}, execution_options={ACROSS_TENANTS: True})


@contextmanager
def translated_errors() -> Iterator[None]:
    """Tell of faults of the database as a problem of the caller's, and of faults of ours as they are.

    Raises:
        DatabaseUnavailable: the database is away, stays locked, keeps refusing to serialize, or has no tables.
    """
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise unavailable(error) from error
    except DBAPIError as error:
        if error.connection_invalidated or sqlstate(error) in _AWAY_STATES:
            raise unavailable(error) from error
        raise


def unavailable(error: Exception) -> DatabaseUnavailable:
    """The problem that an error of the database is to a caller, in the driver's words."""
    origin = getattr(error, "orig", None) or error
    reason = str(origin).strip().splitlines()[0][:200].rstrip(".")
    bare = getattr(origin, "sqlstate", None) == _UNDEFINED_TABLE or reason.startswith("no such table")
    reason = f"{reason}; run: executor migrate" if bare else reason
    return DatabaseUnavailable(f"The database did not serve: {reason}.", retry_after=1)
