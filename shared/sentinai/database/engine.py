"""The database, by sessions that belong to one tenant.

A query that forgets the tenant still sees only its own rows: the session filters it
(``sentinai.database.tenant_session``), and on PostgreSQL row-level security does so again.

Transactions are short. A write takes its lock at once (``BEGIN IMMEDIATE`` on SQLite, row locks on
PostgreSQL) and is retried when the database reports a serialization failure (SQLSTATE 40001) or a deadlock
(40P01).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, false, text, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from sentinai.database import postgresql
from sentinai.database.compiled_statement import CompiledStatement, execute_on_driver
from sentinai.database.tables import TenantRow
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
_UNAVAILABLE_STATES = (*_RETRIED_STATES, _UNDEFINED_TABLE, _READ_ONLY)
"""States of a database that cannot be used now: too much contention, no tables, or a standby."""
_UNMIGRATED = (_UNDEFINED_TABLE, "SQLITE_ERROR")
"""SQLite has no code of its own for a missing table; statements of this product have no other error in SQL."""
_CHANGE_NOTHING = update(TenantRow).where(false()).values(name=TenantRow.name)
_SET_TENANT = text("SELECT set_config('sentinai.tenant_id', :tenant_id, true)")
_ROLE_BYPASSING_RLS = "SELECT rolname FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)"
_SQLITE_UNIQUE_VIOLATIONS = ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")


class Database:
    """One database, used by one process.

    Raises:
        SettingsError: the settings do not name a usable database.
    """

    def __init__(self, settings: Settings) -> None:
        self._writer = _create_engine(settings)
        self.dialect = self._writer.dialect.name
        # All reads of a transaction see one snapshot, as they do on SQLite.
        snapshot = {"isolation_level": "REPEATABLE READ"} if self.dialect == "postgresql" else {}
        self._reader = self._writer.execution_options(**snapshot)
        self.engine = self._writer.execution_options()
        self._set_tenant = CompiledStatement(postgresql.set_tenant(settings), self.engine.dialect)
        # For plain connections; sessions of tenants begin without SQLAlchemy's events.
        event.listen(self.engine, "begin", _begin_reading if self.dialect == "sqlite" else self._begin_plain)

    @contextmanager
    def read(self, tenant_id: str) -> Iterator[TenantSession]:
        """A read-only session of one tenant.

        Raises:
            DatabaseUnavailable: the database cannot be reached or stays locked.
        """
        with translated_errors(), self._session(tenant_id, writes=False) as session:
            yield session

    def write(self, tenant_id: str, work: Callable[[TenantSession], T]) -> T:
        """Run ``work`` in one transaction of one tenant; either all of it is committed or nothing.

        ``work`` may run more than once, so it must have no effect other than on its session. It also runs again
        after a unique violation: another transaction was first, and the second attempt sees what it did.

        Raises:
            DatabaseUnavailable: the database cannot be reached, stays locked, or keeps failing to serialize.
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
                    if _is_read_only(error):
                        # Connections made before it could be written, or to what is a standby now, stay that way.
                        self.engine.dispose()
                    if attempt == _ATTEMPTS or not _is_retryable(error):
                        raise
                    time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - jitter, not a secret
            raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def _session(self, tenant_id: str, *, writes: bool) -> Iterator[TenantSession]:
        """A session in a transaction of its own, which is rolled back unless it is committed.

        The connection begins the transaction; the session joins it when it is first used, as not every call needs
        the ORM.
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
        """A connection for what belongs to no tenant: readiness, the list of tenants, migrations.

        Raises:
            DatabaseUnavailable: the database cannot be reached or stays locked.
        """
        with translated_errors(), self.engine.connect() as connection:
            yield connection

    def _begin_plain(self, connection: Connection) -> None:
        self._set_tenant.rows(connection, {"tenant_id": ""})

    def check(self, *, writes: bool = False) -> str:
        """``"ok"``, or why the database cannot be read now; with ``writes``, or written."""
        try:
            if writes:
                self.write("", lambda session: session.execute(_CHANGE_NOTHING))
            else:
                with self.plain() as connection:
                    connection.execute(text("SELECT 1"))
        except DatabaseUnavailable as problem:
            return problem.detail
        return "ok"


def sqlstate(error: DBAPIError) -> str | None:
    """The SQLSTATE of a PostgreSQL error, if it has one."""
    return getattr(error.orig, "sqlstate", None)


def _is_retryable(error: DBAPIError) -> bool:
    violates_unique = _sqlite_error(error) in _SQLITE_UNIQUE_VIOLATIONS
    return violates_unique or sqlstate(error) in (*_RETRIED_STATES, _UNIQUE_VIOLATION) or _is_read_only(error)


def _is_read_only(error: DBAPIError) -> bool:
    return sqlstate(error) == _READ_ONLY or _sqlite_error(error).startswith("SQLITE_READONLY")


def _sqlite_error(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlite_errorname", "")


def _create_engine(settings: Settings) -> Engine:
    url = _url(settings)
    options: dict[str, Any] = {
        "pool_size": settings.database_pool_size,
        "max_overflow": 0,
        "pool_timeout": settings.database_timeout_seconds,
        # Errors are logged; they must not contain the values.
        "hide_parameters": True,
        "json_serializer": strict_json.dumps_stored,
        "json_deserializer": strict_json.loads_stored,
    }
    if url.get_backend_name() == "sqlite":
        _create_file(url)
        engine = create_engine(url, connect_args={"timeout": settings.database_timeout_seconds}, **options)
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    engine = postgresql.engine(url, settings, **options)
    event.listen(engine, "first_connect", _warn_of_bypassed_rls)
    return engine


def _url(settings: Settings) -> URL:
    try:
        return make_url(settings.database_url)
    except (ArgumentError, ValueError) as error:
        # The error's own text may contain part of the URL, and so of the password.
        raise SettingsError("SENTINAI_DATABASE_URL: not a valid database URL") from error


def _create_file(url: URL) -> None:
    """Create the database, for this user only; SQLite gives the files beside it the same mode."""
    if not url.database or url.database.startswith((":", "file:")):
        return
    path = Path(url.database)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"SENTINAI_DATABASE_URL: cannot create the folder {path.parent} ({error.strerror})"
        ) from error
    # A file that cannot be created is reported when it is opened, by whoever needs it.
    with suppress(OSError):
        path.touch(mode=0o600, exist_ok=False)


def _warn_of_bypassed_rls(connection: Any, _record: Any) -> None:
    found = connection.execute(_ROLE_BYPASSING_RLS).fetchone()
    if found:
        _log.warning(
            "row_level_security_bypassed", role=found[0], hint="connect as a role of deploy/postgres/roles.sql"
        )
    connection.rollback()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Python's own transaction control would take the write lock late; the BEGIN statements below take it at once.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_reading(connection: Connection) -> None:
    execute_on_driver(connection, lambda cursor: cursor.execute("BEGIN"))


def _begin_writing(connection: Connection) -> None:
    execute_on_driver(connection, lambda cursor: cursor.execute("BEGIN IMMEDIATE"))


@contextmanager
def across_tenants(session: TenantSession) -> Iterator[None]:
    """Let a part of a transaction reach rows of all tenants; its statements must say ACROSS_TENANTS as well."""
    _set_tenant(session, "")
    yield
    # After an error there is no transaction to return to the tenant in.
    _set_tenant(session, session.tenant_id)


def _set_tenant(session: TenantSession, tenant_id: str) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_SET_TENANT, {"tenant_id": tenant_id}, execution_options={ACROSS_TENANTS: True})


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn errors of an unavailable database into a problem; errors in this product pass unchanged.

    Raises:
        DatabaseUnavailable: the database cannot be reached, stays locked, keeps failing to serialize, or is empty.
    """
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise unavailable(error) from error
    except DBAPIError as error:
        if error.connection_invalidated or sqlstate(error) in _UNAVAILABLE_STATES:
            raise unavailable(error) from error
        raise


def unavailable(error: Exception) -> DatabaseUnavailable:
    """The problem for an error of the database, with the driver's message."""
    origin = getattr(error, "orig", None) or error
    reason = str(origin).strip().splitlines()[0][:200].rstrip(".")
    code = getattr(origin, "sqlstate", None) or getattr(origin, "sqlite_errorname", None)
    reason = f"{reason}; run: executor migrate" if code in _UNMIGRATED else reason
    return DatabaseUnavailable(f"{reason}.", retry_after=1)
